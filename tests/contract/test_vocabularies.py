"""The operator counts parameters without tokenizers, so its constants must be theirs."""

from bionemo_trainer.config import parameters
from bionemo_trainer.tokenizers import Esm2Tokenizer, ProteinTokenizer, SmilesTokenizer


def test_vocabulary_sizes_are_those_of_the_tokenizers():
    assert parameters.SMILES_VOCABULARY == SmilesTokenizer().vocab_size
    assert parameters.PROTEIN_PIECES == ProteinTokenizer().vocab_size
    assert parameters.ESM2_VOCABULARY == Esm2Tokenizer().vocab_size
