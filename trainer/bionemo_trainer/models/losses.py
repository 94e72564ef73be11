"""Cross entropy over the targets of a micro batch, as a sum: the engine divides by the targets of the whole global batch.

Called by the networks' last stage. Shapes: N targets, V this rank's share of the vocabulary.
"""

from dataclasses import dataclass

import torch
from megatron.core.process_groups_config import ProcessGroupCollection
from megatron.core.tensor_parallel import gather_from_tensor_model_parallel_region, vocab_parallel_cross_entropy
from torch import Tensor

from bionemo_trainer.data.samples import IGNORED
from bionemo_trainer.models.batch import Targets
from bionemo_trainer.models.kernel_support import can_launch_on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenLosses:
    """What a micro batch adds to the loss."""

    loss_sum: Tensor
    """Sum over the targets of the negative log-likelihood in nats, a scalar of 32 bit."""
    loss_N: Tensor
    """Its terms [N]."""
    num_targets: int
    """Targets in that sum."""
    is_correct_N: Tensor | None
    """Which of them were the likeliest token; None in training, where nobody asks [N]."""

    @property
    def num_correct(self) -> Tensor:
        """How many of them were the likeliest token, a scalar; only where somebody asks."""
        assert self.is_correct_N is not None, "the network is training"
        return torch.count_nonzero(self.is_correct_N)


def token_losses(
    logits_NV: Tensor, targets: Targets, groups: ProcessGroupCollection, *, with_accuracy: bool
) -> TokenLosses:
    """The loss of logits that are split over the ranks by tokens; overwrites the logits."""
    is_correct_N = None
    if with_accuracy:
        likeliest_N = gather_from_tensor_model_parallel_region(logits_NV.detach(), group=groups.tp).argmax(dim=-1)
        is_correct_N = likeliest_N == targets.ids_N
    loss_N = _cross_entropy(logits_NV, targets.ids_N, groups)
    return TokenLosses(loss_sum=loss_N.sum(), loss_N=loss_N, num_targets=targets.count, is_correct_N=is_correct_N)


def _cross_entropy(logits_NV: Tensor, ids_N: Tensor, groups: ProcessGroupCollection) -> Tensor:
    """The negative log-likelihoods in nats, 0 of targets that only fill up, 32 bit [N]."""
    if groups.tp.size() == 1 and can_launch_on(logits_NV):
        from bionemo_trainer.kernels.cross_entropy import cross_entropy  # noqa: PLC0415 - Triton comes with CUDA

        return cross_entropy(logits_NV, ids_N)
    loss_N = vocab_parallel_cross_entropy(logits_NV, ids_N, tp_group=groups.tp)
    return torch.where(ids_N == IGNORED, 0.0, loss_N)
