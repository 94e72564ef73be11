"""How fast one GPU trains, from CSV files to updated weights: `python benchmarks/train.py [--models …] [--variants …]`.

Every row is the trainer's own loader and step, on the real molecules and proteins of `examples/data`, with 32-bit master
weights. Variants of a model take turns in one process, so that what else the machine does meets all alike; the figure of a
variant is the median of its turns. MFU is the trainer's own metric, `bionemo_trainer.training.utilization`.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import distributed

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.data.step_batches import Share
from bionemo_trainer.engine.process_groups import Ranks, Rendezvous, form_model_groups, join_process_groups
from bionemo_trainer.engine.stepping import Trainee
from bionemo_trainer.training.loaders import training_loader, unpacked
from bionemo_trainer.training.utilization import model_flops_utilization

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from testkit.real_data import prepare_examples

ALONE = Share(rank=0, num_ranks=1)


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
    "esm1nv": Workload(recipe="protein/esm1nv/pretrain_small", dataset="proteins", micro_batch_size=128, samples=220),
    "prott5nv": Workload(
        recipe="protein/prott5nv/pretrain_small", dataset="proteins", micro_batch_size=64, samples=100
    ),
    "esm2_650m": Workload(
        recipe="protein/esm2nv/pretrain_esm2_650M", dataset="proteins", micro_batch_size=32, samples=110
    ),
}
VARIANTS: dict[str, tuple[str, ...]] = {
    "recipe": (),
    "no dropout": ("model.hidden_dropout=0.0", "model.attention_dropout=0.0"),
    "not compiled": ("model.compile=False",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What some steps of one variant took."""

    seconds: float
    waited_seconds: float
    """Of them for data."""
    samples: int
    tokens: int
    """Of encoder and decoder."""
    loss: float


class Contestant:
    """One variant of one model, between its turns."""

    def __init__(self, workload: Workload, variant: str, data: Path, workers: int) -> None:
        self.config = _config(workload, VARIANTS[variant], data, workers)
        ranks = Ranks(world=0, data=0, tensor=0, pipeline=0, device=torch.device("cuda", 0))
        form_model_groups(layout_of(self.config))
        self.trainee = Trainee(self.config, ranks)
        self.samples = workload.samples
        self._batches = map(unpacked, training_loader(self.config, ALONE, workload.samples, 0))
        self._step = 0

    def take_turn(self, steps: int) -> Turn:
        """Trains some steps."""
        waited, tokens = 0.0, torch.zeros((), dtype=torch.int64, device=self.trainee.ranks.device)
        torch.cuda.synchronize()
        started_at = time.perf_counter()
        for _ in range(steps):
            asked_at = time.perf_counter()
            batches = next(self._batches)
            waited += time.perf_counter() - asked_at
            done = self.trainee.step(batches, self._step * self.samples, wish=False)
            tokens += done.num_tokens
            self._step += 1
        loss = float(done.update.loss_sum) / int(done.num_targets)
        seconds = time.perf_counter() - started_at
        return Turn(seconds=seconds, waited_seconds=waited, samples=steps * self.samples, tokens=int(tokens), loss=loss)


def main() -> None:
    """Measures and prints a line per variant, and all as JSON to the end."""
    arguments = _arguments()
    _say("prepares the data")
    store = distributed.HashStore()  # type: ignore[attr-defined]  # torch exports it without saying so
    lines = []
    with TemporaryDirectory() as folder:
        prepare_examples(Path(folder))
        first = _config(WORKLOADS[arguments.models[0]], (), Path(folder), 0)
        join_process_groups(layout_of(first), Rendezvous(store=store))
        for model in arguments.models:
            lines += _measured(model, arguments, Path(folder))
    sys.stdout.write(f"{torch.cuda.get_device_name()}, torch {torch.__version__}\n{json.dumps(lines)}\n")


def _measured(model: str, arguments: argparse.Namespace, data: Path) -> list[dict[str, object]]:
    workload = WORKLOADS[model]
    contestants, start_seconds, peaks = {}, {}, {}
    for variant in arguments.variants:
        torch.cuda.reset_peak_memory_stats()
        began_at = time.perf_counter()
        contestants[variant] = Contestant(workload, variant, data, arguments.workers)
        _say(f"{model}, {variant}: built")
        contestants[variant].take_turn(1)
        start_seconds[variant] = time.perf_counter() - began_at
        _say(f"{model}, {variant}: first step after {start_seconds[variant]:.1f} s")
        contestants[variant].take_turn(9)
        peaks[variant] = torch.cuda.max_memory_allocated()
    turns: dict[str, list[Turn]] = {variant: [] for variant in contestants}
    for _ in range(arguments.turns):
        for variant, contestant in contestants.items():
            turns[variant].append(contestant.take_turn(arguments.steps))
    if arguments.profile:
        sys.stdout.write(_profile(contestants[arguments.variants[0]]))
    found = []
    for variant, contestant in contestants.items():
        best = sorted(turns[variant], key=lambda turn: turn.samples / turn.seconds)[len(turns[variant]) // 2]
        mfu = model_flops_utilization(
            contestant.config,
            torch.cuda.get_device_name(),
            num_ranks=1,
            tokens_per_second=best.tokens / best.seconds,
            tokens_per_sample=best.tokens / best.samples,
        )
        line = {
            "model": model,
            "variant": variant,
            "samples_per_second": round(best.samples / best.seconds, 1),
            "tokens_per_second": round(best.tokens / best.seconds),
            "mfu": None if mfu is None else round(mfu, 4),
            "waiting_share": round(
                sum(t.waited_seconds for t in turns[variant]) / sum(t.seconds for t in turns[variant]), 4
            ),
            "peak_gib": round(peaks[variant] / 2**30, 2),
            "first_step_seconds": round(start_seconds[variant], 1),
            "spread": round(
                statistics.pstdev(t.samples / t.seconds for t in turns[variant]) / (best.samples / best.seconds), 4
            ),
            "loss": round(best.loss, 3),
        }
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        found.append(line)
    return found


def _profile(contestant: Contestant) -> str:
    """Where three steps of a contestant go, by kernel."""
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        turn = contestant.take_turn(3)
    table = profile.key_averages().table(sort_by="self_cuda_time_total", row_limit=30, max_name_column_width=60)
    return f"three steps took {turn.seconds:.3f} s\n{table}\n"


def _say(words: str) -> None:
    """Progress, beside the figures."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")


def _config(workload: Workload, variant: Sequence[str], data: Path, workers: int) -> TrainConfig:
    overrides = (
        "trainer.devices=1",
        "trainer.num_nodes=1",
        "trainer.precision=bf16-mixed",
        "trainer.max_steps=100000",
        "model.optim.lr=1e-4",  # no schedule runs here
        f"model.micro_batch_size={workload.micro_batch_size}",
        f"model.global_batch_size={workload.samples}",
        f"model.data.num_workers={workers}",
        f"model.data.dataset_path={data / workload.dataset}",
        *(f"model.data.dataset.{split}=x000" for split in ("train", "val", "test")),
    )
    return load_recipe(workload.recipe, (*overrides, *variant)).config


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", nargs="+", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--profile", action="store_true", help="also show where the first variant's time goes")
    parser.add_argument("--workers", type=int, default=14)
    return parser.parse_args()


if __name__ == "__main__":
    main()
