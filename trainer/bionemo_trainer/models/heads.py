"""Hidden states of the target places to logits over the vocabulary. Called by the networks' last stage.

Only rows that the loss counts come here. Shapes: N targets, H hidden, V this rank's share of the padded vocabulary.
"""

from dataclasses import dataclass

import torch
from megatron.core.process_groups_config import ProcessGroupCollection
from megatron.core.tensor_parallel import (
    copy_to_tensor_model_parallel_region,
    gather_from_sequence_parallel_region,
    gather_from_tensor_model_parallel_region,
    set_tensor_model_parallel_attributes,
)
from megatron.core.transformer.module import MegatronModule
from megatron.core.transformer.transformer_config import TransformerConfig
from megatron.core.utils import make_tp_sharded_tensor_for_checkpoint
from torch import Tensor, nn
from torch.nn import functional

from bionemo_trainer.models.norm import Norm
from bionemo_trainer.models.transformer_config import allocation_device


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyRows:
    """How many tokens there are, and how many rows their tables have."""

    tokens: int
    """Of the vocabulary: the rows that mean something."""
    padded: int
    """Rounded up, so that the ranks get equal shares."""


class VocabularyOutput(MegatronModule):
    """The last projection, split over the ranks by tokens; rows beyond the vocabulary get no probability.

    So the loss is the same for any tensor-parallel size, although more ranks mean more padding.
    """

    def __init__(
        self,
        config: TransformerConfig,
        groups: ProcessGroupCollection,
        rows: VocabularyRows,
        *,
        is_tied: bool,
        has_bias: bool,
    ) -> None:
        """`is_tied` means that the weight is the token table, given with every call."""
        super().__init__(config)
        self.tp_group = groups.tp
        share = rows.padded // groups.tp.size()
        self.num_tokens = min(max(rows.tokens - groups.tp.rank() * share, 0), share)
        """Rows of this rank that are tokens; the rest is padding."""
        self.weight = None if is_tied else self._parameter(share, config.hidden_size)
        self.bias = self._parameter(share) if has_bias else None

    def forward(self, hidden_NH: Tensor, tied_VH: Tensor | None = None) -> Tensor:
        """Logits, -inf for padding [N, V].

        Args:
            hidden_NH: The same rows on every rank.
            tied_VH: This rank's share of the token table, where it serves as weight.
        """
        hidden_NH = copy_to_tensor_model_parallel_region(hidden_NH, group=self.tp_group)
        weight_VH = self.weight if tied_VH is None else tied_VH
        assert weight_VH is not None, "a tied output is given the token table"
        logits_NV = functional.linear(hidden_NH, weight_VH, self.bias)
        logits_NV[:, self.num_tokens :] = -torch.inf
        return logits_NV

    def sharded_state_dict(
        self, prefix: str = "", sharded_offsets: tuple[()] = (), metadata: dict[str, object] | None = None
    ) -> dict[str, object]:
        """Both parameters as shards by rows; a reader with another number of padding rows may load them."""
        groups = {"tp_group": self.tp_group, "dp_cp_group": (metadata or {}).get("dp_cp_group")}
        return {
            prefix + name: make_tp_sharded_tensor_for_checkpoint(
                tensor, prefix + name, allow_shape_mismatch=True, prepend_offsets=sharded_offsets, **groups
            )
            for name, tensor in self.state_dict(keep_vars=True).items()
        }

    def _parameter(self, *shape: int) -> nn.Parameter:
        parameter = nn.Parameter(
            torch.empty(shape, device=allocation_device(self.config), dtype=self.config.params_dtype)
        )
        set_tensor_model_parallel_attributes(parameter, is_parallel=True, dim=0, stride=1)
        return parameter


class MaskedHead(MegatronModule):
    """BERT's head: a dense layer, GELU and a norm on every rank alike, then the token table with a bias."""

    def __init__(self, config: TransformerConfig, groups: ProcessGroupCollection, rows: VocabularyRows) -> None:
        super().__init__(config)
        width, device = config.hidden_size, allocation_device(config)
        self.dense = nn.Linear(width, width, device=device, dtype=config.params_dtype)
        self.norm = Norm(config, width, config.layernorm_epsilon, sees_all_tokens=True)
        self.output = VocabularyOutput(config, groups, rows, is_tied=True, has_bias=True)

    def forward(self, hidden_NH: Tensor, tied_VH: Tensor) -> Tensor:
        """Logits [N, V]."""
        hidden_NH = self.norm(functional.gelu(self.dense(hidden_NH)))
        logits_NV: Tensor = self.output(hidden_NH, tied_VH)
        return logits_NV


def rows_at(
    hidden_T1H: Tensor, places: Tensor | int, config: TransformerConfig, groups: ProcessGroupCollection
) -> Tensor:
    """Hidden states of some places, on every rank [N, H].

    Args:
        hidden_T1H: Under sequence parallelism this rank's share; the ranks' gradients are alike, so that each may keep its part of them.
        places: Indexes [N], or N, for the first N.
        config: Of the network.
        groups: Of its ranks.
    """
    if config.sequence_parallel:
        hidden_T1H = gather_from_sequence_parallel_region(
            hidden_T1H, tensor_parallel_output_grad=False, group=groups.tp
        )
    hidden_TH = hidden_T1H[:, 0]
    if isinstance(places, Tensor):
        return hidden_TH.index_select(0, places)
    return (
        hidden_TH if len(hidden_TH) == places else hidden_TH[:places]
    )  # the gradient of a part is copied into a whole


def whole_logits(logits_NV: Tensor, rows: VocabularyRows, groups: ProcessGroupCollection) -> Tensor:
    """Logits of the whole vocabulary, without padding, on every rank."""
    gathered: Tensor = gather_from_tensor_model_parallel_region(logits_NV, group=groups.tp)
    return gathered[:, : rows.tokens]
