"""The folder of a run as a training leaves it, written by hand. Needs no torch."""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from bionemo_trainer.config.load import load_recipe, to_tree
from bionemo_trainer.run_folder import RunFolder

MEGAMOLBART = "molecule/megamolbart/pretrain_xsmall_span_aug"
STARTED_AT = 1_700_000_000.0
DESCRIBED = {
    "recipe": MEGAMOLBART,
    "family": "megamolbart",
    "versions": {"torch": "2.15.0", "rdkit": "2026.9.1"},
    "layout": "1 node x 1 process = 1 = data 1 x tensor 1 x pipeline 1",
    "started_at": STARTED_AT,
}
ON_CPU = ("trainer.accelerator=cpu", "trainer.devices=1", "trainer.num_nodes=1", "trainer.precision='32'")


def write_run(path: Path, *overrides: str, base: str = MEGAMOLBART, **described: object) -> RunFolder:
    """A run of 40 steps that has not logged anything yet."""
    folder = RunFolder(path=path)
    folder.records.mkdir(parents=True)
    config = load_recipe(base, (*ON_CPU, "trainer.max_steps=40", *overrides)).config
    folder.config.write_text(yaml.safe_dump(to_tree(config), sort_keys=False, allow_unicode=True), "utf-8")
    folder.run.write_text(json.dumps({**DESCRIBED, "recipe": base, **described}), "utf-8")
    return folder


def write_lines(path: Path, *records: Mapping[str, object]) -> None:
    """A file of one record a line."""
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), "utf-8")


def logged(step: int, **metrics: float) -> dict[str, float]:
    """A line of the metrics, as many seconds after the start as there were steps, with 8 samples a step."""
    return {"time": STARTED_AT + step, "step": step, "consumed_samples": step * 8, **metrics}


def write_checkpoint(folder: RunFolder, name: str, step: int) -> None:
    """A committed checkpoint, as far as its manifest tells."""
    checkpoint = folder.checkpoints / f"{name}.ckpt"
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text(json.dumps({"step": step, "saved_at": STARTED_AT + step}), "utf-8")
