"""Everything that a run has written of itself, read once. The only module of the report that reads a run's files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bionemo_trainer.config.load import load_tree
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.errors import ConfigError, DataError, MissingInputError
from bionemo_trainer.run_folder import Record, RunFolder, read_records


class Description(BaseModel):
    """What `records/run.json` says."""

    model_config = ConfigDict(frozen=True)

    recipe: str | None
    """The shipped configuration that the run began as; None when it was of the user's own making."""
    versions: Mapping[str, str]
    layout: str
    started_at: datetime | None = None
    """None for runs of before this was written."""


class Checkpoint(BaseModel):
    """What the manifest of a checkpoint says that is worth telling."""

    model_config = ConfigDict(frozen=True)

    step: int
    saved_at: datetime
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as its folder tells it."""

    description: Description
    config: TrainConfig
    attempts: int | None
    """None when nothing tells."""
    checkpoint: Checkpoint | None
    """The newest committed one."""
    metrics: Sequence[Record]
    reconstructions: Sequence[Record]
    residues: Sequence[Record]

    @property
    def step(self) -> int:
        """That the newest log is of; 0 before the first."""
        return int(self._newest("step") or 0)

    @property
    def consumed_samples(self) -> int:
        """Up to that step."""
        return int(self._newest("consumed_samples") or 0)

    @property
    def last_logged_at(self) -> datetime | None:
        """When the newest log was written."""
        seconds = self._newest("time")
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    def _newest(self, name: str) -> float | None:
        """A number of the newest log that has it."""
        values = (record.get(name) for record in reversed(self.metrics))
        return next((float(value) for value in values if isinstance(value, int | float)), None)


def read_run(path: Path) -> RunRecord:
    """A run by its folder.

    Raises:
        MissingInputError: There is no such folder.
        DataError: It is not the folder of a run, or what it says of itself can't be understood.
    """
    folder = RunFolder(path=path)
    if not path.is_dir():
        raise MissingInputError(f"{path}: does not exist; name the folder of a run, as `bionemo run` prints it.")
    for file in (folder.run, folder.config):
        if not file.is_file():
            raise DataError(
                f"{path}: has no {file.relative_to(path)}, so it is not the folder of a run; {_advice(path)}"
            )
    return RunRecord(
        description=_description(folder.run),
        config=_config(folder.config),
        attempts=_attempts(folder.newest_attempt),
        checkpoint=max(_checkpoints(folder), key=lambda one: (one.step, one.saved_at), default=None),
        metrics=list(read_records(folder.metrics)),
        reconstructions=list(read_records(folder.reconstructions)),
        residues=list(read_records(folder.residues)),
    )


def _advice(path: Path) -> str:
    runs = sorted(file.parents[1].name for file in path.glob("*/records/run.json"))
    return f"name one of the runs in it: {', '.join(runs)}." if runs else "name the folder that `bionemo run` prints."


def _description(file: Path) -> Description:
    try:
        return Description.model_validate_json(file.read_bytes())
    except ValidationError as error:
        wrong = error.errors()[0]
        field = ".".join(map(str, wrong["loc"])) or "its JSON"
        raise DataError(
            f"{file}: {field} can't be understood ({wrong['msg']}); start the run again to have it anew."
        ) from error


def _config(file: Path) -> TrainConfig:
    try:
        return load_tree(yaml.safe_load(file.read_text("utf-8"))).config
    except (ConfigError, yaml.YAMLError, UnicodeDecodeError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{file}: is no configuration of this version ({reason}); use the version that trained it."
        ) from error


def _attempts(file: Path) -> int | None:
    try:
        return int(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _checkpoints(folder: RunFolder) -> Iterator[Checkpoint]:
    for manifest in folder.checkpoints.glob("*.ckpt/manifest.json"):
        try:
            checkpoint = Checkpoint.model_validate_json(manifest.read_bytes())
        except (OSError, ValidationError):
            continue  # removed just now, or not one of ours
        yield checkpoint.model_copy(update={"name": manifest.parent.resolve().name})
