"""Greedy decoding with cached keys and values writes what decoding everything anew at each step writes."""

import numpy as np
import pytest
import torch

from bionemo_trainer.models.decoding import greedy_decode
from bionemo_trainer.tokenizers.vocabulary import megamolbart_vocabulary
from testkit.networks import (
    MEGAMOLBART,
    NO_DROPOUT,
    PROTT5NV,
    batch_for,
    batch_of,
    samples_for,
    small_network,
    tokens_of,
)
from testkit.training import losses_of_training

VOCABULARY = megamolbart_vocabulary()
LENGTHS = (9, 4, 0, 14)


@torch.no_grad()
def decoded_anew(network, source, max_tokens):
    """One sequence, token by token, with the whole decoder run over all tokens at each step."""
    memory = network.encode(tokens_of([source]))
    written = [VOCABULARY.bos_id]
    for _ in range(max_tokens):
        pack = tokens_of([np.array(written, dtype=np.uint16)])
        logits = network.whole_logits(network.decode(pack, memory), torch.tensor([len(written) - 1]))
        written.append(int(logits.argmax()))
        if written[-1] == VOCABULARY.eos_id:
            return written[1:-1]
    return written[1:]


@pytest.fixture(scope="module")
def learned():
    """A network that knows some pairs by heart, and the pairs."""
    network = small_network(MEGAMOLBART, *NO_DROPOUT)
    samples = samples_for(MEGAMOLBART, lengths=LENGTHS)
    losses_of_training(network, [batch_of(samples)], num_steps=60)
    return network, samples


def test_a_learned_set_is_written_as_it_was_learned(learned):
    network, samples = learned
    ids, offsets = greedy_decode(network, batch_of(samples).encoder, VOCABULARY, max_tokens=20)
    written = np.split(ids, offsets[1:-1])
    assert [tokens.tolist() for tokens in written] == [sample.decoder_tokens[1:].tolist() for sample in samples]
    assert ids.dtype == np.uint16


@pytest.mark.parametrize("positions", ["learned_absolute", "rope"])
@pytest.mark.parametrize("recipe", [MEGAMOLBART, PROTT5NV])
def test_cached_decoding_is_decoding_anew(recipe, positions):
    network = small_network(recipe, f"model.position_embedding_type={positions}", "model.init_method_std=0.3").eval()
    samples = samples_for(recipe, lengths=LENGTHS)
    ids, offsets = greedy_decode(network, batch_of(samples).encoder, VOCABULARY, max_tokens=15)
    expected = [decoded_anew(network, sample.encoder_tokens, 15) for sample in samples]
    assert [tokens.tolist() for tokens in np.split(ids, offsets[1:-1])] == expected


def test_decoding_stops_when_every_sequence_has_ended(learned):
    network, samples = learned
    steps = []
    hook = network.decoder.register_forward_hook(lambda *_: steps.append(1))
    greedy_decode(network, batch_of(samples).encoder, VOCABULARY, max_tokens=500)
    hook.remove()
    assert len(steps) == max(LENGTHS) - 2 + 1  # the longest target and its end token


def test_no_sequence_grows_beyond_the_learned_positions():
    network = small_network(MEGAMOLBART, "model.seq_length=16", "model.data.max_seq_length=16")
    _, offsets = greedy_decode(network, batch_for(MEGAMOLBART, lengths=(5,)).encoder, VOCABULARY, max_tokens=99)
    assert offsets.tolist() == [0, 16]


@pytest.mark.parametrize("is_training", [True, False])
def test_decoding_drops_nothing_and_leaves_the_mode_as_it_was(is_training):
    network = small_network(MEGAMOLBART, "model.hidden_dropout=0.5").train(is_training)
    sources = batch_for(MEGAMOLBART).encoder
    first, again = (greedy_decode(network, sources, VOCABULARY, max_tokens=8)[0].tolist() for _ in range(2))
    assert first == again
    assert network.training is is_training
