"""Attention over ragged sequences by our kernels and, sequence by sequence, in 64 bit; imported by fresh processes.

Where there is no GPU, Triton's interpreter runs the kernels: set TRITON_INTERPRET=1 before anything imports Triton.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bionemo_trainer.kernels.dropout import kept_weights
from bionemo_trainer.kernels.packed_attention import packed_attention_op
from bionemo_trainer.kernels.tiles import BLOCK, tiles_of
from testkit.fresh_processes import Findings

HEADS = 2
FIRST_HEAD = 3
SEED = -77


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call of the operator."""

    queries: Sequence[int]
    """Lengths of the sequences."""
    keys: Sequence[int]
    width: int = 16
    is_causal: bool = False
    dropout: float = 0.0
    num_sources: int = 2
    """Tensors that hold queries, keys and values."""
    is_rotary: bool = False
    """Whether queries and keys are turned first, by angles that have nothing to do with their places."""
    offset: float = 0.0
    """Of queries, and of keys to the other side: it makes all scores negative."""


CASES = {
    "bidirectional": Case(queries=(5, 1, 130, 64), keys=(5, 1, 130, 64)),
    "causal": Case(queries=(5, 1, 130, 64), keys=(5, 1, 130, 64), is_causal=True),
    "short ones beside a long one": Case(queries=(5, 1, 3, 130, 64, 7, 2), keys=(5, 1, 3, 130, 64, 7, 2)),
    "cross": Case(queries=(5, 70, 64), keys=(7, 2, 65)),
    "a sequence without keys": Case(queries=(5, 3), keys=(0, 4)),
    "a sequence without queries": Case(queries=(0, 3), keys=(6, 4)),
    "exactly one tile": Case(queries=(BLOCK,), keys=(BLOCK,), is_causal=True),
    "exactly two tiles": Case(queries=(2 * BLOCK,), keys=(2 * BLOCK,), is_causal=True),
    "dropout": Case(queries=(5, 70, 64), keys=(5, 70, 64), dropout=0.25),
    "all in one tensor": Case(queries=(5, 70, 64), keys=(5, 70, 64), num_sources=1),
    "each in its own tensor": Case(queries=(5, 70, 64), keys=(5, 70, 64), num_sources=3),
    "turned": Case(queries=(5, 70, 64), keys=(5, 70, 64), num_sources=1, is_rotary=True),
    "turned heads of 80": Case(queries=(9, 70), keys=(9, 70), num_sources=1, is_rotary=True, width=80, dropout=0.1),
    "turned heads of 8": Case(queries=(9, 2), keys=(9, 2), num_sources=1, is_rotary=True, width=8, is_causal=True),
    "causal with dropout": Case(queries=(9, 70), keys=(9, 70), is_causal=True, dropout=0.1),
    "cross with dropout": Case(queries=(5, 70), keys=(66, 2), dropout=0.5),
    "scores below the smallest power of two": Case(queries=(5, 70), keys=(5, 70), offset=6.5),
    "heads of 8": Case(queries=(5, 66), keys=(5, 66), width=8),
    "heads of 80": Case(queries=(5, 66), keys=(5, 66), width=80, dropout=0.1),
    "heads of 128": Case(queries=(5, 66), keys=(5, 66), width=128),
}
IN_FP16 = ("causal with dropout", "cross", "turned")
"""Cases that the interpreter runs in 16 bit too; it multiplies the bits of bf16 for numbers."""
OUTPUTS = ("attended", "queries", "keys", "values")
"""What is compared: the output and the gradients."""


def errors_on_cpu(_folder: Path) -> Findings:
    """The largest errors of every case in 32 bit, and of some in fp16, relative to the largest value."""
    cpu = torch.device("cpu")
    in_32_bit = {name: errors_of(case, cpu, torch.float32) for name, case in CASES.items()}
    return {**in_32_bit, **{f"{name} in fp16": errors_of(CASES[name], cpu, torch.float16) for name in IN_FP16}}


def errors_of(case: Case, device: torch.device, dtype: torch.dtype) -> list[float]:
    """The largest error of each of OUTPUTS, relative to its largest value."""
    generator = torch.Generator().manual_seed(0)
    draw = (sum(case.queries), HEADS, case.width), (sum(case.keys), HEADS, 2, case.width)
    query, memory = (torch.randn(shape, generator=generator) for shape in draw)
    memory[:, :, 0] -= case.offset
    query, memory = (part.to(device, dtype).requires_grad_() for part in (query + case.offset, memory))
    gradient = torch.randn(draw[0], generator=generator).to(device, dtype)
    inputs = (query, *memory.unbind(2))  # strides, as the layers have them
    angles = _angles(case, generator)
    found = attended_by_kernel(case, angles, *_sources(case, query, memory))
    inputs_64 = [part.detach().double().cpu().requires_grad_() for part in inputs]
    expected = attended_one_by_one(case, *_turned(inputs_64, angles))
    of_query, of_memory = torch.autograd.grad(found, (query, memory), gradient)
    found_all = (found, of_query, *of_memory.unbind(2))
    expected_all = (expected, *torch.autograd.grad(expected, inputs_64, gradient.double().cpu(), allow_unused=True))
    return [relative_error(ours, theirs) for ours, theirs in zip(found_all, expected_all, strict=True)]


def _sources(case: Case, query: Tensor, memory: Tensor) -> tuple[Tensor, ...]:
    """In every form that the operator takes, by how many tensors hold them."""
    query = query.unsqueeze(2)
    if case.num_sources == 1:
        return (torch.cat((query, memory), dim=2),)
    return (query, memory) if case.num_sources == 2 else (query, memory[:, :, :1], memory[:, :, 1:])


def _angles(case: Case, generator: torch.Generator) -> Tensor | None:
    """Of every token and pair, 64 bit."""
    shape = (sum(case.queries), case.width // 2)
    return torch.randn(shape, generator=generator, dtype=torch.float64) if case.is_rotary else None


def _turned(inputs: Sequence[Tensor], angles: Tensor | None) -> tuple[Tensor, ...]:
    """Queries and keys turned as complex numbers, whose parts are the halves of a head."""
    query, key, value = inputs
    if angles is None:
        return query, key, value
    turns = torch.polar(torch.ones_like(angles), angles)[:, None]
    turned = [torch.complex(*part.chunk(2, dim=-1)) * turns for part in (query, key)]
    return (*(torch.cat((part.real, part.imag), dim=-1) for part in turned), value)


def attended_by_kernel(case: Case, angles: Tensor | None, *sources: Tensor) -> Tensor:
    """The operator's output."""
    device = sources[0].device
    bounds = [_bounds(lengths, device) for lengths in (case.queries, case.keys)]
    turns = [] if angles is None else [part.to(device, torch.float32) for part in (angles.cos(), angles.sin())]
    return packed_attention_op(
        sources,
        (bounds[0], bounds[1]),
        (tiles_of(bounds[0], sum(case.queries)), tiles_of(bounds[1], sum(case.keys))),
        torch.tensor([SEED], dtype=torch.int32, device=device),
        share=case.dropout,
        first_head=FIRST_HEAD,
        is_causal=case.is_causal,
        has_long=max(*case.queries, *case.keys) > BLOCK,
        angles=(turns[0], turns[1]) if turns else None,
    )


def attended_one_by_one(case: Case, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Softmax attention written out, with the weights that the kernel's rule drops."""
    attended, first = [], 0
    lengths = (case.queries, case.keys, case.keys)
    parts = (torch.split(part, list(sizes)) for part, sizes in zip((query, key, value), lengths, strict=True))
    rows = zip(*parts, strict=True)
    for query_MND, key_KND, value_KND in rows:
        places = torch.arange(first, first + len(query_MND)), torch.arange(len(key_KND))
        scores = torch.einsum("mnd,knd->nmk", query_MND, key_KND) / case.width**0.5
        if case.is_causal:
            scores = scores.masked_fill(torch.ones(scores.shape[1:]).triu(1).bool(), -torch.inf)
        weights = scores.softmax(-1)
        if case.dropout:
            heads = [kept_weights(SEED, FIRST_HEAD + head, *places, case.dropout) for head in range(HEADS)]
            weights = weights * torch.stack(heads) / (1 - case.dropout)
        attended.append(torch.einsum("nmk,knd->mnd", weights, value_KND))
        first += len(query_MND)
    return torch.cat(attended)


def _bounds(lengths: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor([0, *lengths]).cumsum(0).to(device, torch.int32)


def relative_error(found: Tensor, expected: Tensor) -> float:
    """The largest error, relative to the largest value that is expected; 0 of nothing, infinite of what is no number."""
    assert found.shape == expected.shape
    if not found.numel():
        return 0.0
    right = expected.detach().cpu()
    errors = (found.detach().double().cpu() - right).abs().nan_to_num(nan=torch.inf)
    return float(errors.max() / right.abs().max().clamp(min=1e-6))
