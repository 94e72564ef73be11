"""The validations of a run as a table, for those who want numbers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bionemo_operator.report.series import series_of
from bionemo_trainer.run_folder import Record

ROWS_SHOWN = 20
"""The newest ones."""
_COLUMNS = (
    ("val_loss", "Loss, nats", False),
    ("val_perplexity", "Perplexity", False),
    ("val_character_accuracy", "Right characters", True),
    ("val_molecular_accuracy", "Exact molecules", True),
    ("val_percent_invalid", "Not a molecule", True),
    ("val_residue_accuracy", "Right residues", True),
)
"""Metric, heading, and whether it is a share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Headings and rows of text."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    num_left_out: int


def validations(records: Sequence[Record]) -> Table:
    """One row per validated step, the newest first; without the columns that have no number."""
    columns = [
        (heading, is_share, {point.step: point.value for point in series_of(metric, records)})
        for metric, heading, is_share in _COLUMNS
    ]
    present = [column for column in columns if column[2]]
    steps = sorted({step for _, _, values in present for step in values}, reverse=True)
    rows = tuple(
        (f"{step:,}", *(_text(values.get(step), is_share=is_share) for _, is_share, values in present))
        for step in steps[:ROWS_SHOWN]
    )
    headings = ("Step", *(heading for heading, _, _ in present))
    return Table(headings=headings, rows=rows, num_left_out=max(0, len(steps) - ROWS_SHOWN))


def _text(value: float | None, *, is_share: bool) -> str:
    if value is None:
        return ""
    return f"{100 * value:.1f} %" if is_share else f"{value:.4g}"
