"""Tokens and places to hidden states. Called by the networks' first stage.

Shapes: T packed tokens, H hidden, V rows of a table; under sequence parallelism the result holds this rank's share of the tokens.
"""

from typing import Any

import torch
from megatron.core.process_groups_config import ProcessGroupCollection
from megatron.core.tensor_parallel import VocabParallelEmbedding, scatter_to_sequence_parallel_region
from megatron.core.tensor_parallel.random import get_cuda_rng_tracker
from megatron.core.transformer.module import MegatronModule
from megatron.core.transformer.transformer_config import TransformerConfig
from torch import Tensor, nn
from torch.nn import functional

from bionemo_trainer.models.batch import PackedTokens
from bionemo_trainer.models.kernel_support import SIXTEEN_BIT
from bionemo_trainer.models.transformer_config import allocation_device

TRAINED_MASKED_SHARE = 0.15 * 0.8
"""Share of `<mask>` among the tokens that ESM-2 was trained with: 15 % are targets, 80 % of these are masked."""


class Embedding(MegatronModule):
    """A token table split over the ranks by rows, and a table of learned positions on every rank where there is one."""

    def __init__(
        self, config: TransformerConfig, groups: ProcessGroupCollection, *, num_tokens: int, num_positions: int
    ) -> None:
        """0 positions mean no table: positions are rotary, or this is a last stage that only needs the tokens."""
        super().__init__(config)
        self.tp_group = groups.tp
        self.tokens = VocabParallelEmbedding(
            num_tokens, config.hidden_size, init_method=config.init_method, config=config, tp_group=groups.tp
        )
        self.positions = (
            nn.Embedding(num_positions, config.hidden_size, device=allocation_device(config), dtype=config.params_dtype)
            if num_positions
            else None
        )

    def forward(self, pack: PackedTokens, mask_id: int | None = None) -> Tensor:
        """Hidden states [T, 1, H].

        Args:
            pack: The sequences.
            mask_id: The token to zero and to make up for, as in ESM-2; None treats all tokens alike.
        """
        is_whole = self.tp_group.size() == 1
        hidden_TH = looked_up(self.tokens.weight, pack.tokens_T) if is_whole else self.tokens(pack.tokens_T)
        if mask_id is not None:
            hidden_TH = without_masked(hidden_TH, pack, mask_id)
        if self.positions is not None:
            hidden_TH = hidden_TH + looked_up(self.positions.weight, pack.positions_T)
        if self.config.fp32_residual_connection:
            hidden_TH = hidden_TH.float()
        return self._dropped(hidden_TH[:, None])

    def _dropped(self, hidden_T1H: Tensor) -> Tensor:
        dropout = self.config.hidden_dropout
        if not self.config.sequence_parallel:
            return functional.dropout(hidden_T1H, dropout, self.training)
        own_T1H = scatter_to_sequence_parallel_region(hidden_T1H, group=self.tp_group)
        with get_cuda_rng_tracker().fork():  # each rank drops of its own tokens
            return functional.dropout(own_T1H, dropout, self.training)


def looked_up(table_VH: Tensor, ids_T: Tensor) -> Tensor:
    """Rows of a table [T, H]; on GPUs in 16 bit with the gradient of `LookUp`."""
    if table_VH.is_cuda and table_VH.dtype in SIXTEEN_BIT:
        found: Tensor = LookUp.apply(table_VH, ids_T)
        return found
    return functional.embedding(ids_T, table_VH)


class LookUp(torch.autograd.Function):
    """Rows of a small table, whose gradient is a product of matrices: torch's own sorts the ids first, and sums row by row."""

    @staticmethod
    def forward(ctx: Any, table_VH: Tensor, ids_T: Tensor) -> Tensor:  # noqa: ANN401  as torch's documentation does
        """The rows [T, H]."""
        ctx.save_for_backward(ids_T)
        ctx.num_rows = len(table_VH)
        return functional.embedding(ids_T, table_VH)

    @staticmethod
    def backward(ctx: Any, gradient_TH: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401  likewise
        """The sum of the gradients of each row, in 32 bit and then rounded [V, H]."""
        (ids_T,) = ctx.saved_tensors
        is_row_TV = gradient_TH.new_zeros(len(ids_T), ctx.num_rows).scatter_(1, ids_T[:, None], 1.0)
        return is_row_TV.t() @ gradient_TH, None


def without_masked(hidden_TH: Tensor, pack: PackedTokens, mask_id: int) -> Tensor:
    """Zeroes `<mask>` and scales the rest of its sequence, so that their sum stays as with the share of training [T, H].

    It is ESM-2's token dropout: factor (1 - 0.12) / (1 - masked share of the sequence).
    """
    is_masked_T = pack.tokens_T == mask_id
    masked_before = functional.pad(is_masked_T.cumsum(0), (1, 0))
    lengths_B = pack.cu_seqlens.diff()
    num_kept_B = lengths_B - masked_before[pack.cu_seqlens[1:]] + masked_before[pack.cu_seqlens[:-1]]
    scale_B = (1 - TRAINED_MASKED_SHARE) * lengths_B / num_kept_B.clamp(min=1)  # all masked: all zero anyway
    scale_T = scale_B.repeat_interleave(lengths_B, output_size=pack.num_tokens).to(hidden_TH.dtype)
    return torch.where(is_masked_T[:, None], 0.0, hidden_TH * scale_T[:, None])
