"""What was packed arrives on a device as it was, and in memory of its own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.data.packing import EncoderBatch, EncoderDecoderBatch, pack_encoder_decoder, packed
from bionemo_trainer.data.samples import IGNORED
from bionemo_trainer.models.freight import Freight
from testkit.networks import CPU, MEGAMOLBART, samples_for

LENGTHS = st.lists(st.integers(0, 9), max_size=5)


def side(lengths, first=5):
    return packed([np.arange(length, dtype=np.uint16) + first for length in lengths])


def labels_for(pack):
    return np.where(np.arange(len(pack.tokens)) % 3 == 1, pack.tokens.astype(np.int32), IGNORED)


def same(found, pack):
    assert found.tokens_T.tolist() == pack.tokens.tolist()
    assert found.positions_T.tolist() == pack.positions.tolist()
    assert found.cu_seqlens.tolist() == pack.cu_seqlens.tolist()
    assert found.max_seqlen == pack.max_seqlen


@given(lengths=LENGTHS)
def test_sequences_of_an_encoder_arrive_with_their_targets(lengths):
    pack = side(lengths)
    labels = labels_for(pack)
    freight = Freight.of(EncoderBatch(inputs=pack, labels=labels))
    batch = freight.to(CPU)
    same(batch.inputs, pack)
    assert batch.targets.places_N.tolist() == np.flatnonzero(labels != IGNORED).tolist()
    assert batch.targets.ids_N.tolist() == labels[labels != IGNORED].tolist()
    assert (freight.num_tokens, freight.num_targets) == (sum(lengths), batch.targets.count)


@given(encoder=LENGTHS, decoder=LENGTHS)
def test_pairs_arrive_with_both_sides(encoder, decoder):
    sides = side(encoder), side(decoder, first=40000)
    labels = labels_for(sides[1])
    pair = EncoderDecoderBatch(encoder=sides[0], decoder=sides[1], labels=labels, target_smiles=("C", None))
    freight = Freight.of(pair)
    batch = freight.to(CPU)
    same(batch.encoder, sides[0])
    same(batch.decoder, sides[1])
    assert batch.targets.ids_N.tolist() == labels[labels != IGNORED].tolist()
    assert freight.num_tokens == sum(encoder) + sum(decoder)
    assert freight.target_smiles == ("C", None)
    tokens, bounds = freight.sources
    assert (tokens.dtype, bounds.dtype) == (np.uint16, np.int32)
    assert (tokens.tolist(), bounds.tolist()) == (sides[0].tokens.tolist(), sides[0].cu_seqlens.tolist())


def test_it_is_one_tensor_on_its_way():
    freight = Freight.of(pack_encoder_decoder(samples_for(MEGAMOLBART)))
    assert freight.numbers.dtype == torch.int32
    assert freight.numbers.shape == (sum(freight.lengths),)


@pytest.mark.parametrize("lengths", [(3, 4), (1, 1, 1)])
def test_every_part_has_memory_of_its_own(lengths):
    freight = Freight.of(EncoderBatch(inputs=side(lengths), labels=labels_for(side(lengths))))
    batch = freight.to(CPU)
    parts = (batch.inputs.tokens_T, batch.inputs.positions_T, batch.inputs.cu_seqlens, batch.targets.ids_N)
    assert {part.storage_offset() for part in parts} == {0}
    assert len({part.untyped_storage().data_ptr() for part in parts}) == len(parts)


@given(lengths=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 90)), max_size=5))
def test_few_shapes_hold_the_same_targets_and_say_what_is_real(lengths):
    sides = side([length for length, _ in lengths]), side([length for _, length in lengths], first=40000)
    labels = labels_for(sides[1])
    pair = EncoderDecoderBatch(encoder=sides[0], decoder=sides[1], labels=labels, target_smiles=())
    freight, plain = Freight.of_few_shapes(pair), Freight.of(pair)
    targets = freight.to(CPU).targets
    assert (freight.num_targets, freight.num_tokens) == (plain.num_targets, plain.num_tokens)
    assert targets.ids_N[: plain.num_targets].tolist() == plain.to(CPU).targets.ids_N.tolist()
    assert targets.places_N[: plain.num_targets].tolist() == plain.to(CPU).targets.places_N.tolist()
    assert set(targets.ids_N[plain.num_targets :].tolist()) <= {IGNORED}
    assert freight.max_seqlens == (64, 512 if sides[1].max_seqlen > 64 else 64)


@pytest.mark.parametrize("make", [Freight.of, Freight.of_few_shapes])
def test_targets_that_are_the_first_tokens_are_counted_only(make):
    pair = pack_encoder_decoder(samples_for(MEGAMOLBART))
    targets = make(pair).to(CPU).targets
    assert targets.places == targets.count
    assert targets.places_N.tolist() == [*range(targets.count)]
    assert targets.ids_N[: len(pair.labels)].tolist() == pair.labels.tolist()


def test_batches_that_differ_little_have_one_shape():
    lengths = [(40, 30, 20), (41, 29, 25), (38, 31, 12)]
    shapes = {
        Freight.of_few_shapes(EncoderBatch(inputs=side(each), labels=labels_for(side(each)))).shape for each in lengths
    }
    assert len(shapes) == 1
