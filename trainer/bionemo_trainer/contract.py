"""What the operator and the trainer promise each other: exit codes, the port and the words of progress.

Imported by both sides, so it needs nothing but the standard library. The environment stands in `settings`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Literal


class ExitCode(IntEnum):
    """How a process of ours ends; the numbers are those of BSD's sysexits.h, so that shells and logs know them.

    64 to 70 are final: the same run would fail again. Everything else may be tried again within the recovery budget.
    """

    OK = 0
    CONFIG = 64
    """The configuration is wrong; the message lists every problem."""
    DATA = 65
    """The data is there but can't be used: malformed, incomplete or made for another tokenizer."""
    NO_INPUT = 66
    """An input file or folder is missing."""
    NON_FINITE = 70
    """The loss or a gradient was not finite; nothing was saved after that step."""
    STORAGE = 74
    """Reading or writing storage failed; the same run may succeed later."""
    STOPPED = 75
    """Stopped on request with a checkpoint saved; start again to go on."""

    @property
    def is_final(self) -> bool:
        """Whether the same run would end the same way again."""
        return ExitCode.CONFIG <= self <= ExitCode.NON_FINITE


METRICS_PORT = 9464
"""Where rank 0 serves `/metrics` (Prometheus) and `/progress` (JSON) unless BIONEMO_METRICS_PORT says otherwise."""

MAIN_MODULE = "bionemo_trainer"
"""`python -m` this, with `--config-path`, `--config-name` and overrides, is what a container and a workstation start."""

SMILES_FINGERPRINT = "4a3240e39de16f0f3194940d6866a8ebd27d051d63f50f40968a0dcc85d9f1df"
PROTEIN_FINGERPRINT = "91fde5d91a7ed6f3b0ee88a405e9f0d99a5046768a65c30b032e7a83cec32795"
"""Fingerprints of the vocabularies that datasets are prepared for, as their manifests state them."""

DATASET_FINGERPRINTS: Mapping[str, str] = {
    "megamolbart": SMILES_FINGERPRINT,
    "esm1nv": PROTEIN_FINGERPRINT,
    "esm2nv": PROTEIN_FINGERPRINT,
    "prott5nv": PROTEIN_FINGERPRINT,
}
"""By model family: the fingerprint that the manifest of its dataset must state."""

PREPARATION_MODULE = "bionemo_trainer.data.preparation"
"""`python -m` this, with `--plan`, `--stage` and `--shares`, is what a pod of a preparation starts."""

type Stage = Literal["list", "fetch", "cut", "map", "settle", "reduce", "finish"]
"""A stage of a preparation."""

STAGES: tuple[Stage, ...] = ("list", "fetch", "cut", "map", "settle", "reduce", "finish")
"""In the order in which they run."""

SHARED_STAGES: frozenset[Stage] = frozenset({"fetch", "map", "reduce"})
"""Stages of many tasks; how many, the last words of the stage before say as `tasks`."""

type Phase = Literal["Starting", "Stepping", "Validating", "Saving", "Finished"]
"""What a training is doing. Hang timers run in Stepping only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedCheckpoint:
    """A committed checkpoint."""

    step: int
    path: str
    """Its folder, relative to the folder of the run."""
    size_bytes: int
    saved_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What `/progress` answers; on the wire its names are camelCase."""

    phase: Phase
    attempt: int
    """Which try of the training this is, from 1."""
    step: int
    """Finished steps, earlier attempts included."""
    max_steps: int
    consumed_samples: int
    train_loss: float | None = None
    """Of the last logged step, in nats per target."""
    validation_loss: float | None = None
    samples_per_second: float | None = None
    """Over all ranks, since the last log."""
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    """Until the last step at the present rate."""
    updated_at: float
    """Seconds since the epoch when the last step ended."""
    start_step: int | None = None
    """Finished steps when this attempt began to train; None from a trainer that does not say."""
    checkpoint: SavedCheckpoint | None = None
    """The newest committed one; None before the first."""


def progress_to_json(progress: Progress) -> str:
    """The body of `/progress`."""
    return json.dumps(_camel(asdict(progress)))


def progress_from_json(text: str) -> Progress:
    """What a body of `/progress` says.

    Raises:
        ValueError: It is not what `progress_to_json` writes.
    """
    try:
        fields = {_snake(key): value for key, value in json.loads(text).items()}
        saved = fields.pop("checkpoint")
        checkpoint = SavedCheckpoint(**{_snake(key): value for key, value in saved.items()}) if saved else None
        return Progress(**fields, checkpoint=checkpoint)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"not the progress of a training: {text[:200]!r}") from error


def _camel(fields: Mapping[str, object]) -> dict[str, object]:
    return {
        re.sub(r"_(\w)", lambda match: match[1].upper(), key): _camel(value) if isinstance(value, dict) else value
        for key, value in fields.items()
    }


def _snake(key: str) -> str:
    return re.sub(r"([A-Z])", lambda match: f"_{match[1].lower()}", key)
