"""BioNeMo's grammar for ranges of data files: `x[000..049]`, `x_OP_000..049_CL_`, `x[000,007]`, `x000`.

Brackets of every kind are rewritten to braces and expanded as a shell would. What a shell would leave alone, and what
would then fail as a missing file, is refused here with the mend.
"""

import re
from itertools import accumulate, islice

from braceexpand import braceexpand

from bionemo_trainer.errors import ConfigError, Problem

EXTENSION = ".csv"
ALL_FILES = "*"
"""Range of every file in the folder of a split, for configurations written where the folder is not seen."""
MAX_FILES = 100_000
"""More files than any dataset has; a larger range is a slip such as a missing digit."""
_OPENERS = re.compile(r"[(\[<]|_OP_")
_CLOSERS = re.compile(r"[)\]>]|_CL_")
_NUMBERS = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?")


def expand_range(text: str, *, field: str) -> tuple[str, ...]:
    """File names of a range, each with its extension once, in the order written.

    `x[000..002]` gives `("x000.csv", "x001.csv", "x002.csv")`; ranges are inclusive, may step (`x[000..010..5]`), descend,
    run over letters, be lists, nest and multiply.

    Args:
        text: The range, relative to a split's folder.
        field: Where it was written, for messages.

    Raises:
        ConfigError: The range has unbalanced brackets, brackets that name no range, too many files, or leaves the folder.
    """
    braces = _CLOSERS.sub("}", _OPENERS.sub("{", text))
    if fault := _bracket_fault(braces):
        raise _refusal(field, text, *fault)
    # The library builds each range in memory before it gives the first name, so a slip must be caught before.
    widest = max((_count(*ends) for ends in _NUMBERS.findall(braces)), default=1)
    names = () if widest > MAX_FILES else tuple(islice(braceexpand(braces, escape=False), MAX_FILES + 1))
    if max(widest, len(names)) > MAX_FILES:
        raise _refusal(field, text, f"names more than {MAX_FILES} files", "check the digits of the range")
    if fault := _fault(names):
        raise _refusal(field, text, *fault)
    return tuple(f"{name.removesuffix(EXTENSION)}{EXTENSION}" for name in names)


def _count(first: str, last: str, step: str) -> int:
    """Numbers of a range; a step of 0 counts as 1, as in the library."""
    return abs(int(last) - int(first)) // max(abs(int(step or 1)), 1) + 1


def _bracket_fault(braces: str) -> tuple[str, str] | None:
    depths = list(accumulate({"{": 1, "}": -1}.get(character, 0) for character in braces))
    if depths and depths[-1]:
        return "has a bracket without its partner", "close each bracket, as in x[000..049]"
    if min(depths, default=0) < 0:
        return "has a closing bracket before its opening one", "order the brackets, as in x[000..049]"
    return None


def _fault(names: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with expanded names, as rule and mend."""
    unexpanded = next((name for name in names if "{" in name or "}" in name), None)
    if unexpanded is not None:
        return _unexpanded_fault(unexpanded)
    if any(any(character.isspace() for character in name) for name in names):
        return "has a space in a file name", "remove the spaces"
    if any(name.removesuffix(EXTENSION) == "" for name in names):
        return "gives an empty file name", "name at least one file, as in x000"
    if any(name.startswith("/") or ".." in name.split("/") for name in names):
        return "leaves the folder of its split", "give names relative to it, as in x[000..049]"
    return None


def _unexpanded_fault(name: str) -> tuple[str, str]:
    start = name.find("{") + 1
    inside = name[start : name.find("}", start)]
    if not inside:
        return "has empty brackets", "name files in them, as in x[000..049]"
    if "..." in inside:
        return "has three dots, which name no range", f"write two: {inside.replace('...', '..')}"
    if any(character.isspace() for character in inside):
        return "has a space in its brackets", "remove the spaces"
    if re.fullmatch(r"\w+-\w+", inside):
        return "has a hyphen, which names no range", f"write two dots: {inside.replace('-', '..')}"
    if re.fullmatch(r"\w+", inside):
        return "has a single name in brackets", f"leave the brackets out: {name.replace('{', '').replace('}', '')}"
    return "has brackets that name no range", "write a range as x[000..049] or a list as x[000,007]"


def _refusal(field: str, text: str, rule: str, mend: str) -> ConfigError:
    return ConfigError([Problem(field=field, value=text, rule=rule, mend=mend)])
