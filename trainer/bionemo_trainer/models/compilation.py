"""Layers compiled by torch: their elementwise parts become few kernels. Called by the engine, for GPUs.

Every layer is compiled by itself, whole and for any number of tokens, so that all layers of a stack share one graph and a new
length compiles nothing. Attention stays as it is, an operator that the compiler can't look into.
"""

import logging

import torch
from torch import Tensor, nn
from torch._dynamo.exc import BackendCompilerFailed, TorchDynamoException
from torch._inductor.exc import InductorError

from bionemo_trainer.models.attention_layers import LayerContext
from bionemo_trainer.models.layers import PackedLayer, Run

_log = logging.getLogger(__name__)


def compile_layers(network: nn.Module, *, backend: str = "inductor") -> int:
    """Lets every layer run compiled from its next batch on; returns how many there are.

    Args:
        network: Any network of ours.
        backend: What torch compiles with.
    """
    layers = [module for module in network.modules() if isinstance(module, PackedLayer)]
    for layer in layers:
        layer.run = CompiledRun(layer, backend)
    return len(layers)


class CompiledRun:
    """A layer, compiled when it is first called; as it was written where that fails."""

    def __init__(self, layer: PackedLayer, backend: str) -> None:
        self._layer = layer.layer
        self._run: Run = torch.compile(layer.layer, backend=backend, fullgraph=True, dynamic=True)

    def __call__(self, hidden_T1H: Tensor, memory_M1H: Tensor | None, batch: LayerContext) -> Tensor:
        """What the layer gives."""
        try:
            return self._run(hidden_T1H, memory_M1H, batch)
        except (BackendCompilerFailed, InductorError, TorchDynamoException) as error:
            reason = str(error).strip().splitlines()[0]
            _log.warning("layers run uncompiled: %s; model.compile=False leaves the attempt out", reason)
            self._run = self._layer
            return self._run(hidden_T1H, memory_M1H, batch)
