"""The files of a split in BioNeMo's range grammar, when a training leaves them open. Pure."""

from collections.abc import Sequence

from bionemo_trainer.config.ranges import EXTENSION, expand_range
from bionemo_trainer.errors import ConfigError


def file_names(count: int) -> tuple[str, ...]:
    """The files of a split of a prepared dataset: `x000.csv` and on, with more digits for more than a thousand."""
    digits = max(3, len(str(count - 1)))
    return tuple(f"x{number:0{digits}d}{EXTENSION}" for number in range(count))


def range_of(names: Sequence[str]) -> str | None:
    """The range that names these files in this order; None for no files.

    `["x000.csv", "x001.csv", "x002.csv"]` gives `x[000..002]`; names that are no sequence give a list, `[a,b]`.
    """
    stems = [name.removesuffix(EXTENSION) for name in names]
    if len(stems) <= 1:
        return next(iter(stems), None)
    compact = f"x[{stems[0][1:]}..{stems[-1][1:]}]"
    return compact if _expanded(compact) == tuple(names) else f"[{','.join(stems)}]"


def _expanded(text: str) -> tuple[str, ...]:
    try:
        return expand_range(text, field="files")
    except ConfigError:
        return ()
