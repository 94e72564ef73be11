"""Our kernels of the residual stream and of its norms against torch in 64 bit; imported by fresh processes, see `attention_cases`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from bionemo_trainer.kernels import column_sums, residual_rows
from bionemo_trainer.kernels.dropout import kept_weights
from bionemo_trainer.kernels.norm import layer_norm
from bionemo_trainer.kernels.residual import added, added_and_normed
from testkit.attention_cases import relative_error
from testkit.fresh_processes import Findings

SEED = 4711
SITE = -1
EPS = 1e-5
FEW_PROGRAMS = 7
"""Of backward passes, so that some dozens of tokens make several tiles for each: the interpreter runs tile after tile."""


class DropoutPlace(TypedDict):
    """What the kernels are told about dropout beside the seed."""

    share: float
    site: int
    first_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the kernels are compiled for, and a number of tokens."""

    tokens: int
    width: int
    share: float = 0.0
    first_row: int = 0
    is_precise: bool = False
    """Whether the stream is in 32 bit whatever the rest is."""


CASES = {
    "one tile": Case(tokens=3, width=40),
    "dropout": Case(tokens=3, width=40, share=0.25),
    "several tiles per program": Case(tokens=50, width=24, share=0.1),
    "rows of later ranks": Case(tokens=9, width=64, share=0.5, first_row=2**20),
    "wide": Case(tokens=5, width=1280, share=0.1),
    "wider than a tile": Case(tokens=2, width=5120),
    "a precise stream": Case(tokens=130, width=96, share=0.1, is_precise=True),
    "no token": Case(tokens=0, width=16, share=0.1),
}
INPUTS = ("output", "bias", "residual", "weight", "shift")
OUTPUTS = ("stream", "normed", *(f"gradient of the {name}" for name in INPUTS))
"""What is compared; without a norm, all but `normed` and the gradients of its weight and shift."""
PLAIN_OUTPUTS = ("stream", *OUTPUTS[2:5])
NORM_OUTPUTS = ("normed", "gradient of the stream", *OUTPUTS[5:])


def residual_errors_on_cpu(_folder: Path) -> Findings:
    """Of every case in 32 bit, see `errors_of`, and of sums."""
    cpu = torch.device("cpu")
    return {
        "sums": sums_error(cpu),
        **{name: errors_of(case, cpu, torch.float32) for name, case in CASES.items()},
    }


def sums_error(device: torch.device) -> float:
    """The largest error of sums over more programs than a tile has rows, relative to the largest sum."""
    parts = torch.randn(2 * column_sums.ROWS + 40, 3, 24, generator=torch.Generator().manual_seed(0)).to(device)
    return relative_error(column_sums.column_sums(parts, torch.float32), parts.double().sum(0))


def errors_of(case: Case, device: torch.device, dtype: torch.dtype) -> list[float]:
    """The largest errors of OUTPUTS, PLAIN_OUTPUTS and NORM_OUTPUTS in this order, each relative to its largest value."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(residual_rows, "PROGRAMS", FEW_PROGRAMS)
        return [
            error for errors in (_normed_errors, _plain_errors, _norm_errors) for error in errors(case, device, dtype)
        ]


def _normed_errors(case: Case, device: torch.device, dtype: torch.dtype) -> list[float]:
    inputs, gradients = _drawn(case, device, dtype)
    output, bias, residual, weight, shift = inputs
    seed = _seed(case, device)
    results = added_and_normed(output, bias, residual, weight, shift, seed, eps=EPS, **_dropout(case))
    found = (*results, *torch.autograd.grad(results, inputs, gradients))
    inputs, gradients = _precise(inputs), [gradient.double() for gradient in gradients]
    stream = _stream(case, inputs)
    results = stream, functional.layer_norm(stream, (case.width,), inputs[3], inputs[4], EPS)
    return _errors(found, (*results, *torch.autograd.grad(results, inputs, gradients)))


def _plain_errors(case: Case, device: torch.device, dtype: torch.dtype) -> list[float]:
    inputs, gradients = _drawn(case, device, dtype)
    output, bias, residual = inputs[:3]
    result = added(output, bias, residual, _seed(case, device), **_dropout(case))
    found = (result, *torch.autograd.grad(result, inputs[:3], gradients[0]))
    inputs = _precise(inputs[:3])
    result = _stream(case, inputs)
    return _errors(found, (result, *torch.autograd.grad(result, inputs, gradients[0].double())))


def _norm_errors(case: Case, device: torch.device, dtype: torch.dtype) -> list[float]:
    inputs, gradients = _drawn(case, device, dtype)
    stream, weight, shift = inputs[2:]
    result = layer_norm(stream, weight, shift, eps=EPS)
    found = (result, *torch.autograd.grad(result, inputs[2:], gradients[1]))
    stream, weight, shift = inputs = _precise(inputs[2:])
    result = functional.layer_norm(stream, (case.width,), weight, shift, EPS)
    return _errors(found, (result, *torch.autograd.grad(result, inputs, gradients[1].double())))


def _drawn(case: Case, device: torch.device, dtype: torch.dtype) -> tuple[list[Tensor], list[Tensor]]:
    """The inputs in their order, and the gradients of stream and normed."""
    generator = torch.Generator().manual_seed(0)
    stream_dtype = torch.float32 if case.is_precise else dtype

    def draw(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        return torch.randn(shape, generator=generator).to(device, dtype)

    rows, width = (case.tokens, 1, case.width), case.width
    inputs = [draw(*rows), draw(width), draw(*rows, dtype=stream_dtype), draw(width), draw(width)]
    return [each.requires_grad_() for each in inputs], [draw(*rows, dtype=stream_dtype), draw(*rows)]


def _seed(case: Case, device: torch.device) -> Tensor | None:
    return torch.tensor([SEED], dtype=torch.int32, device=device) if case.share else None


def _dropout(case: Case) -> DropoutPlace:
    return {"share": case.share, "site": SITE, "first_row": case.first_row}


def _stream(case: Case, inputs: list[Tensor]) -> Tensor:
    """The definition."""
    output, bias, residual = inputs[:3]
    if not case.share:
        return residual + output + bias
    rows = torch.arange(case.first_row, case.first_row + case.tokens)
    is_kept = kept_weights(SEED, SITE, rows, torch.arange(case.width), case.share)[:, None].to(output.device)
    return residual + torch.where(is_kept, (output + bias) / (1 - case.share), 0.0)


def _precise(inputs: list[Tensor]) -> list[Tensor]:
    return [each.detach().double().requires_grad_() for each in inputs]


def _errors(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> list[float]:
    return [relative_error(ours, right) for ours, right in zip(found, expected, strict=True)]
