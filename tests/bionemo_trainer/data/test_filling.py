"""A filled micro batch holds the same samples, in one of few shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.data.filling import LONGEST_FILLER, filled, size_for
from bionemo_trainer.data.packing import EncoderBatch, EncoderDecoderBatch, packed
from bionemo_trainer.data.samples import IGNORED

LENGTHS = st.lists(st.integers(0, 300), max_size=6)


def side(lengths):
    return packed([np.arange(length, dtype=np.uint16) + 5 for length in lengths])


def holds(full, pack):
    num_tokens, num_sequences = len(pack.tokens), len(pack.cu_seqlens) - 1
    assert full.tokens[:num_tokens].tolist() == pack.tokens.tolist()
    assert full.positions[:num_tokens].tolist() == pack.positions.tolist()
    assert full.cu_seqlens[: num_sequences + 1].tolist() == pack.cu_seqlens.tolist()
    assert len(full.tokens) == len(full.positions) == full.cu_seqlens[-1] == size_for(num_tokens)
    fillers = np.diff(full.cu_seqlens)[num_sequences:]
    assert 0 <= fillers.min(initial=0) <= fillers.max(initial=0) <= LONGEST_FILLER
    assert (full.tokens.dtype, full.positions.dtype, full.cu_seqlens.dtype) == (np.uint16, np.int32, np.int32)
    assert (len(full.cu_seqlens) - 1) % 64 == 0


@given(lengths=LENGTHS)
def test_an_encoder_reads_its_sequences_and_then_padding(lengths):
    pack = side(lengths)
    labels = pack.tokens.astype(np.int32)
    full = filled(EncoderBatch(inputs=pack, labels=labels))
    holds(full.inputs, pack)
    assert full.labels[: len(labels)].tolist() == labels.tolist()
    assert set(full.labels[len(labels) :]) <= {IGNORED}


@given(lengths=LENGTHS, more=st.integers(0, 500))
def test_both_sides_get_as_many_sequences(lengths, more):
    encoder, decoder = side(lengths), side([length + more for length in lengths])
    pair = EncoderDecoderBatch(
        encoder=encoder, decoder=decoder, labels=decoder.tokens.astype(np.int32), target_smiles=()
    )
    full = filled(pair)
    holds(full.encoder, encoder)
    holds(full.decoder, decoder)
    assert len(full.encoder.cu_seqlens) == len(full.decoder.cu_seqlens)
    assert len(full.labels) == len(full.decoder.tokens)


@pytest.mark.parametrize(
    ("number", "size"),
    [(0, 0), (1, 64), (64, 64), (65, 128), (2047, 2048), (2048, 2048), (2049, 2112), (60_000, 60_416)],
)
def test_sizes_are_few(number, size):
    assert size_for(number) == size


@given(number=st.integers(1, 10**7))
def test_a_size_adds_a_thirty_second_or_a_tile_and_is_its_own_size(number):
    assert number <= size_for(number) < number + max(64, number / 32 + 1)
    assert size_for(size_for(number)) == size_for(number)
    assert size_for(number) % 64 == 0
