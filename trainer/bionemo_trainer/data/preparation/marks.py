"""Records of finished work, one small JSON file each. Used by every stage: what has its mark is never done again."""

from pathlib import Path
from typing import cast

from pydantic import TypeAdapter, ValidationError

from bionemo_trainer.durable import durable
from bionemo_trainer.errors import DataError, MissingInputError


def write_mark(path: Path, value: object) -> None:
    """Records a dataclass as JSON: the work it speaks of is done."""
    with durable(path) as file:
        file.write(_adapter(type(value)).dump_json(value))


def read_mark[T](path: Path, kind: type[T], stage: str) -> T:
    """The record at a path.

    Args:
        path: Where it was written.
        kind: Its dataclass.
        stage: Which stage writes it.

    Raises:
        MissingInputError: The stage has not come this far.
        DataError: Something else has written there.
    """
    try:
        return cast("T", _adapter(kind).validate_json(path.read_bytes()))
    except FileNotFoundError:
        raise MissingInputError(f"{path}: does not exist; finish stage {stage!r} first.") from None
    except ValidationError:
        raise DataError(f"{path}: was not written by stage {stage!r}; delete {path.parent} and start again.") from None


def _adapter(kind: type[object]) -> TypeAdapter[object]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


_ADAPTERS: dict[type[object], TypeAdapter[object]] = {}
"""Making one takes a millisecond, and every stage reads the marks of all tasks of the one before."""
