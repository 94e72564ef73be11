"""Small preparations: raw files written to a folder, prepared, and read back."""

import csv
import gzip
from pathlib import Path

from bionemo_trainer.data.manifest import Manifest
from bionemo_trainer.data.preparation.plan import PreparationPlan, Source
from bionemo_trainer.data.preparation.prepare import prepare

SMILES = tuple(f"{'C' * length}{tail}" for length in range(1, 21) for tail in ("O", "N", "Cl", "Br", "c1ccccc1"))
"""A hundred different molecules, canonical as they stand or nearly so."""
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


def molecule_table(smiles: tuple[str, ...] = SMILES) -> str:
    """A tranche: a header, then a molecule and its identifier in each line."""
    rows = (f"{text}\tZINC{number:04d}\n" for number, text in enumerate(smiles))
    return "".join(["smiles\tzinc_id\n", *rows])


def fasta(count: int = 40) -> str:
    """Different proteins of 5 to 24 residues."""
    return "".join(f">P{number:03d} protein {number}\n{_sequence(number)}\n" for number in range(count))


def prepared(folder: Path, recipe: str, raw_files: dict[str, str | bytes], **options: object) -> Manifest:
    """Write raw files below `folder/raw`, prepare them into `folder/out`, and return the manifest."""
    for name, content in raw_files.items():
        path = folder / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    plan = PreparationPlan(recipe=recipe, source=Source(path=str(folder / "raw")), output=folder / "out", **options)  # type: ignore[arg-type] # tests vary every option
    return prepare(plan)


def rows_of(folder: Path, split: str) -> list[str]:
    """All rows of a split in the order of its files, without headers."""
    return [row for path in sorted((folder / "out" / split).iterdir()) for row in path.read_text().splitlines()[1:]]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file of a dataset by its path."""
    out = folder / "out"
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def rejects_of(folder: Path) -> list[list[str]]:
    """The list of rejects, without its header: source, line, cause, detail, record."""
    with gzip.open(folder / "out" / "rejects.csv.gz", "rt", newline="") as file:
        return list(csv.reader(file))[1:]


def _sequence(number: int) -> str:
    digits = f"{number:05b}".replace("0", "A").replace("1", "W")
    return f"M{digits}{RESIDUES[: number % 19]}"
