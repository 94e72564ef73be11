"""Small networks by torch and by all of our kernels, on CPU; imported by fresh processes, see `attention_cases`."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from bionemo_trainer.kernels.gelu import biased_gelu
from bionemo_trainer.models import attention_layers
from bionemo_trainer.models.attention import triton_attention
from bionemo_trainer.models.build import Network
from bionemo_trainer.models.compilation import compile_layers
from bionemo_trainer.models.feed_forward import FeedForward
from bionemo_trainer.models.layers import PackedLayer
from bionemo_trainer.models.norm import Norm
from bionemo_trainer.models.residual import FusedResidual
from testkit.fresh_processes import Findings
from testkit.networks import (
    ESM2NV,
    MEGAMOLBART,
    NO_DROPOUT,
    batch_for,
    process_groups_of_one,
    runs_compiled,
    small_network,
)

NETWORKS = {
    "whole": (MEGAMOLBART, NO_DROPOUT),
    "dropping": (MEGAMOLBART, (*NO_DROPOUT, "model.hidden_dropout=0.2", "model.attention_dropout=0.1")),
    "rotary": (ESM2NV, NO_DROPOUT),
}
"""Recipe and overrides: with self, causal and cross-attention, and with rotary positions."""
LENGTHS = (5, 66, 1)
"""One sequence is longer than a tile of attention."""


def network_cases(_folder: Path) -> Findings:
    """Of each network, loss and sums of absolute gradients by torch, by our kernels, and by them in compiled layers."""
    with process_groups_of_one(), pytest.MonkeyPatch.context() as patched:
        patched.setattr(attention_layers, "is_fused", lambda _config: True)  # so that a seed is drawn
        return {name: _ways_of(recipe, overrides) for name, (recipe, overrides) in NETWORKS.items()}


def _ways_of(recipe: str, overrides: Sequence[str]) -> dict[str, list[float]]:
    network = small_network(recipe, *overrides)
    found = {"torch": _outcome_of(network, recipe)}
    _take_kernels(network)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(attention_layers, "kernel_for", lambda *_: triton_attention)
        found["kernels"] = _outcome_of(network, recipe)
        compile_layers(network, backend="aot_eager")
        found["compiled"] = _outcome_of(network, recipe)
    assert runs_compiled(network), "compiling failed"
    return found


def _take_kernels(network: Network) -> None:
    """Lets the elementwise parts be computed as on a GPU."""
    for module in network.modules():
        match module:
            case Norm():
                module.has_kernel = True
            case FeedForward():
                module.activate = biased_gelu
            case PackedLayer():
                module.residual = FusedResidual(shard=0)


def _outcome_of(network: Network, recipe: str) -> list[float]:
    """The loss, and the sum of the absolute values of every parameter's gradient."""
    torch.manual_seed(0)
    network.zero_grad()
    loss = network(batch_for(recipe, LENGTHS)).loss_sum
    loss.backward()
    gradients = [parameter.grad for parameter in network.parameters()]
    return [loss.item(), *(float(gradient.abs().sum()) for gradient in gradients if gradient is not None)]
