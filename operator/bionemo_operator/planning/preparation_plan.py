"""The preparation that a BioNeMoPreprocess asks for, as the options of the trainer's plan.

Plain values only: the trainer's package that runs it is not needed here. Called by `bionemo preprocess`.
"""

from collections.abc import Callable
from pathlib import Path

from bionemo_operator.api.fields import ClaimName, ClaimReference
from bionemo_operator.api.preprocess import BioNeMoPreprocess

type FolderOf = Callable[[ClaimName | ClaimReference], Path]
"""Where a claim's folder is seen by whoever runs the preparation."""


def plan_document(preprocess: BioNeMoPreprocess, folder_of: FolderOf) -> dict[str, object]:
    """The plan as a JSON document, with claims replaced by the folders that they are seen at."""
    spec = preprocess.spec
    source = spec.source
    return {
        "recipe": spec.recipe,
        "source": {
            "urls": list(source.urls or ()),
            "links_file": source.links_file,
            "path": str(folder_of(source.claim)) if source.claim else None,
        },
        "output": str(folder_of(spec.output.claim) / spec.output.path),
        "files": spec.output.files,
        "validation": spec.split.validation,
        "test": spec.split.test,
        "seed": spec.split.seed,
        "column": None if spec.column is None else str(spec.column),
        "max_length": spec.max_length,
        "length_policy": spec.length_policy,
    }
