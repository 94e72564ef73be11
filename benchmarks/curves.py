"""Losses of the trainer under several settings, step after step on the same data: `python benchmarks/curves.py [--model …]`.

One setting after the other trains from the same weights on the real proteins or molecules of `examples/data`. What a setting changes in
the arithmetic must not show: neither our kernels beside torch's, nor products in 8 bit beside 16.
"""

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import distributed
from train import CONTESTANTS, WORKLOADS, config_for, device_name

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.engine.process_groups import Rendezvous, join_process_groups
from testkit.real_data import prepare_examples

CONTESTANT = "trainer, no dropout"
"""Dropout would hide what arithmetic does."""
SETTINGS: dict[str, tuple[str, ...]] = {
    "bf16": (),
    "bf16, torch's kernels": ("model.fused_kernels=False", "model.compile=False"),
    "fp8": ("trainer.precision=fp8-mixed",),
}
"""How the configuration differs from the contestant's."""
NUM_ROWS = 10
"""Of the table: means over as many parts of the run."""


def main() -> None:
    """Prints a row for each part of the run, and all losses as JSON to the end."""
    arguments = _arguments()
    curves = {}
    with TemporaryDirectory() as folder:
        prepare_examples(Path(folder))
        first = config_for(arguments.model, CONTESTANT, Path(folder), arguments)
        store = distributed.HashStore()  # type: ignore[attr-defined]  # torch exports it without saying so
        join_process_groups(layout_of(first), Rendezvous(store=store))
        for name in arguments.settings:
            curves[name] = _curve(name, Path(folder), arguments)
    sys.stdout.write(f"{device_name(arguments)}, torch {torch.__version__}\n{_table(curves)}{json.dumps(curves)}\n")


def _curve(name: str, data: Path, arguments: argparse.Namespace) -> list[float]:
    make, _ = CONTESTANTS[CONTESTANT]
    changed = argparse.Namespace(**vars(arguments) | {"overrides": [*SETTINGS[name], *arguments.overrides]})
    config = config_for(arguments.model, CONTESTANT, data, changed)
    torch.compiler.reset()
    contestant = make(config, arguments.samples, torch.device(arguments.device))
    return contestant.losses(arguments.steps)


def _table(curves: dict[str, list[float]]) -> str:
    """Means over the parts of the run, and how far each is from the first curve's."""
    names, length = list(curves), max(1, min(map(len, curves.values())) // NUM_ROWS)
    lines = [f"| steps | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for start in range(0, length * NUM_ROWS, length):
        means = [sum(curves[name][start : start + length]) / length for name in names]
        cells = [f"{means[0]:.4f}", *(f"{mean:.4f} ({mean - means[0]:+.4f})" for mean in means[1:])]
        lines.append(f"| {start + 1} to {start + length} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="esm1nv", choices=list(WORKLOADS))
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), help="all that the device can run")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=64, help="of a step")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of all configurations")
    arguments = parser.parse_args()
    on_any = [name for name in SETTINGS if arguments.device == "cuda" or name != "fp8"]
    arguments.settings = arguments.settings or on_any
    return arguments


if __name__ == "__main__":
    main()
