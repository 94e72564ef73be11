import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.data.packing import micro_batches, pack_encoder, pack_encoder_decoder, packed, padded
from bionemo_trainer.data.samples import EncoderSample, decoder_sample
from bionemo_trainer.errors import ConfigError

SEQUENCES = st.lists(st.lists(st.integers(0, 600), max_size=8).map(lambda ids: np.array(ids, dtype=np.uint16)))
LENGTHS = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 9)))


def encoder_sample(length, label=-1):
    return EncoderSample(tokens=np.arange(length, dtype=np.uint16), labels=np.full(length, label, dtype=np.int32))


def pair(encoder_length, decoder_length):
    ids = np.arange(10, dtype=np.uint16)
    return decoder_sample(ids[:encoder_length], ids[:decoder_length], bos_id=2, eos_id=3, target_smiles="C")


@given(sequences=SEQUENCES)
def test_every_sequence_can_be_cut_out_again(sequences):
    pack = packed(sequences)
    pieces = np.split(pack.tokens, pack.cu_seqlens[1:-1]) if sequences else []
    assert [piece.tolist() for piece in pieces] == [sequence.tolist() for sequence in sequences]
    assert pack.positions.tolist() == [place for sequence in sequences for place in range(len(sequence))]
    assert pack.max_seqlen == max(map(len, sequences), default=0)
    assert (pack.tokens.dtype, pack.cu_seqlens.dtype, pack.positions.dtype) == (np.uint16, np.int32, np.int32)


@given(sequences=SEQUENCES)
def test_padded_rows_hold_the_sequences_and_nothing_else(sequences):
    pack = packed(sequences)
    rows, is_real = padded(pack.tokens, pack.cu_seqlens, fill=7)
    assert [row[real].tolist() for row, real in zip(rows, is_real, strict=True)] == [s.tolist() for s in sequences]
    assert (rows[~is_real] == 7).all()
    assert rows.shape == (len(sequences), pack.max_seqlen)


@given(lengths=LENGTHS)
def test_micro_batches_keep_every_sample_in_order_within_the_limit(lengths):
    samples = [pair(*both) for both in lengths]
    batches = micro_batches(samples, max_tokens=12)
    assert [id(sample) for batch in batches for sample in batch] == [id(sample) for sample in samples]
    assert all(len(pack_encoder_decoder(batch).encoder.tokens) <= 12 for batch in batches)
    assert all(len(pack_encoder_decoder(batch).decoder.tokens) <= 12 for batch in batches)


@pytest.mark.parametrize(
    ("max_tokens", "runs"),
    [
        (10, [[4, 6], [1, 9], [10]]),
        (29, [[4, 6, 1], [9, 10]]),  # and no rest of 10 after 20
        (30, [[4, 6, 1, 9, 10]]),
    ],
)
def test_micro_batches_are_few_and_about_as_full_as_each_other(max_tokens, runs):
    batches = micro_batches([encoder_sample(length) for length in (4, 6, 1, 9, 10)], max_tokens)
    assert [[len(sample.tokens) for sample in batch] for batch in batches] == runs


@given(lengths=st.lists(st.integers(1, 9), min_size=1, max_size=7), max_tokens=st.integers(9, 20))
def test_no_other_cut_has_fewer_runs_or_a_smaller_fullest_one(lengths, max_tokens):
    def cuts(rest):
        if not rest:
            yield []
        for first in range(1, len(rest) + 1):
            yield from ([sum(rest[:first]), *others] for others in cuts(rest[first:]))

    batches = micro_batches([encoder_sample(length) for length in lengths], max_tokens)
    found = [sum(len(sample.tokens) for sample in batch) for batch in batches]
    best = min((len(cut), max(cut)) for cut in cuts(lengths) if max(cut) <= max_tokens)
    assert (len(found), max(found)) == best


def test_a_sample_that_fits_no_micro_batch_is_refused():
    with pytest.raises(ConfigError) as refused:
        micro_batches([encoder_sample(5), encoder_sample(11)], max_tokens=10)
    assert str(refused.value) == (
        "model.micro_batch_size x model.seq_length: 10 must hold the longest sample, here 11 tokens; "
        "raise model.micro_batch_size, or lower model.seq_length with model.data.max_seq_length."
    )


def test_an_encoder_batch_counts_its_targets():
    batch = pack_encoder([encoder_sample(2), encoder_sample(3, label=5)])
    assert batch.labels.tolist() == [-1, -1, 5, 5, 5]
    assert batch.inputs.cu_seqlens.tolist() == [0, 2, 5]
    assert batch.num_targets == 3


def test_an_encoder_decoder_batch_keeps_both_sides_and_the_targets():
    batch = pack_encoder_decoder([pair(3, 1), pair(2, 4)])
    assert batch.encoder.cu_seqlens.tolist() == [0, 3, 5]
    assert batch.decoder.cu_seqlens.tolist() == [0, 2, 7]
    assert batch.labels.tolist() == [0, 3, 0, 1, 2, 3, 3]
    assert batch.num_targets == 7
    assert batch.target_smiles == ("C", "C")


def test_a_batch_without_samples_is_empty():
    assert pack_encoder([]).labels.dtype == np.int32
    assert pack_encoder_decoder([]).num_targets == 0
