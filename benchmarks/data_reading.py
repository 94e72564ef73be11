"""How fast text becomes samples, each beside a bare loop over the library call below it: `python benchmarks/data_reading.py`.

It makes its own data in a temporary folder (proteins and rows by a fixed seed, molecules from RDKit's NCI sample) and
prints a table. Each figure is the best of three passes on one core.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

import numpy as np
import rdkit
from rdkit import Chem

from bionemo_trainer.data.collators.masked_tokens import MaskedTokenCollator, MaskingRates
from bionemo_trainer.data.collators.span_corruption import SpanCorruption, SpanCorruptionCollator
from bionemo_trainer.data.collators.span_masking import MoleculeCollator, SpanMasking
from bionemo_trainer.data.csv_dataset import CsvDataset, CsvFormat
from bionemo_trainer.data.line_index import SUFFIX, build_line_indexes, line_starts
from bionemo_trainer.data.molecules import canonical_smiles
from bionemo_trainer.data.sample_order import SampleOrder
from bionemo_trainer.data.step_batches import SAMPLES_AT_ONCE
from bionemo_trainer.tokenizers.protein import ProteinTokenizer
from bionemo_trainer.tokenizers.protocol import Tokenizer
from bionemo_trainer.tokenizers.smiles import ONE_TOKEN, SmilesTokenizer

RESIDUES = "LAGVSERTIDPKQNFYMHWC"
NUM_PASSES = 3
GENERATOR = np.random.default_rng(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: rates per second, so that more is better."""

    name: str
    unit: str
    ours: float
    bare_name: str
    bare: float

    def __str__(self) -> str:
        share = self.ours / self.bare
        return f"{self.name:34} {self.ours:14,.0f} {self.unit:12} {share:8.2f} x  {self.bare_name}"


def rate(count: float, work: Callable[[], object]) -> float:
    """Units per second of the best of a few passes over `work`, which does `count` units."""
    seconds = []
    for _ in range(NUM_PASSES):
        started_at = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started_at)
    return count / min(seconds)


def proteins(count: int) -> list[str]:
    """Random sequences of 300 residues, about the mean of UniRef50."""
    draw = random.Random(0)
    return ["".join(draw.choices(RESIDUES, k=300)) for _ in range(count)]


def molecules() -> list[str]:
    """The molecules of RDKit's NCI sample, canonical: about 5,000."""
    lines = (Path(rdkit.__file__).parent / "Data" / "NCI" / "first_5K.smi").read_text().splitlines()
    canonical = (canonical_smiles(line.split()[0]) for line in lines)
    return [smiles for smiles in canonical if smiles]


def tokenizer_figures(smiles: list[str], sequences: list[str]) -> Iterator[Figure]:
    """Batches to ids and back, beside cutting into strings and joining strings, without any ids."""
    yield from _tokenizer_pair("SMILES", SmilesTokenizer(), smiles, "re.findall", ONE_TOKEN.findall)
    yield from _tokenizer_pair("protein", ProteinTokenizer(), sequences, "list", list)


def _tokenizer_pair(
    name: str, tokenizer: Tokenizer, texts: list[str], bare_name: str, cut_text: Callable[[str], list[str]]
) -> Iterator[Figure]:
    ids, offsets = tokenizer.encode_batch(texts)
    cut = [cut_text(text) for text in texts]
    yield Figure(
        name=f"encode {name}",
        unit="tokens/ms",
        ours=rate(len(ids) / 1000, lambda: tokenizer.encode_batch(texts)),
        bare_name=bare_name,
        bare=rate(len(ids) / 1000, lambda: [cut_text(text) for text in texts]),
    )
    yield Figure(
        name=f"decode {name}",
        unit="tokens/ms",
        ours=rate(len(ids) / 1000, lambda: tokenizer.decode_batch(ids, offsets)),
        bare_name="str.join of ready tokens",
        bare=rate(len(ids) / 1000, lambda: ["".join(tokens) for tokens in cut]),
    )


def reading_figures(folder: Path, num_rows: int = 2_000_000) -> Iterator[Figure]:
    """Line index and random rows, beside reading the file and beside seek and readline at known places."""
    file = folder / "x000.csv"
    draw = random.Random(0)
    with file.open("w") as table:
        table.write("zinc_id,smiles\n")
        table.writelines(f"ZINC{row:012d},{'C' * draw.randint(20, 60)}\n" for row in range(num_rows))
    megabytes = file.stat().st_size / 1e6

    def indexed() -> None:
        file.with_name(file.name + SUFFIX).unlink(missing_ok=True)
        build_line_indexes([file])

    yield Figure(
        name="line index",
        unit="MB/s",
        ours=rate(megabytes, indexed),
        bare_name="reading the file from the page cache",
        bare=rate(megabytes, lambda: _read_through(file)),
    )
    dataset = CsvDataset([file], CsvFormat(data_col=1))
    rows = [draw.randrange(num_rows) for _ in range(200_000)]
    starts = line_starts(file)
    places = [int(starts[row + 1]) for row in rows]
    yield Figure(
        name="sample(i)",
        unit="rows/s",
        ours=rate(len(rows), lambda: [dataset.sample(row) for row in rows]),
        bare_name="seek, readline, decode, split",
        bare=rate(len(rows), lambda: _sought(file, places)),
    )
    order = SampleOrder(num_samples=1_450_000_000, seed=1)
    positions = np.arange(1_000_000)
    yield Figure(
        name="sample order, ZINC15",
        unit="indices/s",
        ours=rate(len(positions), lambda: order.indices(positions)),
        bare_name="numpy permutation of one million in memory",
        bare=rate(len(positions), lambda: np.random.default_rng(1).permutation(len(positions))),
    )


def _read_through(file: Path) -> None:
    buffer = bytearray(1 << 24)
    with file.open("rb", buffering=0) as opened:
        while opened.readinto(buffer):
            pass


def _sought(file: Path, places: list[int]) -> None:
    with file.open("rb") as opened:
        for place in places:
            opened.seek(place)
            opened.readline().decode().split(",")


def collator_figures(smiles: list[str], sequences: list[str]) -> Iterator[Figure]:
    """Samples per second of each objective, beside RDKit alone for molecules and numpy's draws alone for proteins."""
    v10 = MaskingRates(modify_percent=0.15, perturb_percent=0.1, identity_percent=0.1)
    molecule = MoleculeCollator(
        tokenizer=SmilesTokenizer(), seed=1, max_seq_length=512, masking=SpanMasking(), with_target=False
    )
    masked = MaskedTokenCollator(tokenizer=ProteinTokenizer(), rates=v10, seed=1, max_seq_length=512)
    corrupted = SpanCorruptionCollator(
        tokenizer=ProteinTokenizer(96), corruption=SpanCorruption(), seed=1, seq_length=512, seq_length_dec=256
    )
    yield _collator_figure("MegaMolBART", molecule, smiles, "MolFromSmiles, MolToRandomSmilesVect", _rewritten_by_rdkit)
    yield _collator_figure("ESM-1nv", masked, sequences, "three numpy draws", _three_draws)
    yield _collator_figure("ProtT5nv", corrupted, sequences, "numpy permutation", _one_permutation)


def _collator_figure(
    name: str,
    collate: Callable[[Sequence[int], Sequence[str]], object],
    texts: list[str],
    bare_name: str,
    bare: Callable[[str], object],
) -> Figure:
    return Figure(
        name=f"collate {name}",
        unit="samples/s",
        ours=rate(
            len(texts),
            lambda: [collate(*zip(*part, strict=True)) for part in batched(enumerate(texts), SAMPLES_AT_ONCE)],
        ),
        bare_name=bare_name,
        bare=rate(len(texts), lambda: [bare(text) for text in texts]),
    )


def _three_draws(sequence: str) -> object:
    return GENERATOR.random(len(sequence)), GENERATOR.random(len(sequence)), GENERATOR.random(len(sequence))


def _one_permutation(sequence: str) -> object:
    return GENERATOR.permutation(len(sequence))


def _rewritten_by_rdkit(smiles: str) -> object:
    return Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(smiles), 1, randomSeed=1)


def main() -> None:
    """Prints the table."""
    smiles, sequences = molecules(), proteins(5000)
    print(f"{'':34} {'ours':>14} {'':12} {'of bare':>10}  bare loop")
    for figure in tokenizer_figures(smiles, sequences):
        print(figure)
    with tempfile.TemporaryDirectory() as folder:
        for figure in reading_figures(Path(folder)):
            print(figure)
    for figure in collator_figures(smiles, sequences):
        print(figure)


if __name__ == "__main__":
    main()
