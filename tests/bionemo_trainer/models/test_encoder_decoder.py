"""MegaMolBART and ProtT5nv compute what torch's own transformer computes, and learn."""

import pytest
import torch

from testkit.networks import ENCODER_DECODERS, MEGAMOLBART, NO_DROPOUT, batch_for, batch_of, samples_for, small_network
from testkit.references import TorchTransformer
from testkit.training import losses_of_training


def perturbed(network):
    """With biases and norms that differ from their zeros and ones, so that leaving one out would show."""
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return network.eval()


@pytest.mark.parametrize("recipe", ENCODER_DECODERS)
def test_logits_and_loss_are_those_of_torchs_transformer(recipe):
    network = perturbed(small_network(recipe))
    batch = batch_for(recipe, lengths=(9, 9, 9))
    theirs = TorchTransformer(network)(batch.encoder.tokens_T.view(3, 9), batch.decoder.tokens_T.view(3, 8)).flatten(
        0, 1
    )
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
