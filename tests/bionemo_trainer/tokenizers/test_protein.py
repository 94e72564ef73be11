import re
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.tokenizers.protein import Esm2Tokenizer, ProteinTokenizer

PROTEIN, ESM2 = ProteinTokenizer(), Esm2Tokenizer()
ANY_TEXT = st.one_of(st.text(), st.text(alphabet="LASXOJlj.-<>?\né\ud800"))
BOTH = pytest.mark.parametrize("tokenizer", [PROTEIN, ESM2], ids=["protein", "esm2nv"])


def naive_ids(tokenizer, text):
    letters = "".join(tokenizer.vocabulary.tokens[index] for index in tokenizer.vocabulary.residue_ids)
    pieces = re.findall(rf"[{re.escape(letters)}]|[^{re.escape(letters)}]+", text)
    return [tokenizer.vocabulary.ids[piece] if piece in letters else tokenizer.vocabulary.unk_id for piece in pieces]


@BOTH
@given(text=ANY_TEXT)
def test_any_text_gets_one_id_per_letter_and_per_unknown_run(tokenizer, text):
    assert tokenizer.encode(text).tolist() == naive_ids(tokenizer, text)


@BOTH
@given(texts=st.lists(ANY_TEXT))
def test_a_batch_is_its_texts_one_after_the_other(tokenizer, texts):
    tokens, offsets = tokenizer.encode_batch(texts)
    assert tokens.tolist() == list(chain.from_iterable(naive_ids(tokenizer, text) for text in texts))
    assert np.diff(offsets).tolist() == [len(naive_ids(tokenizer, text)) for text in texts]


@BOTH
@given(texts=st.lists(st.text(alphabet="LAGVSERTIDPKQNFYMHWCXBUZO")))
def test_residues_come_back_from_their_ids(tokenizer, texts):
    assert tokenizer.decode_batch(*tokenizer.encode_batch(texts)) == texts


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        pytest.param("LAmkvA", [5, 6, 0, 6], id="lower case"),
        pytest.param("A<mask>A", [6, 0, 6], id="spelled special token"),
        pytest.param("JL J", [0, 5, 0], id="two runs"),
        pytest.param("", [], id="empty"),
    ],
)
def test_a_run_of_unknown_characters_is_one_unknown_token(text, ids):
    assert PROTEIN.encode(text).tolist() == ids


def test_unknown_runs_do_not_join_across_texts():
    tokens, offsets = PROTEIN.encode_batch(["Ajj", "", "jjA", "jj"])
    assert tokens.tolist() == [6, 0, 0, 6, 0]
    assert offsets.tolist() == [0, 2, 2, 4, 5]


def test_ids_are_sixteen_bit_and_offsets_sixty_four():
    tokens, offsets = ESM2.encode_batch(["LA", "l"])
    assert (ESM2.encode("L").dtype, tokens.dtype, offsets.dtype) == (np.uint16, np.uint16, np.int64)


def test_decoding_drops_begin_and_end_and_shows_sentinels():
    assert ProteinTokenizer(num_sentinels=2).decode(np.array([1, 5, 31, 2, 3], dtype=np.uint16)) == "L<extra_id_1>"


def test_unknown_characters_are_named_once_in_order():
    assert ESM2.unknown("LxJxA*") == ("x", "J", "*")
