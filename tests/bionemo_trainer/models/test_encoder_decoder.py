"""MegaMolBART and ProtT5nv compute what Hugging Face's encoder-decoder of their kind computes, and learn."""

import pytest
import torch

from testkit.networks import ENCODER_DECODERS, MEGAMOLBART, NO_DROPOUT, batch_for, batch_of, samples_for, small_network
from testkit.references import blenderbot_like
from testkit.training import losses_of_training


def perturbed(network):
    """With biases and norms that differ from their zeros and ones, so that leaving one out would show."""
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return network.eval()


def rows(values, cu_seqlens, fill):
    """Packed sequences as padded rows."""
    parts = values.split(cu_seqlens.diff().tolist())
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=fill)


def logits_of_hugging_face(network, batch):
    """For every token that the decoder reads, in the order of the packed batch."""
    sides = (batch.encoder, batch.decoder)
    read, written = (rows(side.tokens_T, side.cu_seqlens, 0) for side in sides)
    is_read, is_written = (rows(torch.ones_like(side.tokens_T), side.cu_seqlens, 0) for side in sides)
    theirs = blenderbot_like(network)(
        read, attention_mask=is_read, decoder_input_ids=written, decoder_attention_mask=is_written
    )
    return theirs.logits[is_written.bool()]


@pytest.mark.parametrize("recipe", ENCODER_DECODERS)
@pytest.mark.parametrize("is_tied", [True, False], ids=["tied output", "output of its own"])
def test_logits_and_loss_are_those_of_hugging_face(recipe, is_tied):
    network = perturbed(small_network(recipe, f"model.share_decoder_tokens_head_embeddings={is_tied}"))
    batch = batch_for(recipe)
    theirs = logits_of_hugging_face(network, batch)
    torch.testing.assert_close(network.logits(batch), theirs, rtol=1e-5, atol=1e-5)
    loss = torch.nn.functional.cross_entropy(theirs, batch.targets.ids_N, reduction="sum")
    torch.testing.assert_close(network(batch).loss_sum, loss, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("recipe", ENCODER_DECODERS)
@pytest.mark.parametrize("positions", ["learned_absolute", "rope"])
def test_a_packed_pair_has_the_loss_that_it_has_alone(recipe, positions):
    network = small_network(recipe, f"model.position_embedding_type={positions}").eval()
    samples = samples_for(recipe)
    alone = sum(network(batch_of([sample])).loss_sum for sample in samples)
    torch.testing.assert_close(network(batch_of(samples)).loss_sum, alone, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("recipe", ENCODER_DECODERS)
def test_a_tiny_set_is_learned_by_heart(recipe):
    network = small_network(recipe, *NO_DROPOUT)
    losses = losses_of_training(network, [batch_for(recipe)], num_steps=80)
    assert losses[0] > 3.0
    assert losses[-1] < 0.02


def test_the_decoder_does_not_see_what_follows():
    network = small_network(MEGAMOLBART).eval()
    batch = batch_for(MEGAMOLBART, lengths=(9,))
    before = network.logits(batch)
    batch.decoder.tokens_T[5] = 17
    after = network.logits(batch)
    torch.testing.assert_close(after[:5], before[:5], rtol=0, atol=0)
    assert not torch.equal(after[5], before[5])


def test_an_encoder_without_tokens_gives_a_finite_loss_and_finite_gradients():
    network = small_network(MEGAMOLBART)
    samples = samples_for(MEGAMOLBART, lengths=(0, 6))
    loss = network(batch_of(samples)).loss_sum
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
