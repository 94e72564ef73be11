"""`bionemo check`: judge files as the operator and the trainer would, and show the arithmetic of what is right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bionemo_operator.api.fields import ClaimReference
from bionemo_operator.api.parse import parse_resource
from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.cli.documents import Document, read_documents
from bionemo_operator.cli.output import console
from bionemo_operator.cli.recipes import in_millions
from bionemo_operator.cli.speed import PRODUCT_LABEL, Assumptions, Fact, speed_facts
from bionemo_operator.planning.training_config import training_config
from bionemo_trainer.config.composition import compose_content
from bionemo_trainer.config.layout import batches_of, counted, layout_of
from bionemo_trainer.config.load import Loaded, load_tree
from bionemo_trainer.config.memory import estimate_memory
from bionemo_trainer.config.parameters import num_parameters
from bionemo_trainer.config.ranges import expand_range
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.contract import ExitCode
from bionemo_trainer.errors import ConfigError, Problem

_REQUIRED = {"dataset": {"claim": {"name": "unknown"}}, "results": {"claim": {"name": "unknown"}}}
"""Stands for required fields that are wrong, while the rest of a training is judged."""

_NOTHING_KNOWN = Assumptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found out about one document."""

    title: str
    facts: tuple[Fact, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())


def check_files(paths: Sequence[Path], overrides: Sequence[str], assumptions: Assumptions = _NOTHING_KNOWN) -> int:
    """Check all documents below the paths, print a verdict on each, and return the exit code."""
    documents, failures = read_documents(paths)
    verdicts = [Verdict(title=name, problems=tuple(map(str, error.problems))) for name, error in failures]
    verdicts += [verdict_on(document, overrides, assumptions) for document in documents]
    out = console()
    for verdict in verdicts:
        _print_verdict(out, verdict)
    wrong = sum(bool(verdict.problems) for verdict in verdicts)
    out.print(f"{counted(len(verdicts), 'document')} checked, {wrong} with problems")
    return ExitCode.CONFIG if wrong or not verdicts else ExitCode.OK


def verdict_on(document: Document, overrides: Sequence[str], assumptions: Assumptions) -> Verdict:
    """The verdict on one document, whichever kind it is."""
    title = document.place
    try:
        if not document.is_resource:
            loaded = load_tree(compose_content(document.content, document.path), overrides)
            return Verdict(title=title, facts=tuple(_config_facts(loaded, assumptions)), warnings=loaded.warnings)
        resource = parsed(document)
        title = f"{title}: {resource.kind} {resource.metadata.name}"
        if isinstance(resource, BioNeMoPreprocess):
            return Verdict(title=title, facts=tuple(_preprocess_facts(resource)))
        loaded = training_config(resource)
        facts = tuple(_training_facts(resource, loaded, assumptions))
        return Verdict(title=title, facts=facts, warnings=loaded.warnings)
    except ConfigError as error:
        return Verdict(title=title, problems=tuple(map(str, error.problems)))


def parsed(document: Document) -> BioNeMoTraining | BioNeMoPreprocess:
    """The resource of a document.

    Raises:
        ConfigError: It is none; the error also holds what its recipe would answer.
    """
    try:
        return parse_resource(document.content)
    except ConfigError as error:
        raise ConfigError([*error.problems, *_problems_behind(document, error)]) from None


def _problems_behind(document: Document, error: ConfigError) -> tuple[Problem, ...]:
    """What is wrong with the configuration of a training whose own fields are wrong.

    The wrong fields are set aside for the moment, so that the recipe and its overrides can be judged at the same time.
    """
    spec = document.content.get("spec")
    if document.content.get("kind") != "BioNeMoTraining" or not isinstance(spec, Mapping):
        return ()
    wrong = {problem.field.split(".")[1] for problem in error.problems if problem.field.startswith("spec.")}
    kept = {name: value for name, value in spec.items() if name not in wrong}
    try:
        training = parse_resource({**document.content, "spec": {**_REQUIRED, **kept}})
    except ConfigError:
        return ()  # what is left is no training either, and its problems are known
    assert isinstance(training, BioNeMoTraining), "its kind says so"
    try:
        training_config(training)
    except ConfigError as behind:
        return behind.problems
    return ()


def _config_facts(loaded: Loaded, assumptions: Assumptions) -> Iterator[Fact]:
    config = loaded.config
    yield "model", f"{config.family}, {in_millions(num_parameters(config.model))} parameters"
    yield from _arithmetic(config)
    yield from speed_facts(config, assumptions, dataset=Path(config.model.data.dataset_path))
    for split in ("train", "val", "test"):
        yield split, _files_of(config, split)


def _training_facts(training: BioNeMoTraining, loaded: Loaded, assumptions: Assumptions) -> Iterator[Fact]:
    config = loaded.config
    spec = training.spec
    yield "recipe", f"{spec.recipe}, {in_millions(num_parameters(config.model))} parameters"
    yield from _arithmetic(config)
    yield from speed_facts(config, assumptions, node_label=(spec.template.node_selector or {}).get(PRODUCT_LABEL, ""))
    yield (
        "data",
        f"from BioNeMoPreprocess {spec.dataset.preprocess_ref.name}"
        if spec.dataset.preprocess_ref
        else (f"in {_claim(spec.dataset.claim)}"),
    )
    for split, key in (("train", "train"), ("validation", "val"), ("test", "test")):
        yield split, _files_of(config, key) if getattr(spec.dataset, split) else "all files"
    recovery = spec.recovery
    limit = f"{counted(recovery.max_restarts, 'restart')} in {recovery.window_seconds} s"
    yield "recovery", f"a checkpoint every {spec.checkpoint.interval_steps} steps, at most {limit}"


def _arithmetic(config: TrainConfig) -> Iterator[Fact]:
    yield "layout", str(layout_of(config))
    yield "batch", f"{batches_of(config)}, up to {config.model.seq_length} tokens per sequence"
    yield "length", f"{counted(config.trainer.max_steps, 'step')} in precision {config.trainer.precision}"
    if config.trainer.accelerator == "gpu":
        yield "memory", f"about {estimate_memory(config)}"


def _preprocess_facts(preprocess: BioNeMoPreprocess) -> Iterator[Fact]:
    spec = preprocess.spec
    yield "recipe", spec.recipe
    source = spec.source
    if source.urls:
        yield "source", f"{counted(len(source.urls), 'address')}"
    else:
        yield "source", source.links_file or _claim(source.claim)
    files = f"{counted(spec.output.files, 'file')} per split" if spec.output.files else "files as needed"
    yield "output", f"{spec.output.path} in {spec.output.claim.name}, {files}"
    yield "split", f"{spec.split.validation} for validation, {spec.split.test} for test, seed {spec.split.seed}"
    yield "workers", str(spec.workers)


def _claim(claim: ClaimReference | None) -> str:
    assert claim is not None, "exactly one of the alternatives is given"
    return f"{claim.path} in {claim.name}" if claim.path else claim.name


def _files_of(config: TrainConfig, split: str) -> str:
    names = expand_range(getattr(config.model.data.dataset, split), field=split)
    ends = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
    return f"{counted(len(names), 'file')}: {ends}"


def _print_verdict(out: Console, verdict: Verdict) -> None:
    mark = Text("✗ ", "bold red") if verdict.problems else Text("✓ ", "bold green")
    out.print(mark + Text(verdict.title, "bold"))
    for label, text in verdict.facts:
        out.print(Text(f"  {label:<11}", "cyan") + Text(text))
    for warning in verdict.warnings:
        out.print(Text("  warning    ", "yellow") + Text(warning))
    for problem in verdict.problems:
        out.print(Text("  problem    ", "red") + Text(problem))
