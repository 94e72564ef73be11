"""A training loop of the smallest kind, for tests of networks."""

from collections.abc import Sequence

import torch
from megatron.core import parallel_state
from torch import distributed
from torch.optim import AdamW

from bionemo_trainer.models.build import Network
from testkit.networks import Batch


def losses_of_training(
    network: Network, batches: Sequence[Batch], num_steps: int, learning_rate: float = 1e-2
) -> list[float]:
    """The loss per target, in nats, before each step on one batch after the other, again and again."""
    optimizer = AdamW(network.parameters(), lr=learning_rate, weight_decay=0.0)
    losses = []
    for step in range(num_steps):
        optimizer.zero_grad()
        found = network(batches[step % len(batches)])
        loss = found.loss_sum / found.num_targets
        loss.backward()
        sum_gradients_of_split_sequences(network)
        optimizer.step()
        losses.append(loss.item())
    return losses


def sum_gradients_of_split_sequences(network: Network) -> None:
    """What the engine does for parameters that under sequence parallelism see a share of the tokens each."""
    for parameter in network.parameters():
        if getattr(parameter, "sequence_parallel", False):
            distributed.all_reduce(parameter.grad, group=parallel_state.get_tensor_model_parallel_group())


def gradients_of(network: Network, batch: Batch) -> dict[str, torch.Tensor]:
    """Gradients of the summed loss by parameter."""
    network.zero_grad()
    network(batch).loss_sum.backward()
    return {name: value.grad.clone() for name, value in network.named_parameters() if value.grad is not None}
