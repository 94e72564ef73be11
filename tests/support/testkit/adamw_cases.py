"""Updates of our kernel against torch's AdamW in 64 bit; imported by fresh processes, see `attention_cases`."""

from pathlib import Path

import torch
from torch import Tensor

from testkit.fresh_processes import Findings

NUM_WEIGHTS, NUM_STEPS, SKIPPED = 5000, 4, 2
"""More weights than a program updates; which of the steps is skipped, counted from 0."""
LR, BETAS, EPS, WEIGHT_DECAY, DIVISOR = 1e-2, (0.9, 0.98), 1e-8, 0.1, 8.0


def update_errors(device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """The largest differences of the masters and of both moments, relative to their largest; and of the 16-bit weights from the masters."""
    from bionemo_trainer.kernels.adamw import update_weights  # noqa: PLC0415 - Triton may be missing

    generator = torch.Generator().manual_seed(0)
    first = torch.randn(NUM_WEIGHTS, generator=generator)
    masters_N, weights_N = first.to(device, copy=True), torch.zeros(NUM_WEIGHTS, device=device, dtype=dtype)
    moments = [torch.zeros_like(masters_N) for _ in range(2)]
    expected_N = first.double().requires_grad_()
    adamw = torch.optim.AdamW([expected_N], lr=LR, betas=BETAS, eps=EPS, weight_decay=WEIGHT_DECAY)
    for number in range(NUM_STEPS):
        gradient_N = torch.randn(NUM_WEIGHTS, generator=generator)
        is_skipped = number == SKIPPED
        step = number + (number < SKIPPED)
        corrections = torch.tensor([1 - beta**step for beta in BETAS], dtype=torch.float64).float()
        update_weights(
            masters_N, weights_N, (gradient_N * DIVISOR).to(device), moments[0], moments[1], corrections.to(device),
            torch.tensor(float(is_skipped), device=device), torch.tensor(DIVISOR, device=device),
            lr=LR, betas=BETAS, eps=EPS, weight_decay=WEIGHT_DECAY,
        )  # fmt: skip
        if not is_skipped:
            expected_N.grad = gradient_N.double()
            adamw.step()
    state = adamw.state[expected_N]
    wanted = {"masters": expected_N.detach(), "mean": state["exp_avg"], "mean square": state["exp_avg_sq"]}
    found = dict(zip(wanted, (masters_N, *moments), strict=True))
    return {
        **{name: _difference(found[name], values) for name, values in wanted.items()},
        "weights": _difference(weights_N, masters_N.to(dtype).double()),
    }


def update_errors_on_cpu(_folder: Path) -> Findings:
    """With weights in fp16."""
    return {**update_errors(torch.device("cpu"), torch.float16)}


def _difference(found: Tensor, wanted: Tensor) -> float:
    wanted = wanted.cpu()
    return float((found.cpu().double() - wanted).abs().max() / wanted.abs().max())
