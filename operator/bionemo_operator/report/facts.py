"""The words and numbers at the top of a report. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bionemo_operator.report.run_record import RunRecord
from bionemo_operator.report.series import Series, series_of
from bionemo_trainer.config.layout import batches_of
from bionemo_trainer.config.parameters import num_parameters
from bionemo_trainer.config.schema.root import Family

MODELS: dict[Family, str] = {
    "megamolbart": "MegaMolBART",
    "esm1nv": "ESM-1nv",
    "esm2nv": "ESM-2",
    "prott5nv": "ProtT5nv",
}
"""As their authors write them."""
_SHARES = (
    ("val_molecular_accuracy", "Exact molecules", "val_percent_invalid", "are not molecules"),
    ("val_residue_accuracy", "Right residues", None, ""),
)
"""What is told of a validation beside its loss: metric, label, and a second metric with the words behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A number in large letters."""

    label: str
    value: str
    more: str
    """Below it, in small letters; may be empty."""


type Fact = tuple[str, str]
"""A label and what stands beside it."""


def headlines(run: RunRecord) -> Iterator[Headline]:
    """What everybody asks first."""
    max_steps = run.config.trainer.max_steps
    yield Headline(label="Step", value=f"{run.step:,}", more=f"of {max_steps:,}")
    for label, metric in (
        ("Training loss", "reduced_train_loss"),
        ("Validation loss", "val_loss"),
        ("Test loss", "test_loss"),
    ):
        series = series_of(metric, run.metrics)
        if series:
            yield Headline(label=label, value=f"{series[-1].value:.3f}", more=_course(series))
    for metric, label, second, words in _SHARES:
        series, others = series_of(metric, run.metrics), series_of(second, run.metrics) if second else ()
        if series:
            more = f"{per_cent(others[-1].value)} {words}" if others else ""
            yield Headline(label=label, value=per_cent(series[-1].value), more=more)


def facts(run: RunRecord) -> Iterator[Fact]:
    """What the run is, and how it went."""
    config, description = run.config, run.description
    yield "Recipe", description.recipe or "none: a configuration of its own"
    yield "Model", f"{MODELS[config.family]}, {num_parameters(config.model):,} parameters"
    yield "Layout", f"{description.layout}, precision {config.trainer.precision}"
    yield "Batch", f"{batches_of(config)}, up to {config.model.seq_length} tokens per sequence"
    yield "Trained on", f"{run.consumed_samples:,} samples"
    yield "State", "finished" if is_finished(run) else f"at step {run.step:,} of {config.trainer.max_steps:,}"
    yield "Started", _time(description.started_at)
    yield "Last log", _time(run.last_logged_at)
    if description.started_at and run.last_logged_at:
        yield "Between them", duration(run.last_logged_at - description.started_at)
    yield "Attempts", str(run.attempts or "not recorded")
    yield "Last checkpoint", _checkpoint(run)
    yield "Seed", str(config.seed)
    yield "Versions", ", ".join(f"{package} {version}" for package, version in description.versions.items())


def is_finished(run: RunRecord) -> bool:
    """Whether all steps are done."""
    return run.step >= run.config.trainer.max_steps


def duration(span: timedelta) -> str:
    """`2 d 3 h`, `4 h 5 min`, `6 min 7 s`."""
    seconds = max(0, round(span.total_seconds()))
    parts = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s"))
    first = next((place for place, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2])


def per_cent(share: float) -> str:
    """`12.5 %` for an eighth."""
    return f"{100 * share:.1f} %"


def _course(series: Series) -> str:
    return (
        f"from {series[0].value:.3f} at step {series[0].step:,}" if len(series) > 1 else f"at step {series[0].step:,}"
    )


def _time(moment: datetime | None) -> str:
    return "not recorded" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _checkpoint(run: RunRecord) -> str:
    saved = run.checkpoint
    return "none" if saved is None else f"step {saved.step:,}, {saved.name}, saved {_time(saved.saved_at)}"
