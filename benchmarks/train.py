"""How fast one GPU trains, from CSV files to updated weights: `python benchmarks/train.py [--models …] [--contestants …]`.

The trainer's own loader and step, on the real molecules and proteins of `examples/data`, beside what a user would train instead
(`transformers_rival.py`, `megatron_rival.py`), with the same samples, sizes and 32-bit weights. Contestants take turns in one process, so that what else the
machine does meets all alike; the figure of each is the median of its turns. MFU is the trainer's own metric,
`bionemo_trainer.training.utilization`: useful operations of the model as the recipe has it, padding not counted.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import distributed

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.data.preparation.plan import LengthPolicy
from bionemo_trainer.engine.process_groups import Rendezvous, join_process_groups
from bionemo_trainer.training.utilization import model_flops_utilization

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from contestants import Contestant, Trainer, Turn
from megatron_rival import Megatron
from transformers_rival import Transformers

from testkit.real_data import prepare_examples


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A model with its batches."""

    recipe: str
    dataset: str
    micro_batch_size: int
    """With the recipe's sequence length it bounds the tokens of a micro batch."""
    samples: int
    """Of a step: about as many as fill one micro batch."""


WORKLOADS = {
    "megamolbart": Workload(
        recipe="molecule/megamolbart/pretrain_small_span_aug", dataset="molecules", micro_batch_size=128, samples=1600
    ),
    "esm1nv": Workload(recipe="protein/esm1nv/pretrain_small", dataset="proteins", micro_batch_size=128, samples=190),
    "prott5nv": Workload(recipe="protein/prott5nv/pretrain_small", dataset="proteins", micro_batch_size=64, samples=90),
    "esm2_650m": Workload(
        recipe="protein/esm2nv/pretrain_esm2_650M", dataset="proteins", micro_batch_size=32, samples=90
    ),
    "esm2_3b": Workload(recipe="protein/esm2nv/pretrain_esm2_3B", dataset="proteins", micro_batch_size=16, samples=47),
}

type Maker = Callable[[TrainConfig, int, torch.device], Contestant]

FEWEST_STEPS = 3
"""Of a turn, however long they take."""
AS_PACKED = "model.enable_cuda_graph=False"
"""Else micro batches are filled up for graphs, which those who pad to rows don't record."""
CONTESTANTS: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "trainer": (Trainer, ()),
    "trainer, no dropout": (Trainer, ("model.hidden_dropout=0.0", "model.attention_dropout=0.0")),
    "trainer, fp8": (Trainer, ("trainer.precision=fp8-mixed",)),
    "trainer, not compiled": (Trainer, ("model.compile=False",)),
    "trainer, no graphs": (Trainer, (AS_PACKED,)),
    "transformers, compiled": (Transformers, (AS_PACKED,)),
    "megatron-core, padded": (Megatron, (AS_PACKED,)),
}
"""What makes each, and how its configuration differs from the recipe."""


def main() -> None:
    """Measures and prints a line per contestant, and all as JSON to the end."""
    arguments = _arguments()
    _say("prepares the data")
    store = distributed.HashStore()  # type: ignore[attr-defined]  # torch exports it without saying so
    lines = []
    with TemporaryDirectory() as folder:
        prepare_examples(Path(folder), arguments.long_proteins)
        first = config_for(arguments.models[0], "trainer", Path(folder), arguments)
        join_process_groups(layout_of(first), Rendezvous(store=store))
        for model in arguments.models:
            lines += _measured(model, arguments, Path(folder))
    sys.stdout.write(f"{device_name(arguments)}, torch {torch.__version__}\n{json.dumps(lines)}\n")


def _measured(model: str, arguments: argparse.Namespace, data: Path) -> list[dict[str, object]]:
    device = torch.device(arguments.device)
    contestants: dict[str, Contestant] = {}
    start_seconds, peaks, warmed = {}, {}, {}
    for name in arguments.contestants:
        _forget_peak(device)
        began_at = time.perf_counter()
        make, _ = CONTESTANTS[name]
        samples = arguments.samples or WORKLOADS[model].samples
        contestants[name] = make(config_for(model, name, data, arguments), samples, device)
        _say(f"{model}, {name}: built")
        contestants[name].take_turn(1)
        start_seconds[name] = time.perf_counter() - began_at
        _say(f"{model}, {name}: first step after {start_seconds[name]:.1f} s")
        warmed[name] = contestants[name].take_turn(arguments.warm_up)
        steps = contestants[name].settle(arguments.longest_settling)
        peaks[name] = _peak_bytes(device)
        _say(f"{model}, {name}: warmed up, {steps} steps more until shapes were known")
    turns: dict[str, list[Turn]] = {name: [] for name in contestants}
    for _ in range(arguments.turns):
        for name, contestant in contestants.items():
            turns[name].append(contestant.take_turn(_steps_of_a_turn(warmed[name], arguments)))
            _say(f"{model}, {name}: {_rate(turns[name][-1]):,.0f} samples/s")
    if arguments.profile:
        sys.stdout.write(_profile(contestants[arguments.contestants[0]]))
    found = []
    for name, contestant in contestants.items():
        starts = {
            f"loss_after_{arguments.warm_up + 1}": round(warmed[name].loss, 3),  # the same steps for all
            "peak_gib": round(peaks[name] / 2**30, 2),
            "first_step_seconds": round(start_seconds[name], 1),
        }
        line = {"model": model, "contestant": name, **_figures(contestant, turns[name], arguments), **starts}
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        found.append(line)
    return found


def _figures(contestant: Contestant, turns: list[Turn], arguments: argparse.Namespace) -> dict[str, object]:
    """Of the turn in the middle."""
    middle = sorted(turns, key=_rate)[len(turns) // 2]
    tokens_per_second = middle.tokens / middle.seconds
    mfu = model_flops_utilization(
        contestant.config,
        device_name(arguments),
        num_ranks=1,
        tokens_per_second=tokens_per_second,
        tokens_per_sample=middle.tokens / middle.samples,
    )
    waited = sum(turn.waited_seconds for turn in turns) / sum(turn.seconds for turn in turns)
    return {
        "samples_per_second": round(_rate(middle), 1),
        "tokens_per_second": round(tokens_per_second),
        "mfu": None if mfu is None else round(mfu, 4),
        "waiting_share": round(waited, 4),
        "spread": round(statistics.pstdev(map(_rate, turns)) / _rate(middle), 4),
    }


def _steps_of_a_turn(warmed: Turn, arguments: argparse.Namespace) -> int:
    """As many as fill the time of a turn at the pace of the warm-up, in which much is done for the first time."""
    steps: float = arguments.turn_seconds * arguments.warm_up / warmed.seconds
    return max(FEWEST_STEPS, round(steps))


def _rate(turn: Turn) -> float:
    return turn.samples / turn.seconds


def _profile(contestant: Contestant) -> str:
    """Where three steps of a contestant go, by kernel."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        turn = contestant.take_turn(3)
    table = profile.key_averages().table(sort_by="self_cuda_time_total", row_limit=60, max_name_column_width=60)
    return f"three steps took {turn.seconds:.3f} s\n{table}\n"


def device_name(arguments: argparse.Namespace) -> str:
    """Of the GPU."""
    return torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU"


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()


def _peak_bytes(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated() if device.type == "cuda" else 0


def _say(words: str) -> None:
    """Progress, beside the figures."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")


def config_for(model: str, contestant: str, data: Path, arguments: argparse.Namespace) -> TrainConfig:
    """The recipe with a workload's batches and a contestant's changes."""
    workload, (_, changes) = WORKLOADS[model], CONTESTANTS[contestant]
    overrides = (
        "trainer.devices=1",
        "trainer.num_nodes=1",
        "model.tensor_model_parallel_size=1",
        f"trainer.accelerator={'gpu' if arguments.device == 'cuda' else 'cpu'}",
        "trainer.precision=bf16-mixed",
        "trainer.max_steps=100000",
        "model.optim.lr=1e-4",  # no schedule runs here
        f"model.micro_batch_size={workload.micro_batch_size}",
        f"model.global_batch_size={arguments.samples or workload.samples}",
        f"model.data.num_workers={arguments.workers}",
        f"model.data.dataset_path={data / workload.dataset}",
        *(f"model.data.dataset.{split}=x000" for split in ("train", "val", "test")),
    )
    return load_recipe(workload.recipe, (*overrides, *changes, *arguments.overrides)).config


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    all_but_the_largest = [name for name in WORKLOADS if name != "esm2_3b"]
    parser.add_argument("--models", nargs="+", default=all_but_the_largest, choices=list(WORKLOADS))
    parser.add_argument("--contestants", nargs="+", choices=list(CONTESTANTS), help="all that the device can run")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--turn-seconds", type=float, default=2.0, help="about how long a turn takes")
    parser.add_argument("--warm-up", type=int, default=19, help="steps before the turns, the first one not counted")
    parser.add_argument(
        "--longest-settling", type=int, default=500, help="steps, at most, in which shapes may still be recorded"
    )
    parser.add_argument("--profile", action="store_true", help="also show where the first contestant's time goes")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--samples", type=int, help="of a step, in place of the workload's")
    parser.add_argument(
        "--long-proteins",
        type=LengthPolicy,
        default=LengthPolicy.TRUNCATE,
        choices=list(LengthPolicy),
        help="what becomes of those beyond 510 residues",
    )
    parser.add_argument(
        "--device", choices=("cuda", "cpu"), default="cuda", help="cpu shows that it works, not how fast"
    )
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="of all configurations, for instance smaller sizes"
    )
    arguments = parser.parse_args()
    on_any = [name for name in CONTESTANTS if arguments.device == "cuda" or "fp8" not in name]
    arguments.contestants = arguments.contestants or on_any
    return arguments


if __name__ == "__main__":
    main()
