"""How fast attention over packed proteins is: `python benchmarks/attention.py [--heads …] [--width …] [--dropout …] [--causal]`.

Our kernels beside torch's variable-length attention (FlashAttention), which has no dropout, on the lengths of the first proteins of
`examples/data`, cut as the recipes cut them. Both replay CUDA graphs, so that the host takes no part, in turns; the figure of each is
its median. Useful operations are those of Dao, "FlashAttention-2" (2023): 4 x L^2 x D for a head and a sequence of L tokens forward,
2.5 times as many backward, half of both where attention is causal.
"""

import argparse
import gzip
import statistics
import sys
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from bionemo_trainer.data.preparation.plan import LengthPolicy
from bionemo_trainer.data.preparation.protein_records import ProteinReader
from bionemo_trainer.data.preparation.rejects import Rejects
from bionemo_trainer.models.attention import (
    Bounds,
    DropoutKey,
    Kernel,
    Sight,
    triton_attention,
    variable_length_attention,
)
from testkit.networks import tokens_of
from testkit.real_data import EXAMPLES, LONGEST_PROTEIN

REPLAYS, TURNS = 20, 5


def main() -> None:
    """Prints a line per contestant."""
    arguments = _arguments()
    lengths = protein_lengths(arguments.tokens)
    sys.stdout.write(
        f"{torch.cuda.get_device_name()}, torch {torch.__version__}: {sum(lengths):,} tokens of {len(lengths)} proteins, "
        f"{arguments.heads} heads of {arguments.width}, dropout {arguments.dropout}{', causal' * arguments.causal}\n"
    )
    contestants: dict[str, Kernel] = {"ours": triton_attention}
    if not arguments.dropout:
        contestants["torch, variable length"] = variable_length_attention
    timed = {name: _timed(kernel, lengths, arguments) for name, kernel in contestants.items()}
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
    for _ in range(TURNS):
        for name, (forward, both) in timed.items():
            alone = forward()
            turns[name].append((alone, both() - alone))
    for name, found in turns.items():
        sys.stdout.write(f"{name:>24}: {_line(found, lengths, arguments)}\n")


def protein_lengths(most_tokens: int) -> list[int]:
    """Of the first proteins that so many tokens hold, each with its begin and end."""
    reader = ProteinReader(LONGEST_PROTEIN, LengthPolicy.TRUNCATE)
    with gzip.open(EXAMPLES / "proteins" / "uniprot.fasta.gz") as lines:
        lengths = [len(sequence) + 2 for _, sequence in reader.rows(lines, Rejects(BytesIO()))]
    return [length for length, end in zip(lengths, accumulate(lengths), strict=True) if end <= most_tokens]


def _timed(
    kernel: Kernel, lengths: Sequence[int], arguments: argparse.Namespace
) -> tuple[Callable[[], float], Callable[[], float]]:
    """Seconds of a forward pass, and of both passes."""
    sequences = [np.zeros(length, dtype=np.uint16) for length in lengths]
    bounds = Bounds.of(tokens_of(sequences, torch.device("cuda")))
    key = DropoutKey(seed=torch.ones(1, dtype=torch.int32, device="cuda"), first_head=0)
    sight = Sight(queries=bounds, keys=bounds, is_causal=arguments.causal, dropout=arguments.dropout, dropout_key=key)
    shape = (sum(lengths), arguments.heads, 3, arguments.width)
    heads = torch.randn(shape, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    gradient = torch.randn_like(heads[:, :, 0].detach())

    def forward() -> Tensor:
        return kernel((heads,), sight)

    def both() -> object:
        return torch.autograd.grad(forward(), heads, gradient)

    return _replayed(forward), _replayed(both)


def _replayed(call: Callable[[], object]) -> Callable[[], float]:
    """Seconds that one call takes the device."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch's
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=side):
        call()

    def seconds() -> float:
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]  # torch's
        begin.record()
        for _ in range(REPLAYS):
            graph.replay()
        end.record()
        torch.cuda.synchronize()
        return float(begin.elapsed_time(end)) / 1e3 / REPLAYS

    return seconds


def _line(turns: Sequence[tuple[float, float]], lengths: Sequence[int], arguments: argparse.Namespace) -> str:
    operations = 4 * sum(length**2 for length in lengths) * arguments.heads * arguments.width / (1 + arguments.causal)
    passes = zip(("forward", "backward"), zip(*turns, strict=True), (operations, 2.5 * operations), strict=True)
    return ", ".join(
        f"{name} {statistics.median(seconds) * 1e6:,.0f} us ({count / statistics.median(seconds) / 1e12:.0f} TFLOP/s)"
        for name, seconds, count in passes
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Attention over packed proteins, ours and torch's.")
    parser.add_argument("--tokens", type=int, default=30_000)
    parser.add_argument("--heads", type=int, default=20)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--causal", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
