"""Guess what a user meant by a name that does not exist."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean X? ` for the most similar known name, or nothing when none is similar."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {matches[0]}? " if matches else ""


def nearest_key(key: str, known: Iterable[str]) -> str:
    """The same for dotted keys: the last part must be similar, and of several such keys the one in the nearest section."""
    paths_by_leaf: dict[str, list[str]] = {}
    for path in known:
        paths_by_leaf.setdefault(path.rpartition(".")[2], []).append(path)
    leaves = get_close_matches(key.rpartition(".")[2], paths_by_leaf, n=1, cutoff=0.7)
    return nearest(key, paths_by_leaf[leaves[0]]) if leaves else ""
