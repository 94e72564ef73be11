"""The operator counts parameters without tokenizers, so its constants must be theirs."""

from bionemo_trainer import contract
from bionemo_trainer.config import parameters
from bionemo_trainer.config.schema.root import FAMILIES
from bionemo_trainer.tokenizers.vocabulary import esm2_vocabulary, megamolbart_vocabulary, protein_vocabulary


def test_vocabulary_sizes_are_those_of_the_tokenizers():
    assert len(megamolbart_vocabulary()) == parameters.SMILES_VOCABULARY
    assert len(protein_vocabulary()) == parameters.PROTEIN_PIECES
    assert len(esm2_vocabulary()) == parameters.ESM2_VOCABULARY


def test_the_operator_knows_the_fingerprints_of_datasets():
    assert megamolbart_vocabulary().fingerprint == contract.SMILES_FINGERPRINT
    assert protein_vocabulary().fingerprint == contract.PROTEIN_FINGERPRINT
    assert set(contract.DATASET_FINGERPRINTS) == set(FAMILIES)
