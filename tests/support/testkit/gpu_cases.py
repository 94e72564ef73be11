"""Steps of training that processes on one GPU, and one without it, are asked for; imported by fresh processes."""

import logging
import logging.handlers
from pathlib import Path

import torch
from torch import distributed

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.engine import graphs
from bionemo_trainer.engine.process_groups import Rendezvous, join_process_groups, leave_process_groups
from bionemo_trainer.engine.stepping import Trainee
from bionemo_trainer.models.eight_bit import FIRST_CAPABILITY
from bionemo_trainer.models.losses import TokenLosses
from testkit.fresh_processes import Findings
from testkit.networks import FAMILIES, MEGAMOLBART, NO_DROPOUT, runs_compiled
from testkit.parallel_cases import SEQUENCE, TENSOR
from testkit.step_cases import DATA, NUM_STEPS, config_for, losses_of, trainee_for, two_rank_cases, weights_of

SAME_WEIGHTS = "model.use_cpu_initialization=True"
"""CPU and GPU draw different weights from the same seed."""
ON_GPU = ("trainer.accelerator=gpu", SAME_WEIGHTS)
NOT_COMPILED = "model.compile=False"
"""Compiling takes most of a minute per family."""


def cpu_cases(folder: Path) -> Findings:
    """Losses of every family in 32 bit."""
    return _alone(folder, SAME_WEIGHTS)


def gpu_cases(folder: Path) -> Findings:
    """Losses of every family in every precision, in two of them compiled; what an update that is no number does."""
    found = _alone(folder, *ON_GPU, NOT_COMPILED)
    eight_bit = [("fp8-mixed", True)] if torch.cuda.get_device_capability() >= FIRST_CAPABILITY else []
    for precision, is_compiled in (("bf16-mixed", True), ("16-mixed", False), *eight_bit):
        overrides = (
            *ON_GPU,
            f"trainer.precision={precision}",
            "model.native_amp_init_scale=128.0",
            f"model.compile={is_compiled}",
        )
        found |= {f"{precision} {recipe}": losses for recipe, losses in _alone(folder, *overrides).items()}
    found["untouched"] = _untouched(folder)
    return found


def shared_gpu_cases(folder: Path) -> Findings:
    """Losses of two ranks that share layers, on one GPU."""
    found: Findings = {}
    for name, layout in (("tensor", TENSOR), ("sequence", SEQUENCE)):
        for recipe in FAMILIES:
            config = config_for(recipe, folder, *NO_DROPOUT, *ON_GPU, NOT_COMPILED, *layout)
            found[f"{name} {recipe}"] = losses_of(trainee_for(config), range(NUM_STEPS))
    return found


def two_gpu_cases(folder: Path) -> Findings:
    """Losses of two ranks with a GPU each under every layout, and of two replicas that replay graphs of compiled layers."""
    found = two_rank_cases(folder, *ON_GPU, NOT_COMPILED)
    for precision in ("bf16-mixed", "fp8-mixed"):
        config = config_for(MEGAMOLBART, folder, *NO_DROPOUT, *ON_GPU, *DATA, f"trainer.precision={precision}")
        trainee = trainee_for(config)
        found[f"{precision} replayed replicas"] = losses_of(trainee, range(NUM_STEPS))
        assert_compiled_where_asked(trainee)
        found[f"graphs {precision}"] = trainee.graphs.count if trainee.graphs else 0
    return found


def graph_cases(folder: Path) -> Findings:
    """Losses with dropout, of replayed micro batches and of others of the same shapes; what a failing recording does."""
    found: Findings = {}
    store = distributed.HashStore()  # type: ignore[attr-defined]  # torch exports it without saying so
    settings = (*ON_GPU, NOT_COMPILED, "trainer.precision=bf16-mixed")
    join_process_groups(layout_of(config_for(MEGAMOLBART, folder, *settings)), Rendezvous(store=store))
    for recipe in FAMILIES:
        found |= _replayed_and_launched(recipe, config_for(recipe, folder, *settings))
    if torch.cuda.get_device_capability() >= FIRST_CAPABILITY:
        found |= _replayed_and_launched(
            "fp8", config_for(MEGAMOLBART, folder, *settings, "trainer.precision=fp8-mixed")
        )
    found["whole"] = found[f"launched {MEGAMOLBART}"]
    return found | _broken(config_for(MEGAMOLBART, folder, *settings))


def _replayed_and_launched(name: str, config: TrainConfig) -> Findings:
    """Losses with graphs and without, and how many graphs there are."""
    trainee = trainee_for(config)
    found: Findings = {f"replayed {name}": losses_of(trainee, range(NUM_STEPS))}
    found[f"graphs {name}"] = [trainee.graphs.count if trainee.graphs else 0]
    trainee = trainee_for(config)
    trainee.graphs = None
    return found | {f"launched {name}": losses_of(trainee, range(NUM_STEPS))}


def _broken(config: TrainConfig) -> Findings:
    """Losses of a network that waits for the device while it is recorded, and what is logged of it."""
    trainee = trainee_for(config)
    trainee.network.register_forward_hook(_wait)
    heard = logging.handlers.BufferingHandler(100)
    logging.getLogger(graphs.__name__).addHandler(heard)
    losses = losses_of(trainee, range(NUM_STEPS))
    return {"broken": losses, "words": [record.getMessage() for record in heard.buffer]}


def _wait(_network: object, _batch: object, losses: TokenLosses) -> None:
    losses.loss_sum.item()


def assert_compiled_where_asked(trainee: Trainee) -> None:
    """Layers that fell back would compute the same."""
    if trainee.config.model.compile and trainee.ranks.device.type == "cuda":
        assert runs_compiled(trainee.network), "layers run uncompiled"


def _alone(folder: Path, *overrides: str) -> Findings:
    store = distributed.HashStore()  # type: ignore[attr-defined]  # torch exports it without saying so
    join_process_groups(layout_of(config_for(MEGAMOLBART, folder, *overrides)), Rendezvous(store=store))
    try:
        losses: Findings = {}
        for recipe in FAMILIES:
            torch.compiler.reset()  # torch compiles the same code for so many networks only
            trainee = trainee_for(config_for(recipe, folder, *NO_DROPOUT, *overrides))
            losses[recipe] = losses_of(trainee, range(NUM_STEPS))
            assert_compiled_where_asked(trainee)
        return losses
    finally:
        leave_process_groups()


def _untouched(folder: Path) -> list[bool]:
    """Whether a gradient that is no number leaves the weights alone and is reported."""
    store = distributed.HashStore()  # type: ignore[attr-defined]  # torch exports it without saying so
    config = config_for(MEGAMOLBART, folder, *ON_GPU, "trainer.precision=bf16-mixed")
    join_process_groups(layout_of(config), Rendezvous(store=store))
    trainee = trainee_for(config)
    losses_of(trainee, range(2))
    before = weights_of(trainee)
    trainee.flat.zero_gradients()
    trainee.flat.buffers[0].gradients_N[0] = float("nan")
    update = trainee.optimizer.update(torch.zeros((), device=trainee.ranks.device))
    after = weights_of(trainee)
    leave_process_groups()
    return [all(torch.equal(before[name], after[name]) for name in before), bool(update.has_failed)]
