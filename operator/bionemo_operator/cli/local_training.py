"""A training on this machine: its folders, its files of data, its configuration on disk, and the number of its attempt.

Called by `bionemo run` before anything is started. Below the run's folder, `launch/attempt-N` holds what an attempt was started
with and its last words; `logs/attempt-N` holds what it wrote.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.cli.claims import folder_of
from bionemo_operator.planning.file_ranges import range_of
from bionemo_operator.planning.training_config import Folders, training_config
from bionemo_trainer.config.load import to_tree
from bionemo_trainer.data.manifest import read_manifest
from bionemo_trainer.durable import durable
from bionemo_trainer.errors import ConfigError, MissingInputError, Problem
from bionemo_trainer.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTraining:
    """A training, and where on this machine the things are that its fields speak of."""

    training: BioNeMoTraining
    dataset: Path
    folder: RunFolder
    """Of its results."""
    resume_from: RunFolder | None
    """The older run that `spec.resumeFrom` names."""

    @property
    def name(self) -> str:
        """Of the training."""
        return self.training.metadata.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An attempt that may start: its files are written."""

    number: int
    folder: Path
    """Of what it is started with."""
    logs: Path
    config_file: Path
    warnings: tuple[str, ...]
    """What the author of the configuration should know."""


def locate(
    training: BioNeMoTraining, preprocesses: Mapping[str, BioNeMoPreprocess], claims: Mapping[str, Path]
) -> LocalTraining:
    """Where a training's data and results are.

    Args:
        training: What its user wrote.
        preprocesses: All of the files, by name.
        claims: Folders by the names of the claims that they stand for.

    Raises:
        ConfigError: Its dataset is made by no resource of the files, or its fields make no configuration.
    """
    spec = training.spec
    origin = spec.resume_from
    results = folder_of(spec.results.claim, claims)
    older = None
    if origin:
        older = RunFolder(path=folder_of(origin.claim, claims) if origin.claim else results / str(origin.training))
    training_config(training)  # judged now, so that no data are prepared for what can't train
    return LocalTraining(
        training=training,
        dataset=_dataset(training, preprocesses, claims),
        folder=RunFolder(path=results / training.metadata.name),
        resume_from=older,
    )


def _dataset(
    training: BioNeMoTraining, preprocesses: Mapping[str, BioNeMoPreprocess], claims: Mapping[str, Path]
) -> Path:
    source = training.spec.dataset
    if source.claim:
        return folder_of(source.claim, claims)
    assert source.preprocess_ref is not None, "exactly one of the alternatives is given"
    name = source.preprocess_ref.name
    if name not in preprocesses:
        mend = "add its file with -f, or give claim and path of a dataset instead"
        rule = "is no BioNeMoPreprocess of the files"
        field = f"{training.metadata.name}: spec.dataset.preprocessRef"
        raise ConfigError([Problem(field=field, value=name, rule=rule, mend=mend)])
    output = preprocesses[name].spec.output
    return folder_of(output.claim, claims) / output.path


def open_attempt(local: LocalTraining, *, fresh: bool) -> Opened:
    """Check the configuration against the data that are there now, and write it for the next attempt.

    Args:
        local: The training.
        fresh: Put an earlier run aside, so that this one begins anew.

    Raises:
        BioNeMoError: It can't run; nothing was written.
    """
    loaded = training_config(_with_ranges(local), _folders(local))
    if fresh:
        put_aside(local.folder.path)
    number = _next_attempt(local.folder.path / "launch")
    folder = (local.folder.path / "launch" / f"attempt-{number}").absolute()
    folder.mkdir(parents=True)
    config_file = folder / "config.yaml"
    with durable(config_file) as file:
        file.write(yaml.safe_dump(to_tree(loaded.config), sort_keys=False, allow_unicode=True).encode())
    logs = local.folder.path / "logs"
    return Opened(number=number, folder=folder, logs=logs, config_file=config_file, warnings=loaded.warnings)


def put_aside(folder: Path) -> None:
    """Rename a folder, if there is one, to the first free name of NAME.1, NAME.2 and so on."""
    if folder.exists():
        number = 1
        while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
            number += 1
        folder.rename(aside)


def checkpoints_by_step(folder: RunFolder) -> dict[int, Path]:
    """The committed checkpoints of a run; none if there is no such run."""
    return dict(_checkpoints(folder))


def _checkpoints(folder: RunFolder) -> Iterator[tuple[int, Path]]:
    for manifest in sorted(folder.checkpoints.glob("*.ckpt/manifest.json")):
        try:
            step = json.loads(manifest.read_text("utf-8"))["step"]
        except (OSError, ValueError, TypeError, KeyError):
            continue  # removed just now, or not one of ours
        yield int(step), manifest.parent.resolve()


def _folders(local: LocalTraining) -> Folders:
    if not local.dataset.is_dir():
        raise MissingInputError(
            f"{local.name}: spec.dataset: the dataset's folder {local.dataset} does not exist; prepare it, or say with "
            "--claim NAME=FOLDER which folder stands for its claim."
        )
    return Folders(
        dataset=str(local.dataset.absolute()),
        results=str(local.folder.path.absolute()),
        resume_from=str(_origin(local, local.resume_from)) if local.resume_from else None,
    )


def _origin(local: LocalTraining, older: RunFolder) -> Path:
    """The checkpoint to go on from."""
    assert local.training.spec.resume_from is not None, "there is an older run"
    found = checkpoints_by_step(older)
    step = local.training.spec.resume_from.step
    if not found or (step is not None and step not in found):
        wanted = "no checkpoint" if step is None else f"no checkpoint of step {step}"
        there = f"which has those of {', '.join(map(str, sorted(found)))}" if found else "or that folder is no run"
        raise MissingInputError(
            f"{local.name}: spec.resumeFrom: {wanted} in {older.checkpoints}, {there}; name a run that has saved one."
        )
    return found[max(found) if step is None else step]


def _with_ranges(local: LocalTraining) -> BioNeMoTraining:
    """The training with all files of each split whose files it leaves open."""
    dataset = local.training.spec.dataset
    if dataset.train and dataset.validation and dataset.test:
        return local.training
    files = read_manifest(local.dataset).files
    filled = {
        "train": dataset.train or range_of([file.name for file in files.train]),
        "validation": dataset.validation or range_of([file.name for file in files.val]),
        "test": dataset.test or range_of([file.name for file in files.test]),
    }
    spec = local.training.spec.model_copy(update={"dataset": dataset.model_copy(update=filled)})
    return local.training.model_copy(update={"spec": spec})


def _next_attempt(launch: Path) -> int:
    numbers = [folder.name.removeprefix("attempt-") for folder in launch.glob("attempt-*")]
    return 1 + max((int(number) for number in numbers if number.isdecimal()), default=0)
