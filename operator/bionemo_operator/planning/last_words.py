"""What the last words of a pod say: termination messages of ours are JSON, as the trainer's launcher and preparation write them. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from bionemo_trainer.contract import Progress, progress_from_json


def words_of(message: str) -> Mapping[str, Any]:
    """The fields of a termination message of ours; none when it is something else."""
    try:
        words = json.loads(message)
    except json.JSONDecodeError:
        return {}
    return words if isinstance(words, dict) else {}


def progress_of(message: str) -> Progress | None:
    """How far rank 0 was when it ended; None in the words of other pods, and of another version of the trainer."""
    said = words_of(message).get("progress")
    try:
        return progress_from_json(json.dumps(said)) if said else None
    except ValueError:
        return None
