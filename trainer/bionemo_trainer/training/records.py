"""What a run writes of itself beside NeMo's files: its metrics, configuration and examples, as `run_folder` lays them out.

Called by `module` and `evaluation` on rank 0. Lines are appended whole; other files appear whole or not at all.
"""

import json
import time
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

import yaml

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.config.load import to_tree
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.durable import durable
from bionemo_trainer.run_folder import Record, RunFolder

PACKAGES = ("bionemo-trainer", "torch", "megatron-core", "nemo_toolkit", "lightning", "rdkit")


def versions() -> dict[str, str]:
    """Versions of the packages that decide a result, as far as they are installed as packages."""
    found = {distribution.name.replace("-", "_"): distribution.version for distribution in metadata.distributions()}
    return {package: found[package.replace("-", "_")] for package in PACKAGES if package.replace("-", "_") in found}


def describe(folder: RunFolder, config: TrainConfig, recipe: str | None) -> None:
    """Writes the resolved configuration and what run this is."""
    write_text(folder.config, yaml.safe_dump(to_tree(config), sort_keys=False, allow_unicode=True))
    described = {
        "recipe": recipe,
        "family": config.family,
        "versions": versions(),
        "layout": str(layout_of(config)),
        "started_at": _started_at(folder) or time.time(),
    }
    write_text(folder.run, json.dumps(described, indent=1))


def append_metrics(folder: RunFolder, step: int, consumed_samples: int, metrics: Mapping[str, float]) -> None:
    """Adds a line to the metrics."""
    record = {"time": time.time(), "step": step, "consumed_samples": consumed_samples, **metrics}
    folder.metrics.parent.mkdir(parents=True, exist_ok=True)
    with folder.metrics.open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(record)}\n")


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Replaces a file of one record a line."""
    write_text(path, "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records))


def write_text(path: Path, text: str) -> None:
    """Replaces a file."""
    with durable(path) as file:
        file.write(text.encode())


def _started_at(folder: RunFolder) -> float | None:
    """When the first attempt began, if there was one."""
    try:
        return float(json.loads(folder.run.read_text("utf-8"))["started_at"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
