"""What stands for a volume claim on a workstation: a folder, named with `--claim NAME=FOLDER` or below ./volumes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bionemo_operator.api.fields import ClaimName, ClaimReference
from bionemo_trainer.errors import ConfigError, Problem

DEFAULT_FOLDER = Path("volumes")


def parse_claims(texts: Sequence[str]) -> Mapping[str, Path]:
    """Folders by the names of the claims that they stand for.

    Raises:
        ConfigError: A text is not NAME=FOLDER; every such text is named.
    """
    pairs = {text: text.partition("=") for text in texts}
    problems = [_problem(text) for text, (name, _, folder) in pairs.items() if not name or not folder]
    if problems:
        raise ConfigError(problems)
    return {name: Path(folder) for name, _, folder in pairs.values()}


def folder_of(claim: ClaimName | ClaimReference, folders: Mapping[str, Path]) -> Path:
    """The local folder of a claim, with the path inside it."""
    base = folders.get(claim.name, DEFAULT_FOLDER / claim.name)
    path = claim.path if isinstance(claim, ClaimReference) else None
    return base / path if path else base


def _problem(text: str) -> Problem:
    mend = "write it as in --claim raw=/data/raw"
    return Problem(field="--claim", value=text, rule="is not NAME=FOLDER", mend=mend)
