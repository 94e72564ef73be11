"""Measure the data path against bare loops over the libraries underneath, in one run: `python benchmarks/data.py`.

Preparation is measured here, reading in `data_reading`. With `--molecules` and `--proteins` other raw files can be measured;
the examples take seconds, and a second core needs some hundred thousand molecules to show.
"""

import argparse
import gzip
import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import data_reading
from rdkit import Chem, RDLogger

from bionemo_trainer.data.preparation.plan import PreparationPlan, Recipe, Source
from bionemo_trainer.data.preparation.prepare import Progress, prepare
from bionemo_trainer.data.preparation.stages import Stage

EXAMPLES = Path(__file__).parents[1] / "examples" / "data"


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started_at = time.perf_counter()
    work()
    return time.perf_counter() - started_at


def bare_molecules(path: Path) -> float:
    """Molecules per second of a loop that parses and writes each SMILES, and nothing else."""
    with gzip.open(path, "rt") as lines:
        smiles = [line.split("\t")[0].split(",")[0].strip() for line in lines][1:]
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined] # its stub is empty
    return len(smiles) / seconds_of(lambda: [Chem.MolToSmiles(Chem.MolFromSmiles(text)) for text in smiles])


def bare_proteins(path: Path) -> float:
    """Sequences per second of a loop that joins the lines of each record, upper-cases and hashes them."""
    with gzip.open(path, "rt") as lines:
        records = lines.read().split(">")[1:]

    def work() -> None:
        for record in records:
            hashlib.blake2b("".join(record.splitlines()[1:]).upper().encode(), digest_size=16).digest()

    return len(records) / seconds_of(work)


def mapped_per_second(recipe: Recipe, path: Path, workers: int) -> tuple[float, float]:
    """Records per second of the map stage, which reads, checks, canonicalises and sorts, and of the whole preparation."""
    seen: dict[Stage, Progress] = {}
    with tempfile.TemporaryDirectory() as folder:
        plan = PreparationPlan(recipe=recipe, source=Source(path=str(path)), output=Path(folder, "out"), files=4)
        whole_seconds = seconds_of(
            lambda: prepare(plan, workers, lambda progress: seen.update({progress.stage: progress}))
        )
    mapped = seen[Stage.MAP]
    return mapped.records_per_second, mapped.records / whole_seconds


def report_preparation(name: str, bare: float, recipe: Recipe, path: Path) -> None:
    """Print one line per number of workers."""
    one_core = 0.0
    for workers in (1, 2):
        mapped, whole = mapped_per_second(recipe, path, workers)
        one_core = one_core or mapped
        print(
            f"{name}, {workers} worker(s): map {mapped:,.0f}/s = {mapped / bare:.2f} of the bare loop ({bare:,.0f}/s), "
            f"{mapped / one_core:.2f} of one worker; whole preparation {whole:,.0f}/s"
        )


def main() -> None:
    """Measure and print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--molecules", type=Path, default=EXAMPLES / "molecules" / "moses.txt.gz")
    parser.add_argument("--proteins", type=Path, default=EXAMPLES / "proteins" / "uniprot.fasta.gz")
    options = parser.parse_args()
    report_preparation("molecules", bare_molecules(options.molecules), "molecule/zinc15", options.molecules)
    report_preparation("proteins", bare_proteins(options.proteins), "protein/uniref50", options.proteins)
    data_reading.main()


if __name__ == "__main__":
    main()
