import re
from itertools import chain

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bionemo_trainer.tokenizers.smiles import SmilesTokenizer

TOKENIZER = SmilesTokenizer()
IDS = TOKENIZER.vocabulary.ids
BIONEMO_PATTERN = re.compile(
    r"(\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\(|\)|\.|=|#|-|\+|\\\\|\/|:|~|@|\?|>|\*|\$|\%[0-9]{2}|[0-9]|.)"
)
ANY_TEXT = st.one_of(st.text(), st.text(alphabet="CNBrlc[]()@+-%0123=#\\/\n\r^&?*é\U0001f9ec\ud800\ue003"))
CHEMISTRY = (
    st.lists(st.sampled_from(TOKENIZER.vocabulary.tokens[272:])).map("".join).filter(lambda text: r"\\" not in text)
)
"""No doubled backslash, which is unknown: see `LONG_PIECE`."""


def naive_ids(text):
    return [IDS.get(token, 1) for token in BIONEMO_PATTERN.findall(text)]


@given(text=ANY_TEXT)
@example(text="[\n]")
@example(text="[]C]")
@example(text="C\\\\C\\C")
@example(text="\U0001f9ec")
def test_any_text_gets_the_ids_of_the_plain_regular_expression(text):
    assert TOKENIZER.encode(text).tolist() == naive_ids(text)


@given(texts=st.lists(ANY_TEXT))
def test_a_batch_is_its_texts_one_after_the_other(texts):
    tokens, offsets = TOKENIZER.encode_batch(texts)
    assert tokens.tolist() == list(chain.from_iterable(map(naive_ids, texts)))
    assert np.diff(offsets).tolist() == [len(naive_ids(text)) for text in texts]


@given(texts=st.lists(CHEMISTRY))
def test_text_made_of_known_tokens_comes_back_from_its_ids(texts):
    assert TOKENIZER.decode_batch(*TOKENIZER.encode_batch(texts)) == texts


def test_ids_are_sixteen_bit_and_offsets_sixty_four():
    tokens, offsets = TOKENIZER.encode_batch(["CCO", ""])
    assert (TOKENIZER.encode("C").dtype, tokens.dtype, offsets.dtype) == (np.uint16, np.uint16, np.int64)


@pytest.mark.parametrize(
    ("smiles", "tokens"),
    [
        pytest.param("BrCCl", ["Br", "C", "Cl"], id="halogens"),
        pytest.param("C[C@@H](N)O", ["C", "[C@@H]", "(", "N", ")", "O"], id="bracket atom"),
        pytest.param("C%10N", ["C", "%10", "N"], id="ring number above nine"),
        pytest.param("F/C=C\\F", ["F", "/", "C", "=", "C", "\\", "F"], id="bond directions"),
    ],
)
def test_smiles_are_cut_at_chemistry(smiles, tokens):
    assert TOKENIZER.encode(smiles).tolist() == [IDS[token] for token in tokens]


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        pytest.param([2, 272, 3, 272], "C", id="cut at the end token"),
        pytest.param([2, 2, 272, 2, 272], "C^C", id="only leading begin tokens go"),
        pytest.param([272, 4, 272, 0], "C<MASK>C<PAD>", id="other special tokens are shown"),
        pytest.param([2, 2], "", id="nothing but begin tokens"),
        pytest.param([3], "", id="nothing but an end token"),
        pytest.param([], "", id="empty"),
    ],
)
def test_decoding_keeps_what_lies_between_begin_and_end(ids, text):
    assert TOKENIZER.decode(np.array(ids, dtype=np.uint16)) == text


def test_unknown_tokens_are_named_once_in_order():
    assert TOKENIZER.unknown("C*[Xx]C*%99\nZ") == ("*", "[Xx]", "%99", "Z")
