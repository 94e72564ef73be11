"""Steps of training that one rank and two ranks are asked for; imported by fresh processes, so it stands here.

The data are a few real molecules and proteins in BioNeMo's folders, so everything but Lightning's loop takes part.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from megatron.core import parallel_state
from torch import distributed

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.data.step_batches import Share, step_batches
from bionemo_trainer.engine import sharded_state
from bionemo_trainer.engine.graphs import can_replay
from bionemo_trainer.engine.process_groups import Ranks, form_model_groups
from bionemo_trainer.engine.stepping import Trainee
from bionemo_trainer.models.freight import Freight
from testkit.fresh_processes import Findings
from testkit.networks import CPU, ENCODERS, FAMILIES, MEGAMOLBART, NO_DROPOUT, SMALL
from testkit.parallel_cases import PIPELINE, SEQUENCE, TENSOR

NUM_STEPS = 20
GLOBAL_BATCH_SIZE = 6
DATA = ("trainer.devices=2",)
LAYOUTS = {"data": DATA, "tensor": TENSOR, "sequence": SEQUENCE, "pipeline": PIPELINE}
LAYOUTS_OF_FAMILIES = [
    (layout, recipe) for recipe in FAMILIES for layout in LAYOUTS if layout != "pipeline" or recipe in ENCODERS
]
RESUMED = [(layout, recipe) for layout, recipe in LAYOUTS_OF_FAMILIES if recipe in (MEGAMOLBART, ENCODERS[1])]
"""Those whose checkpoints are gone on from."""
PRECISIONS = ("bf16-mixed",)  # 16-mixed needs a GPU

MOLECULES = (
    "CCO",
    "c1ccccc1",
    "CC(=O)Nc1ccc(O)cc1",
    "CCN(CC)CC",
    "O=C(O)c1ccccc1",
    "CC(C)Cc1ccc(C)cc1",
    "C1CCNCC1",
    "N#Cc1ccncc1",
)
PROTEINS = ("MKVLAA", "GSHMKTAYIAKQR", "MSTNPKPQRKTKRNTNRRPQDVK", "MALWMRLLPLLALLALWGPD", "MKT", "ACDEFGHIKLMNPQRSTVWY")


def write_datasets(folder: Path) -> None:
    """Writes both datasets below a folder: the same rows in every split."""
    for name, header, rows in (
        ("molecules", "zinc_id,SMILES", MOLECULES),
        ("proteins", "record_id,name,sequence_length,sequence", PROTEINS),
    ):
        for split in ("train", "val", "test"):
            path = folder / name / split / "x000.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = [
                f"{index},{row}" if name == "molecules" else f"{index},p,{len(row)},{row}"
                for index, row in enumerate(rows)
            ]
            path.write_text("\n".join([header, *lines]) + "\n")


def config_for(recipe: str, folder: Path, *overrides: str) -> TrainConfig:
    """A small network of a recipe on the datasets below a folder; learning is quick and steady."""
    kind = "molecules" if recipe == MEGAMOLBART else "proteins"
    data = [
        f"model.data.dataset_path={folder / kind}",
        *(f"model.data.dataset.{split}=x000" for split in ("train", "val", "test")),
        "model.data.num_workers=0",
        f"model.global_batch_size={GLOBAL_BATCH_SIZE}",
        "model.micro_batch_size=1",
        "model.seq_length=64",
        "model.max_position_embeddings=64",
        "model.optim.lr=1e-3",
        "trainer.max_steps=1000000",
    ]
    if recipe not in ENCODERS:
        data += [] if recipe == MEGAMOLBART else ["model.data.seq_length_dec=64"]
    return load_recipe(recipe, (*SMALL, *data, *overrides)).config


def trainee_for(config: TrainConfig) -> Trainee:
    """A trainee of this process, in the groups that its configuration asks for."""
    form_model_groups(layout_of(config))
    ranks = Ranks(
        world=distributed.get_rank(),
        data=parallel_state.get_data_parallel_rank(),
        tensor=parallel_state.get_tensor_model_parallel_rank(),
        pipeline=parallel_state.get_pipeline_model_parallel_rank(),
        device=CPU if config.trainer.accelerator == "cpu" else torch.device("cuda", torch.cuda.current_device()),
    )
    return Trainee(config, ranks)


def losses_of(trainee: Trainee, steps: Sequence[int]) -> list[float]:
    """The loss per target of each step."""
    config = trainee.config
    share = Share(rank=trainee.ranks.data, num_ranks=parallel_state.get_data_parallel_world_size())
    batches = step_batches(config, "train", share, GLOBAL_BATCH_SIZE)
    losses, load = [], Freight.of_few_shapes if can_replay(config) else Freight.of
    for step in steps:
        done = trainee.step([load(batch) for batch in batches[step]], step * GLOBAL_BATCH_SIZE, wish=False)
        losses.append(float(done.update.loss_sum) / int(done.num_targets))
    return losses


def two_rank_cases(folder: Path, *common: str) -> Findings:
    """Losses of every family under every layout; checkpoints written under one layout and read under another.

    Args:
        folder: Has the datasets.
        common: Overrides of all configurations.
    """
    findings: Findings = {}
    for layout, recipe in LAYOUTS_OF_FAMILIES:
        config = config_for(recipe, folder, *NO_DROPOUT, *common, *LAYOUTS[layout])
        findings[f"{layout} {recipe}"] = losses_of(trainee_for(config), range(NUM_STEPS))
    for layout, recipe in RESUMED:
        findings[f"{layout} {recipe} resumed"] = _resumed(recipe, folder, layout, common)
    for precision in PRECISIONS:
        config = config_for(MEGAMOLBART, folder, *NO_DROPOUT, *common, *DATA, f"trainer.precision={precision}")
        findings[f"{precision} replicas"] = losses_of(trainee_for(config), range(NUM_STEPS))
    findings["wish"] = _wish(folder, common)
    return findings


def _resumed(recipe: str, folder: Path, layout: str, common: Sequence[str]) -> list[float]:
    """Ten steps under a layout, the rest on two replicas."""
    saved = trainee_for(config_for(recipe, folder, *NO_DROPOUT, *common, *LAYOUTS[layout]))
    losses_of(saved, range(NUM_STEPS // 2))
    place = folder / f"{layout}-{recipe.replace('/', '-')}"
    place.mkdir(exist_ok=True)
    distributed.barrier()
    sharded_state.save(saved, place)
    resumed = trainee_for(config_for(recipe, folder, *NO_DROPOUT, *common, *DATA))
    sharded_state.restore(resumed, place, optimizer_step=NUM_STEPS // 2)
    return losses_of(resumed, range(NUM_STEPS // 2, NUM_STEPS))


def _wish(folder: Path, common: Sequence[str]) -> list[int]:
    """What all ranks learn when the last of them wishes to stop."""
    trainee = trainee_for(config_for(MEGAMOLBART, folder, *common, *DATA))
    batches = step_batches(trainee.config, "train", Share(rank=trainee.ranks.data, num_ranks=2), GLOBAL_BATCH_SIZE)
    batch = [Freight.of(micro_batch) for micro_batch in batches[0]]
    wishes = [trainee.step(batch, 0, wish=wish and trainee.ranks.world == 1) for wish in (False, True)]
    return [int(step.wishes_to_stop) for step in wishes]


def weights_of(trainee: Trainee) -> dict[str, torch.Tensor]:
    """All weights by name."""
    return {name: parameter.detach().clone() for name, parameter in trainee.network.named_parameters()}
