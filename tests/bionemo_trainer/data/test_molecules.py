from pathlib import Path

import pytest
import rdkit
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.data.molecules import canonical_smiles, random_smiles, written_smiles
from bionemo_trainer.errors import DataError
from bionemo_trainer.tokenizers.vocabulary import megamolbart_vocabulary

NCI_FILE = Path(rdkit.__file__).parent / "Data" / "NCI" / "first_5K.smi"
NCI_SMILES = [line.split()[0] for line in NCI_FILE.read_text().splitlines()[:1500]]
NCI_MOLECULES = [smiles for smiles in NCI_SMILES if canonical_smiles(smiles)]
FRAMES = ("{}", "C{}", "C{}C", "C{}(C)C", "C{}(C)(C)C", "c1cc{}c1", "C1CC{}1", "C{}(=O)C", "F{}(Cl)(Br)I", "c1cc{}cc1")
BRACKET_ATOMS = [token for token in megamolbart_vocabulary().tokens[272:] if token.startswith("[")]
FRAMED = [
    smiles
    for atom in BRACKET_ATOMS
    for frame in FRAMES
    if (smiles := canonical_smiles(frame.format(atom))) is not None and canonical_smiles(smiles) == smiles
]


@pytest.mark.parametrize(
    ("smiles", "canonical"),
    [
        pytest.param("OCC", "CCO", id="order of atoms"),
        pytest.param("C1=CC=CC=C1", "c1ccccc1", id="aromatic ring"),
        pytest.param("C[C@H](F)Cl", "C[C@H](F)Cl", id="chirality"),
        pytest.param("C(C)(C)(C)(C)C", None, id="impossible valence"),
        pytest.param("c1cc1", None, id="no aromatic form"),
        pytest.param("C(", None, id="bad syntax"),
    ],
)
def test_canonical_smiles_are_rdkits_or_none(smiles, canonical):
    assert canonical_smiles(smiles) == canonical


@pytest.mark.parametrize("smiles", [NCI_MOLECULES, FRAMED], ids=["real molecules", "every bracket atom"])
@pytest.mark.parametrize(
    "rewritten",
    [
        pytest.param(written_smiles, id="written"),
        pytest.param(lambda smiles: random_smiles([smiles], [1])[0][0], id="random"),
        pytest.param(lambda smiles: random_smiles([smiles], [2], count=2)[0][1], id="second random"),
    ],
)
def test_a_molecule_written_again_is_the_same_molecule(smiles, rewritten):
    assert [canonical_smiles(rewritten(one)) for one in smiles] == [canonical_smiles(one) for one in smiles]


@pytest.mark.parametrize(
    "smiles",
    [
        pytest.param("C/C=C/C", id="trans"),
        pytest.param("C/C=C\\C", id="cis"),
        pytest.param("CC(/C=C/C1=C(C)CCCC1(C)C)=C\\C=C\\C(C)=C\\C(=O)O", id="conjugated double bonds"),
        pytest.param("C[C@]12CC[C@H]3[C@@H](CCC4=CC(=O)CC[C@@]43C)[C@@H]1CC[C@@H]2O", id="fused stereocentres"),
        pytest.param("C[S@](=O)c1ccccc1", id="chiral sulfur"),
        pytest.param("[Na+].[Cl-]", id="salt"),
        pytest.param("C[CH2]", id="radical"),
        pytest.param("CNC[S](=O)=O", id="bracketed sulfur"),
        pytest.param("[13CH3]C", id="isotope"),
    ],
)
@given(seed=st.integers(1, 2**31 - 1))
def test_random_smiles_keep_stereochemistry_charges_and_radicals(smiles, seed):
    assert canonical_smiles(random_smiles([smiles], [seed])[0][0]) == canonical_smiles(smiles)


def test_one_seed_gives_one_smiles_whatever_came_before():
    (first,) = random_smiles(["CC(=O)Oc1ccccc1C(=O)O"], [7])
    _, again = random_smiles(["CCCCO", "CC(=O)Oc1ccccc1C(=O)O"], [8, 7])
    assert again == first


def test_seeds_give_many_different_smiles():
    drawn = random_smiles(100 * ["CC(=O)Oc1ccccc1C(=O)O"], range(1, 101))
    assert len({smiles for (smiles,) in drawn}) > 50


def test_written_smiles_keep_the_order_of_atoms():
    assert written_smiles("OCC") == "OCC"


@pytest.mark.parametrize(
    "rewritten", [written_smiles, lambda smiles: random_smiles([smiles], [1])], ids=["written", "random"]
)
def test_text_that_does_not_parse_is_shown(rewritten):
    with pytest.raises(DataError) as refused:
        rewritten("C1CC(")
    assert str(refused.value) == (
        "'C1CC(' is no SMILES that RDKit can parse; remove the row or prepare the dataset again."
    )
