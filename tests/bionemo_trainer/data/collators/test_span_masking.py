import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.data.collators.span_masking import MoleculeCollator, SpanMasking, span_masked
from bionemo_trainer.data.molecules import canonical_smiles
from bionemo_trainer.data.random_stream import RandomStream
from bionemo_trainer.errors import ConfigError, DataError
from bionemo_trainer.tokenizers.smiles import SmilesTokenizer

TOKENIZER = SmilesTokenizer()
MASK = 4
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
MANY = np.arange(100, 60_100).astype(np.uint16)


def collator(*, masking=None, max_seq_length=512, seed=1, **keys):
    """Of one sample at a time."""
    collate = MoleculeCollator(tokenizer=TOKENIZER, seed=seed, max_seq_length=max_seq_length, masking=masking, **keys)
    return lambda position, text: collate([position], [text])[0]


def masked_with(tokens, position=0, **keys):
    return span_masked(tokens, SpanMasking(**keys), MASK, RandomStream(seed=1, position=position, purpose="test"))


def span_lengths(shown):
    """Tokens hidden by each run of masks, from the rising numbers that stay."""
    kept = shown[shown != MASK].astype(np.int64)
    gaps = np.diff(kept) - 1
    return gaps[gaps > 0]


def test_masks_come_at_the_rate_of_renewal():
    # A start comes after 1 / mask_prob - 1 = 9 shown tokens on average, then a span of 3 / (1 - exp(-3)) tokens.
    hidden = 1 - np.count_nonzero(masked_with(MANY) != MASK) / len(MANY)
    length = 3 / (1 - np.exp(-3))
    assert hidden == pytest.approx(length / (9 + length), abs=0.01)


def test_span_lengths_are_poisson_without_zero():
    lengths = np.concatenate([span_lengths(masked_with(MANY, position, mask_prob=0.002)) for position in range(40)])
    shares = np.bincount(lengths, minlength=7)[1:7] / len(lengths)
    poisson = np.exp(-3) * 3.0 ** np.arange(1, 7) / np.array([1, 2, 6, 24, 120, 720])
    assert shares == pytest.approx(poisson / (1 - np.exp(-3)), abs=0.02)


def test_an_empty_span_shows_one_more_mask():
    shown = masked_with(MANY, mask_prob=0.01, span_lambda=0.5)
    num_spans = len(span_lengths(shown))
    assert np.count_nonzero(shown == MASK) / num_spans == pytest.approx(1 / (1 - np.exp(-0.5)), abs=0.25)


@given(position=st.integers(0, 2**63), size=st.integers(0, 60))
def test_what_is_shown_stands_in_the_order_it_stood(position, size):
    shown = masked_with(MANY[:size], position, mask_prob=0.3)
    kept = shown[shown != MASK]
    assert (np.diff(kept.astype(np.int64)) > 0).all()
    assert set(kept.tolist()) <= set(MANY[:size].tolist())


def test_no_probability_masks_nothing_and_certainty_everything():
    assert masked_with(MANY, mask_prob=0.0).tolist() == MANY.tolist()
    assert set(masked_with(MANY, mask_prob=1.0).tolist()) == {MASK}


@given(position=st.integers(0, 10**12), decoder_augment=st.booleans(), encoder_augment=st.booleans())
def test_encoder_and_decoder_see_the_same_molecule(position, decoder_augment, encoder_augment):
    sample = collator(encoder_augment=encoder_augment, decoder_augment=decoder_augment)(position, ASPIRIN)
    assert canonical_smiles(TOKENIZER.decode(sample.encoder_tokens)) == ASPIRIN
    assert canonical_smiles(TOKENIZER.decode(sample.decoder_tokens)) == ASPIRIN
    assert sample.target_smiles == ASPIRIN


@pytest.mark.parametrize(
    ("encoder_augment", "decoder_augment", "same", "encoder_as_given"),
    [
        pytest.param(False, False, 50, 50, id="no augmentation"),
        pytest.param(True, False, 50, 0, id="the decoder follows the encoder"),
        pytest.param(True, True, 0, 0, id="two random smiles"),
        pytest.param(False, True, 0, 50, id="a random decoder"),
    ],
)
def test_augmentation_keys_choose_who_gets_random_smiles(encoder_augment, decoder_augment, same, encoder_as_given):
    collate = collator(encoder_augment=encoder_augment, decoder_augment=decoder_augment)
    samples = [collate(position, ASPIRIN) for position in range(50)]
    written = [TOKENIZER.decode(sample.decoder_tokens) for sample in samples]
    read = [TOKENIZER.decode(sample.encoder_tokens) for sample in samples]
    assert sum(map(str.__eq__, read, written)) == pytest.approx(same, abs=5)
    assert read.count("CC(=O)Oc1ccccc1C(=O)O") == pytest.approx(encoder_as_given, abs=5)


def test_the_encoder_has_neither_begin_nor_end_and_the_decoder_both():
    sample = collator(encoder_augment=False)(0, "CO")
    assert sample.encoder_tokens.tolist() == [272, 285]
    assert sample.decoder_tokens.tolist() == [2, 272, 285]
    assert sample.labels.tolist() == [272, 285, 3]


@given(max_seq_length=st.integers(1, 30), position=st.integers(0, 1000))
def test_both_sides_fit_with_begin_and_end(max_seq_length, position):
    masking = SpanMasking(mask_prob=0.5, span_lambda=0.2)
    sample = collator(masking=masking, max_seq_length=max_seq_length)(position, ASPIRIN)
    assert len(sample.encoder_tokens) <= max_seq_length
    assert len(sample.decoder_tokens) == len(sample.labels) <= max_seq_length
    assert sample.labels[-1] == 3


@pytest.mark.parametrize(
    ("keys", "target"),
    [
        pytest.param({}, "CCO", id="canonical"),
        pytest.param({"canonicalize_input": False}, "OCC", id="taken as it is"),
        pytest.param({"with_target": False}, None, id="none wanted"),
    ],
)
def test_the_target_is_the_molecule_to_compare_with(keys, target):
    assert collator(**keys)(0, "OCC").target_smiles == target


def test_only_the_encoder_is_masked():
    sample = collator(masking=SpanMasking(mask_prob=0.9))(0, ASPIRIN)
    assert MASK in sample.encoder_tokens
    assert MASK not in sample.decoder_tokens


def test_a_sample_depends_on_seed_and_position_and_on_nothing_else():
    collate = collator(masking=SpanMasking())
    first = collate(5, ASPIRIN)
    collate(9, "CCO")
    again, elsewhere, reseeded = collate(5, ASPIRIN), collate(6, ASPIRIN), collator(seed=2)(5, ASPIRIN)
    assert again.decoder_tokens.tolist() == first.decoder_tokens.tolist()
    assert again.encoder_tokens.tolist() == first.encoder_tokens.tolist()
    assert elsewhere.decoder_tokens.tolist() != first.decoder_tokens.tolist()
    assert reseeded.decoder_tokens.tolist() != first.decoder_tokens.tolist()


def test_samples_made_together_are_as_those_made_alone():
    texts = [ASPIRIN, "CCO", "C[C@H](F)Cl", ASPIRIN]
    keys = {"seed": 1, "max_seq_length": 512, "masking": SpanMasking(mask_prob=0.3), "decoder_augment": True}
    collate = collator(**keys)
    together = MoleculeCollator(tokenizer=TOKENIZER, **keys)(range(5, 9), texts)
    for found, position, text in zip(together, range(5, 9), texts, strict=True):
        alone = collate(position, text)
        assert found.encoder_tokens.tolist() == alone.encoder_tokens.tolist()
        assert found.decoder_tokens.tolist() == alone.decoder_tokens.tolist()
        assert found.target_smiles == alone.target_smiles


@pytest.mark.parametrize("mean", [0.0, 0.001, 1000.0])
def test_span_lengths_without_a_usable_mean_are_refused(mean):
    with pytest.raises(ConfigError) as refused:
        SpanMasking(span_lambda=mean)
    assert str(refused.value) == (
        f"model.data.span_lambda: {mean} must lie between 0.01 and 700.0; "
        "use 3.0, or set model.data.encoder_mask=False for no masks."
    )


def test_a_target_that_rdkit_refuses_is_shown():
    with pytest.raises(DataError) as refused:
        collator()(0, "CN(C)(C)(C)C")
    assert str(refused.value) == (
        "'CN(C)(C)(C)C' is no molecule that RDKit accepts; remove the row or prepare the dataset again."
    )
