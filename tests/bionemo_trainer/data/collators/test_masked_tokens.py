import numpy as np
import pytest

from bionemo_trainer.data.collators.masked_tokens import MaskedTokenCollator, MaskingRates, masked
from bionemo_trainer.data.random_stream import RandomStream
from bionemo_trainer.errors import ConfigError
from bionemo_trainer.tokenizers.protein import Esm2Tokenizer, ProteinTokenizer

V03 = MaskingRates(modify_percent=0.1, perturb_percent=0.5)
V10 = MaskingRates(modify_percent=0.15, perturb_percent=0.1, identity_percent=0.1)
NOTHING = MaskingRates(modify_percent=0.0, perturb_percent=0.0)
SWAP_ALL = MaskingRates(modify_percent=1.0, perturb_percent=1.0)
TOKENIZERS = pytest.mark.parametrize("tokenizer", [ProteinTokenizer(), Esm2Tokenizer()], ids=["protein", "esm2nv"])


def collator(*, rates=V10, tokenizer=None, max_seq_length=512, seed=1):
    """Of one sample at a time."""
    collate = MaskedTokenCollator(
        tokenizer=tokenizer or ProteinTokenizer(), rates=rates, seed=seed, max_seq_length=max_seq_length
    )
    return lambda position, text: collate([position], [text])[0]


def masked_many(tokenizer, rates):
    tokens = np.tile(np.array(tokenizer.vocabulary.residue_ids, dtype=np.uint16), 20_000)
    stream = RandomStream(seed=1, position=0, purpose="test")
    return tokens, masked(tokens, rates, tokenizer.vocabulary, stream)


@TOKENIZERS
@pytest.mark.parametrize(
    ("rates", "shares"),
    [
        pytest.param(V03, {"target": 0.1, "mask": 0.5, "swap": 0.5, "same": 0.0}, id="v0.3"),
        pytest.param(V10, {"target": 0.15, "mask": 0.8, "swap": 0.1, "same": 0.1}, id="v1.10"),
    ],
)
def test_targets_meet_their_fates_at_the_published_rates(tokenizer, rates, shares):
    tokens, sample = masked_many(tokenizer, rates)
    is_target = sample.labels != -1
    shown, own = sample.tokens[is_target], tokens[is_target]
    is_mask, is_same = shown == tokenizer.vocabulary.mask_id, shown == own
    measured = {"mask": is_mask.mean(), "same": is_same.mean(), "swap": 1 - is_mask.mean() - is_same.mean()}
    assert {"target": is_target.mean(), **measured} == pytest.approx(shares, abs=0.005)


@TOKENIZERS
def test_only_targets_change_and_labels_say_what_stood_there(tokenizer):
    tokens, sample = masked_many(tokenizer, V10)
    is_target = sample.labels != -1
    assert (sample.labels[is_target] == tokens[is_target]).all()
    assert (sample.tokens[~is_target] == tokens[~is_target]).all()


@TOKENIZERS
def test_a_swap_gives_every_other_residue_alike_and_never_a_special_token(tokenizer):
    tokens, sample = masked_many(tokenizer, SWAP_ALL)
    residues = tokenizer.vocabulary.residue_ids
    counts = np.bincount(sample.tokens[tokens == residues.start], minlength=len(tokenizer.vocabulary))
    assert (sample.tokens != tokens).all()
    assert set(np.flatnonzero(counts)) == set(residues) - {residues.start}
    expected = 20_000 / (len(residues) - 1)
    assert ((counts[residues.start + 1 : residues.stop] - expected) ** 2 / expected).sum() < 54  # one in a thousand


@TOKENIZERS
def test_begin_and_end_tokens_may_be_targets_and_are_swapped_for_residues(tokenizer):
    vocabulary = tokenizer.vocabulary
    sample = collator(tokenizer=tokenizer, rates=SWAP_ALL)(0, "LAG")
    assert sample.labels.tolist() == [vocabulary.bos_id, *tokenizer.encode("LAG"), vocabulary.eos_id]
    assert set(sample.tokens.tolist()) <= set(vocabulary.residue_ids)


@pytest.mark.parametrize(
    ("text", "max_seq_length", "tokens"),
    [
        pytest.param("MKTK", 6, [1, 22, 16, 12, 16, 2], id="just fits"),
        pytest.param("MKTKK", 6, [1, 22, 16, 12, 16, 16], id="a longer one loses its end token"),
        pytest.param("", 6, [1, 2], id="empty"),
    ],
)
def test_the_end_token_is_added_before_the_cut(text, max_seq_length, tokens):
    assert collator(rates=NOTHING, max_seq_length=max_seq_length)(0, text).tokens.tolist() == tokens


def test_a_sample_depends_on_seed_and_position_and_on_nothing_else():
    text = "LAGVSERTIDPKQNFYMHWC" * 5
    collate = collator()
    first = collate(5, text).tokens.tolist()
    assert collator()(5, text).tokens.tolist() == first
    assert collate(6, text).tokens.tolist() != first
    assert collator(seed=2)(5, text).tokens.tolist() != first


def test_shares_beyond_the_whole_are_refused():
    with pytest.raises(ConfigError) as refused:
        MaskingRates(modify_percent=0.1, perturb_percent=0.75, identity_percent=0.5)
    assert str(refused.value) == (
        "model.data.perturb_percent + model.data.identity_percent: 1.25 must be at most 1.0, "
        "the whole of the targets; lower one of them."
    )
