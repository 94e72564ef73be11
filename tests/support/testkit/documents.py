"""Documents of the two custom resources as a user would write them: the smallest valid one, with changes."""

from pathlib import Path
from typing import Any

import yaml

GOLDEN_RESOURCES = Path(__file__).parents[2] / "golden" / "crs"
"""Documents in files, each with what a checker must say of it in the comments at its top."""


def training_document(name: str = "esm2nv-650m", **spec: object) -> dict[str, Any]:
    """A valid BioNeMoTraining on 4 nodes of 8 GPUs, with fields of its spec in wire form added or replaced."""
    smallest = {
        "recipe": "protein/esm2nv/pretrain_esm2_650M",
        "nodes": 4,
        "gpusPerNode": 8,
        "dataset": {"preprocessRef": {"name": "uniref50"}},
        "results": {"claim": {"name": "bionemo-results"}},
    }
    return _document("BioNeMoTraining", name, smallest | spec)


def preprocess_document(name: str = "zinc15", **spec: object) -> dict[str, Any]:
    """A valid BioNeMoPreprocess of molecules, with fields of its spec in wire form added or replaced."""
    smallest = {
        "recipe": "molecule/zinc15",
        "source": {"claim": {"name": "raw", "path": "zinc15"}},
        "output": {"claim": {"name": "bionemo-data"}, "path": "zinc15"},
    }
    return _document("BioNeMoPreprocess", name, smallest | spec)


def golden_files(group: str) -> list[Path]:
    """Files of a group of golden resources: accepted, refused or refused_changes."""
    return sorted((GOLDEN_RESOURCES / group).glob("*.yaml"))


def documents_in(path: Path) -> list[dict[str, Any]]:
    """All documents of a file, in order."""
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


def expectation_of(path: Path) -> dict[str, str]:
    """What the comments at the top of a golden resource demand: `field`, `message` and perhaps `server`."""
    comments = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    return dict(comment.removeprefix("# ").split(": ", 1) for comment in comments)


def _document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "bionemo.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
