"""Updates of our kernel against torch's AdamW in 64 bit; imported by fresh processes, see `attention_cases`."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bionemo_trainer.data.packing import pack_encoder_decoder
from bionemo_trainer.engine import flat_parameters, optimizer, stepping
from bionemo_trainer.models.freight import Freight
from testkit.fresh_processes import Findings
from testkit.networks import ALONE, MEGAMOLBART, NO_DROPOUT, process_groups_of_one, samples_for, small_config

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
    """With weights in fp16; and the largest differences of a trainee's masters and step counts after steps by torch and by our kernels."""
    return {**update_errors(torch.device("cpu"), torch.float16), **_differences_of_trainees()}


def _differences_of_trainees() -> dict[str, float]:
    """A trainee that adds gradients and updates weights as on a GPU, beside one as on a CPU."""
    from bionemo_trainer.kernels import adamw, adding  # noqa: PLC0415 - Triton may be missing

    optim = (f"model.optim.lr={LR}", f"model.optim.weight_decay={WEIGHT_DECAY}", "model.optim.eps=1e-3")
    config = small_config(MEGAMOLBART, *NO_DROPOUT, "trainer.precision=bf16-mixed", *optim)
    found = []
    with process_groups_of_one(), pytest.MonkeyPatch.context() as patched:
        patched.setitem(stepping.DTYPES, "bf16-mixed", torch.float16)  # the interpreter has no bf16 of its own
        for is_on_gpu in (False, True):
            for module in (flat_parameters, optimizer):
                patched.setattr(module, "can_launch_on", lambda _tensor, answer=is_on_gpu: answer)
            trainee = stepping.Trainee(config, ALONE)
            asked: list[str] = []
            for module, name in ((adamw, "update_weights"), (adding, "add_to_sums")):
                patched.setattr(module, name, _noted(asked, getattr(module, name)))
            for seed in range(NUM_STEPS):
                batch = pack_encoder_decoder(samples_for(MEGAMOLBART, seed=seed))  # type: ignore[arg-type]  # of its family
                trainee.step([Freight.of(batch)], seed, wish=False)
            assert set(asked) == ({"update_weights", "add_to_sums"} if is_on_gpu else set())
            assert all(torch.equal(part.master_n.half(), part.weights_N) for part in trainee.flat.buffers)
            masters_N = torch.cat([part.master_n.detach() for part in trainee.flat.buffers]).double()
            found.append((masters_N, torch.stack([state["step"] for state in trainee.optimizer.adamw.state.values()])))
    names = ("masters of a trainee", "steps of a trainee")
    return {name: _difference(ours, right) for name, right, ours in zip(names, *found, strict=True)}


def _noted[**P, R](asked: list[str], function: Callable[P, R]) -> Callable[P, R]:
    """The same function, which adds its name to what was asked for."""

    @wraps(function)
    def noted(*arguments: P.args, **settings: P.kwargs) -> R:
        asked.append(function.__name__)
        return function(*arguments, **settings)

    return noted


def _difference(found: Tensor, wanted: Tensor) -> float:
    wanted = wanted.cpu()
    return float((found.cpu().double() - wanted).abs().max() / wanted.abs().max())
