import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.data.collators.span_corruption import SpanCorruption, SpanCorruptionCollator, placed_spans
from bionemo_trainer.data.random_stream import RandomStream
from bionemo_trainer.errors import ConfigError
from bionemo_trainer.tokenizers.protein import ProteinTokenizer

TOKENIZER = ProteinTokenizer(num_sentinels=96)
FIRST_SENTINEL, BOS, EOS = 30, 1, 2
RESIDUES = st.text(alphabet="LAGVSERTIDPKQNFYMHWC", max_size=600)
CORRUPTIONS = st.builds(
    SpanCorruption,
    masked_lm_prob=st.floats(0, 1),
    max_ngram_size=st.integers(1, 12),
    mean_ngram_size=st.none() | st.floats(1, 10),
    geometric_dist=st.booleans(),
)


def collator(*, corruption=None, seq_length=512, seq_length_dec=256, seed=1, tokenizer=TOKENIZER):
    """Of one sample at a time."""
    collate = SpanCorruptionCollator(
        tokenizer=tokenizer,
        corruption=corruption or SpanCorruption(),
        seed=seed,
        seq_length=seq_length,
        seq_length_dec=seq_length_dec,
    )
    return lambda position, text: collate([position], [text])[0]


def spans_by_sentinel(sample):
    """What the decoder writes for each sentinel."""
    spans = {}
    for token in sample.decoder_tokens[1:].tolist():
        if token >= FIRST_SENTINEL:
            current = spans.setdefault(token, [])
        else:
            current.append(token)
    return spans


def restored(sample):
    """The sequence that the sample was made of: every sentinel gives way to what the decoder writes for it."""
    spans = spans_by_sentinel(sample)
    return [residue for token in sample.encoder_tokens.tolist() for residue in spans.get(token, [token])]


def span_lengths(corruption):
    """Lengths of all spans of many samples but the last of each, which is shortened to meet the share."""
    collate = collator(corruption=corruption)
    samples = [collate(position, "LAGVSERTIDPKQNFYMHWC" * 20) for position in range(200)]
    return np.array([len(span) for sample in samples for span in list(spans_by_sentinel(sample).values())[:-1]])


@given(text=RESIDUES, position=st.integers(0, 10**12), corruption=CORRUPTIONS)
def test_filling_the_sentinels_in_gives_the_sequence_back(text, position, corruption):
    sample = collator(corruption=corruption)(position, text)
    assert restored(sample) == TOKENIZER.encode(text)[:512].tolist()


@given(text=RESIDUES, position=st.integers(0, 100), corruption=CORRUPTIONS, seq_length_dec=st.integers(1, 300))
def test_samples_fit_encoder_decoder_and_sentinels(text, position, corruption, seq_length_dec):
    sample = collator(corruption=corruption, seq_length=100, seq_length_dec=seq_length_dec)(position, text)
    spans = spans_by_sentinel(sample)
    assert len(sample.encoder_tokens) <= 100
    assert len(sample.decoder_tokens) == len(sample.labels) <= seq_length_dec
    assert list(spans) == list(range(FIRST_SENTINEL, FIRST_SENTINEL + len(spans)))
    assert all(1 <= len(span) <= corruption.max_ngram_size for span in spans.values())


@given(length=st.integers(1, 512), position=st.integers(0, 1000))
def test_exactly_the_share_is_cut_out_one_residue_to_a_sentinel(length, position):
    spans = spans_by_sentinel(collator()(position, "L" * length))
    assert [len(span) for span in spans.values()] == [1] * max(1, round(length * 0.15))


def test_every_residue_is_equally_likely_to_be_cut_out():
    collate = collator()
    encoders = [collate(position, "LAGVSERTID").encoder_tokens for position in range(5000)]
    cut_out = np.mean([tokens >= FIRST_SENTINEL for tokens in encoders], axis=0)
    assert cut_out == pytest.approx([0.2] * 10, abs=0.02)


@pytest.mark.parametrize(
    ("corruption", "shares"),
    [
        pytest.param(SpanCorruption(max_ngram_size=3), [0.2, 0.16, 0.64], id="geometric with mean 5"),
        pytest.param(
            SpanCorruption(max_ngram_size=3, mean_ngram_size=2), [0.5, 0.25, 0.25], id="geometric with mean 2"
        ),
        pytest.param(SpanCorruption(max_ngram_size=3, mean_ngram_size=1), [1.0, 0.0, 0.0], id="geometric with mean 1"),
        pytest.param(
            SpanCorruption(max_ngram_size=3, geometric_dist=False), [6 / 11, 3 / 11, 2 / 11], id="shorter is likelier"
        ),
    ],
)
def test_span_lengths_follow_their_distribution(corruption, shares):
    lengths = span_lengths(corruption)
    assert np.bincount(lengths, minlength=4)[1:] / len(lengths) == pytest.approx(shares, abs=0.03)


@given(size=st.integers(0, 50), data=st.data())
def test_spans_are_placed_apart_and_within_the_sequence(size, data):
    lengths = data.draw(st.lists(st.integers(1, 5)).filter(lambda drawn: sum(drawn) <= size))
    stream = RandomStream(seed=1, position=data.draw(st.integers(0, 1000)), purpose="test")
    starts = placed_spans(size, np.array(lengths, dtype=np.int64), stream)
    ends = starts + lengths
    assert (starts[1:] >= ends[:-1]).all()
    assert all(0 <= start < end <= size for start, end in zip(starts, ends, strict=True))


def test_every_placing_is_equally_likely():
    lengths = np.array([2, 1])
    placings = [
        tuple(placed_spans(5, lengths, RandomStream(seed=1, position=position, purpose="test")).tolist())
        for position in range(6000)
    ]
    counts = {placing: placings.count(placing) for placing in sorted(set(placings))}
    assert counts == pytest.approx(dict.fromkeys([(0, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 4)], 1000), abs=120)


def test_decoder_and_labels_begin_and_end_as_teacher_forcing_does():
    sample = collator()(0, "LAGVSERTID")
    assert sample.decoder_tokens[:2].tolist() == [BOS, FIRST_SENTINEL]
    assert sample.labels[0] == FIRST_SENTINEL
    assert sample.labels[-1] == EOS
    assert sample.labels[:-1].tolist() == sample.decoder_tokens[1:].tolist()


def test_a_sample_depends_on_seed_and_position_and_on_nothing_else():
    text = "LAGVSERTIDPKQNFYMHWC" * 5
    collate = collator()
    first = collate(5, text).encoder_tokens.tolist()
    assert collator()(5, text).encoder_tokens.tolist() == first
    assert collate(6, text).encoder_tokens.tolist() != first
    assert collator(seed=2)(5, text).encoder_tokens.tolist() != first


def test_a_tokenizer_without_sentinels_is_refused():
    with pytest.raises(ConfigError) as refused:
        collator(tokenizer=ProteinTokenizer())
    assert str(refused.value) == (
        "model.tokenizer.num_sentinel_tokens: 0 must be at least 1 for span corruption; "
        "give at least seq_length x masked_lm_prob, 96 for ProtT5nv."
    )
