"""One update of the weights: clip, check, AdamW, loss scaling, all decided on the device, without waiting for it.

Called by `stepping` after the gradients of a step have been summed. An update that would not be finite is a no-op on all
ranks: the fused kernels of torch.optim.AdamW skip it when `found_inf` is one, and divide gradients by `grad_scale`. Where weights have
16 bit, a kernel of ours does the same to the same states and writes these weights too.
"""

from dataclasses import dataclass

import torch
from megatron.core import parallel_state
from torch import Tensor, distributed
from torch.optim import AdamW

from bionemo_trainer.config.schema.model import ModelConfig
from bionemo_trainer.engine.flat_parameters import FlatParameters
from bionemo_trainer.engine.loss_scale import LossScale
from bionemo_trainer.models.kernel_support import can_launch_on

_EPSILON = 1e-6
"""Added to the norm in the clipping coefficient, as torch's and megatron-core's clipping do."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Update:
    """What came of an update; tensors of the device, alike on all ranks."""

    loss_sum: Tensor
    """Sum over all targets of the step, in nats."""
    gradient_norm: Tensor
    """Over all parameters, before clipping."""
    was_skipped: Tensor
    """One when the update was a no-op, else zero."""
    has_failed: Tensor
    """One when this or an earlier step of this process was not finite and no loss scale can mend it."""


class Optimizer:
    """AdamW over flat parameters."""

    def __init__(self, flat: FlatParameters, model: ModelConfig, clip_norm: float, loss_scale: LossScale) -> None:
        self.flat, self.clip_norm, self.loss_scale = flat, clip_norm, loss_scale
        optim = model.optim
        groups = [
            {
                "params": [buffer.master_n for buffer in flat.buffers if buffer.decays == decays],
                "weight_decay": optim.weight_decay if decays else 0.0,
            }
            for decays in (True, False)
        ]
        self.adamw = AdamW(groups, lr=optim.lr, betas=optim.betas, eps=optim.eps, fused=True)
        self._has_failed = flat.buffers[0].gradients_N.new_zeros(())
        for buffer in flat.buffers:
            buffer.master_n.grad = buffer.gradients_N[buffer.part]
        self._betas_2 = torch.tensor(optim.betas, dtype=torch.float64, device=self._has_failed.device)
        self._make_states()

    @torch.no_grad()
    def update(self, loss_sum: Tensor) -> Update:
        """Moves the weights by the gradients in the buffers, which are the loss scale times those of the mean loss.

        Args:
            loss_sum: This rank's contribution to the loss of the step, unscaled.
        """
        self.flat.reduce_gradients()
        totals = torch.stack((self.flat.squared_norm(), self._own_loss(loss_sum).double()))
        distributed.all_reduce(totals)
        norm, total_loss = (totals[0].sqrt() / self.loss_scale.scale).float(), totals[1]
        is_bad = (~torch.isfinite(norm)).float()
        can_not_mend = torch.maximum(self.loss_scale.can_not_mend(is_bad), (~torch.isfinite(total_loss)).float())
        self._has_failed = torch.maximum(self._has_failed, can_not_mend)
        was_skipped = torch.maximum(is_bad, self._has_failed)
        self._move(was_skipped, self._divisor(norm))
        self.flat.share_updates()
        self.loss_scale.update(is_bad)
        return Update(
            loss_sum=total_loss, gradient_norm=norm, was_skipped=was_skipped, has_failed=self._has_failed.clone()
        )

    def _move(self, was_skipped: Tensor, divisor: Tensor) -> None:
        """Updates the masters and the weights that this rank is responsible for."""
        if all(buffer.has_masters and can_launch_on(buffer.master_n) for buffer in self.flat.buffers):
            self._move_in_one_pass(was_skipped, divisor)
            return
        self.adamw.found_inf = was_skipped  # type: ignore[attr-defined]  # read by the fused kernels, as GradScaler uses it
        self.adamw.grad_scale = divisor  # type: ignore[attr-defined]  # likewise
        self.adamw.step()
        self.flat.round_updates()

    def _move_in_one_pass(self, was_skipped: Tensor, divisor: Tensor) -> None:
        from bionemo_trainer.kernels.adamw import update_weights  # noqa: PLC0415 - Triton comes with CUDA

        decaying, others = self.adamw.param_groups
        for buffer in self.flat.buffers:
            group, state = decaying if buffer.decays else others, self.adamw.state[buffer.master_n]
            state["step"] += 1 - was_skipped
            betas_2 = self._betas_2.pow(state["step"])
            update_weights(
                buffer.master_n, buffer.weights_N[buffer.part], buffer.gradients_N[buffer.part], state["exp_avg"],
                state["exp_avg_sq"], (1 - betas_2).float(), was_skipped, divisor,
                lr=group["lr"], betas=group["betas"], eps=group["eps"], weight_decay=group["weight_decay"],
            )  # fmt: skip

    def _divisor(self, norm: Tensor) -> Tensor:
        """What undoes the loss scale and clips."""
        if not self.clip_norm:
            return self.loss_scale.scale.clone()
        return self.loss_scale.scale * torch.clamp((norm + _EPSILON) / self.clip_norm, min=1.0)

    def _own_loss(self, loss_sum: Tensor) -> Tensor:
        """The loss on the rank of each replica that speaks for it, zero on others."""
        speaks = parallel_state.get_tensor_model_parallel_rank() == 0 and parallel_state.is_pipeline_last_stage()
        return loss_sum if speaks else torch.zeros_like(loss_sum)

    def _make_states(self) -> None:
        """Makes what AdamW makes at its first step, so that a checkpoint can be loaded into it."""
        for group in self.adamw.param_groups:
            for master_n in group["params"]:
                self.adamw.state[master_n] = {
                    "step": torch.zeros((), device=master_n.device),
                    "exp_avg": torch.zeros_like(master_n),
                    "exp_avg_sq": torch.zeros_like(master_n),
                }
