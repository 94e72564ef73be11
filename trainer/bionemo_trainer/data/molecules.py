"""Canonical and random SMILES. RDKit is imported here and in `drawing`, and nowhere else in the trainer.

Called by data preparation, the molecule collator and validation. RDKit's own messages are switched off: what it refuses
is reported by value, with its place in the data.
"""

import re
from collections.abc import Sequence

from rdkit import Chem, rdBase

from bionemo_trainer.errors import DataError

rdBase.DisableLog("rdApp.*")

NEEDS_SANITIZING = re.compile(r"\[(?!nH\]|[^\]]*[@+-])")
"""A bracket atom with neither chirality nor charge, other than `[nH]`: `[S]`, `[CH2]`, `[13C]`, `[#6]`.

RDKit keeps the brackets of such an atom only when sanitising has worked out its valence and radicals. Without them
`[S]` reads as `S`, another molecule. Everything else comes through unsanitised parsing unchanged; the tests show it on
real molecules and on every bracket atom of the vocabulary."""


def canonical_smiles(smiles: str) -> str | None:
    """RDKit's canonical SMILES of a molecule; None when RDKit refuses it: bad syntax, impossible valence, no aromatic form."""
    molecule = _read(smiles, sanitize=True)
    return None if molecule is None else Chem.MolToSmiles(molecule)


def written_smiles(smiles: str) -> str:
    """The molecule written by RDKit with its atoms in the order given: neither canonical nor random.

    Raises:
        DataError: RDKit can't parse it.
    """
    return Chem.MolToSmiles(_parsed(smiles), canonical=False)


def random_smiles(smiles: Sequence[str], seeds: Sequence[int], count: int = 1) -> list[list[str]]:
    """`count` SMILES of each molecule, each from a random atom along random branches.

    Chemistry is not checked here: syntax that parses is written again, and the preparation has refused the impossible.

    Args:
        smiles: The molecules.
        seeds: One for each, from 1 to 2^31 - 1; the same seed gives the same strings under the same RDKit.
        count: How many to write; one parse serves all.

    Raises:
        DataError: RDKit can't parse one.
    """
    molecules = list(map(_parsed, smiles))
    for molecule in molecules:
        Chem.GetSymmSSSR(molecule)  # rings are noted in the molecule; else the writer seeks them anew for every string
    return [
        list(Chem.MolToRandomSmilesVect(molecule, count, randomSeed=seed))
        for molecule, seed in zip(molecules, seeds, strict=True)
    ]


def _parsed(smiles: str) -> Chem.Mol:
    """The molecule, sanitised only where writing it again needs that; sanitising costs more than parsing."""
    molecule = _read(smiles, sanitize=NEEDS_SANITIZING.search(smiles) is not None)
    if molecule is None:
        raise DataError(f"{smiles!r} is no SMILES that RDKit can parse; remove the row or prepare the dataset again.")
    return molecule


def _read(smiles: str, *, sanitize: bool) -> Chem.Mol | None:
    """RDKit's parser with its true type: it gives None for what it refuses."""
    return Chem.MolFromSmiles(smiles, sanitize=sanitize)
