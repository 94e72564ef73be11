"""Gradients that our kernel adds to their sums; imported by fresh processes, see `attention_cases`."""

from pathlib import Path

import torch

from testkit.fresh_processes import Findings

COUNTS = {
    "one part": (5000,),
    "a layer": (4096, 12_288, 16_384, 16_384),
    "all that fit, of any sizes": (1, 4095, 4096, 4097, 7, 64, 10_000, 3),
}
"""Elements of each part."""


def are_sums_right(counts: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> bool:
    """Whether every sum is torch's to the bit, and nothing beyond them has changed."""
    from bionemo_trainer.kernels.adding import add_to_sums  # noqa: PLC0415 - Triton may be missing

    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(count, generator=generator).to(device, dtype) for count in counts]
    sums = torch.randn(sum(counts) + 1, generator=generator).to(device)
    wanted = torch.cat((sums[:-1] + torch.cat(parts), sums[-1:]))
    add_to_sums(sums[:-1], parts)
    return torch.equal(sums, wanted)


def adding_cases_on_cpu(_folder: Path) -> Findings:
    """By name of the counts; fp16, since Triton's interpreter has no bf16 of its own."""
    return {name: are_sums_right(counts, torch.device("cpu"), torch.float16) for name, counts in COUNTS.items()}
