"""Draws the initial weights, each from a seed made of its name: the same under any layout, whatever was built before.

Called by `build`. The distributions are the originals': normal with `init_method_std`, the projections that write to the
residual stream divided by sqrt(2 x layers) (NeMo's scaled initialisation, after GPT-2), biases 0, norms 1. Rows of the
vocabulary's padding are 0: nothing reads them.
"""

import math
import re
from dataclasses import dataclass

import torch
from megatron.core.process_groups_config import ProcessGroupCollection
from megatron.core.tensor_parallel import VocabParallelEmbedding
from torch import Tensor, nn

from bionemo_trainer.engine.seeds import derived_seed
from bionemo_trainer.models.heads import VocabularyOutput, VocabularyRows

_WRITES_TO_RESIDUAL = (".linear_proj.weight", ".linear_fc2.weight")
_LAYER_INDEX = re.compile(r"(?<=\blayers\.)\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialWeights:
    """How weights are drawn."""

    std: float
    """Standard deviation, `model.init_method_std`."""
    num_layers: int
    """Of the whole encoder, and as many of a decoder."""
    rows: VocabularyRows
    seed: int
    device: torch.device
    """What draws: CPU and GPU have different generators, so `model.use_cpu_initialization` makes them agree."""
    first_layer: int = 0
    """Index of this pipeline stage's first layer in the whole model."""

    def std_of(self, name: str) -> float:
        """Standard deviation of a matrix by its name."""
        return self.std / math.sqrt(2 * self.num_layers) if name.endswith(_WRITES_TO_RESIDUAL) else self.std

    def name_in_whole(self, name: str) -> str:
        """The name that a parameter of this stage has in the model as a whole."""
        return _LAYER_INDEX.sub(lambda match: str(int(match[0]) + self.first_layer), name)


@torch.no_grad()
def draw_initial_weights(network: nn.Module, weights: InitialWeights, groups: ProcessGroupCollection) -> None:
    """Fills every parameter of this rank with its part of the weights of the whole model."""
    for prefix, module in network.named_modules():
        for name, parameter in module.named_parameters(prefix=prefix, recurse=False):
            if name.endswith("bias"):
                parameter.zero_()
            elif isinstance(module, nn.LayerNorm):
                parameter.fill_(1.0)
            else:
                is_vocabulary = isinstance(module, VocabParallelEmbedding | VocabularyOutput)
                whole = _drawn(weights, weights.name_in_whole(name), parameter, groups, is_vocabulary=is_vocabulary)
                parameter.copy_(_own_part(whole, parameter, groups))


def _drawn(
    weights: InitialWeights, name: str, parameter: Tensor, groups: ProcessGroupCollection, *, is_vocabulary: bool
) -> Tensor:
    """The whole matrix that a parameter is, or is a part of, in 32 bit."""
    shape, split_dim = list(parameter.shape), _split_dim(parameter)
    if split_dim is not None:
        shape[split_dim] *= groups.tp.size()
    generator = torch.Generator(weights.device).manual_seed(derived_seed("weight", weights.seed, name))
    whole = torch.zeros(shape, device=weights.device)
    drawn = whole[: weights.rows.tokens] if is_vocabulary else whole
    drawn.normal_(0.0, weights.std_of(name), generator=generator)
    return whole


def _own_part(whole: Tensor, parameter: Tensor, groups: ProcessGroupCollection) -> Tensor:
    split_dim = _split_dim(parameter)
    return whole if split_dim is None else whole.chunk(groups.tp.size(), dim=split_dim)[groups.tp.rank()]


def _split_dim(parameter: Tensor) -> int | None:
    """The dimension along which ranks hold parts; None where each holds the whole."""
    is_split = getattr(parameter, "tensor_model_parallel", False)
    return getattr(parameter, "partition_dim", None) if is_split else None
