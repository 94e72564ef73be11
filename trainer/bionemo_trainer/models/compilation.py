"""Layers compiled by torch: their elementwise parts become few kernels. Called by the engine, for GPUs.

Every layer is compiled by itself, whole and for any number of tokens, so that all layers of a stack share one graph and a new
length compiles nothing. Attention stays as it is, an operator that the compiler can't look into.
"""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch._dynamo import config as dynamo_config
from torch._dynamo.exc import BackendCompilerFailed, FailOnRecompileLimitHit, TorchDynamoException
from torch._inductor.exc import InductorError
from torch.fx.experimental import _config as fx_config

from bionemo_trainer.models.attention_layers import LayerContext
from bionemo_trainer.models.layers import PackedLayer, Run
from bionemo_trainer.models.norm import Norm

_log = logging.getLogger(__name__)

MOST_FORMS = 16
"""Of a layer that are compiled. Twelve may come: in training or evaluation, not the last or asked for all tokens or some, with long sequences or
without; torch stops at 8."""


def compile_layers(network: nn.Module, *, backend: str = "inductor") -> int:
    """Lets every layer run compiled from its next batch on; returns how many there are.

    Args:
        network: Any network of ours.
        backend: What torch compiles with.
    """
    # Sides that happen to be equally long in the first batch are not so in the next, which would then be compiled anew.
    fx_config.use_duck_shape = False
    dynamo_config.recompile_limit = max(dynamo_config.recompile_limit, MOST_FORMS)
    layers = [module for module in network.modules() if isinstance(module, PackedLayer)]
    for layer in layers:
        layer.run = CompiledRun(layer, layers, backend)
    return len(layers)


class CompiledRun:
    """A layer, compiled when it is first called; where that fails, all layers run as they were written.

    They share their code, so what fails for one fails for all: it is tried once, and told once.
    """

    def __init__(self, layer: PackedLayer, layers: Sequence[PackedLayer], backend: str) -> None:
        self._layer = layer
        self._layers = layers
        self._run: Run = torch.compile(layer.layer, backend=backend, fullgraph=True, dynamic=True)

    def __call__(
        self, hidden_T1H: Tensor, normed: Tensor, memory_M1H: Tensor | None, batch: LayerContext, next_norm: Norm | None
    ) -> tuple[Tensor, Tensor | None]:
        """What the layer gives."""
        try:
            return self._run(hidden_T1H, normed, memory_M1H, batch, next_norm)
        except (BackendCompilerFailed, FailOnRecompileLimitHit, InductorError, TorchDynamoException) as error:
            reason = " ".join(str(error).split("\n\n")[0].split())
            if is_recording():  # nothing can be compiled then: what records gives it up, and layers stay compiled
                raise RuntimeError(
                    f"a layer would have to be compiled in the middle of a recording: {reason}"
                ) from error
            _log.warning("layers run uncompiled: %s; model.compile=False leaves the attempt out", reason)
            for layer in self._layers:
                layer.run = layer.layer
            return self._layer.run(hidden_T1H, normed, memory_M1H, batch, next_norm)


def is_recording() -> bool:
    """Whether a CUDA graph is being recorded."""
    return torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()
