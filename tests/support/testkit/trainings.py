"""Whole trainings of small networks, one after the other in one fresh process: imports and process groups cost seconds.

Imported by that process, so it stands here and not in a test module. What a case finds is written to a file.
"""

import os
import signal
import threading
import time
import warnings
from pathlib import Path

from bionemo_trainer.config.load import load_file, load_recipe
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.contract import ExitCode
from bionemo_trainer.errors import BioNeMoError
from bionemo_trainer.run_folder import RunFolder, read_records
from bionemo_trainer.training.checkpoint_folder import committed
from testkit.fresh_processes import Findings, findings_of
from testkit.networks import ENCODERS, FAMILIES, MEGAMOLBART, SMALL
from testkit.step_cases import write_datasets
from testkit.volumes import files_of_at_most

type Ending = tuple[int, str]
"""Exit code, and the words of the error."""

OLD_FILES = {
    "megamolbart": "megamolbart_v03",
    "esm1nv": "esm1nv_v03",
    "prott5nv": "prott5nv_v03",
    "esm2nv": "esm2nv_v110",
}
"""Configurations as users of BioNeMo have them, by family; in `tests/golden/bionemo`."""
SCHEDULE = "{name:WarmupAnnealDecayHold,warmup_steps:2,max_steps:12,min_lr:0.0}"


def config_for(recipe: str, folder: Path, name: str, *overrides: str) -> TrainConfig:
    """Eight steps of a small network with the recipe's dropout, in the folder `name`."""
    kind = "molecules" if recipe == MEGAMOLBART else "proteins"
    data = [
        f"model.data.dataset_path={folder / kind}",
        *(f"model.data.dataset.{split}=x000" for split in ("train", "val", "test")),
        "model.data.num_workers=0",
        "model.global_batch_size=3",
        "model.seq_length=64",
        "model.max_position_embeddings=64",
        "model.optim.lr=1e-3",
        "~model.optim.sched",
        f"+model.optim.sched={SCHEDULE}",
        "trainer.max_steps=8",
        "trainer.log_every_n_steps=1",
        "trainer.val_check_interval=4",
        "trainer.num_sanity_val_steps=0",
        f"exp_manager.explicit_log_dir={folder / name}",
        "exp_manager.resume_if_exists=True",
        "exp_manager.resume_ignore_no_checkpoint=True",
    ]
    if recipe not in (*ENCODERS, MEGAMOLBART):
        data.append("model.data.seq_length_dec=64")
    return load_recipe(recipe, (*SMALL, *data, *overrides)).config


def endings_of_all(folder: Path) -> Findings:
    """What `all_cases` finds in a fresh process.

    Args:
        folder: Empty; both datasets are written there.

    Raises:
        AssertionError: It failed, and its traceback is on standard error; or it hung.
    """
    write_datasets(folder)
    return findings_of(all_cases, folder, OMP_NUM_THREADS="1")


def train_alone(config: TrainConfig, *, attempt: int = 1) -> Ending:
    """Trains on this process alone, as the launcher's only rank would."""
    from torch import distributed  # noqa: PLC0415 - seconds; only the fresh process pays for it

    from bionemo_trainer.engine.process_groups import Rendezvous  # noqa: PLC0415
    from bionemo_trainer.settings import RankSettings  # noqa: PLC0415
    from bionemo_trainer.training.stopping import StopWish  # noqa: PLC0415
    from bionemo_trainer.training.train import train  # noqa: PLC0415

    reports = reports_of(Path(str(config.exp_manager.explicit_log_dir)))
    reports.mkdir(parents=True, exist_ok=True)
    settings = RankSettings(
        rank=0, local_rank=0, attempt=attempt, metrics_host="127.0.0.1", metrics_port=0, reports=reports
    )
    rendezvous = Rendezvous(store=distributed.HashStore())  # type: ignore[attr-defined]  # torch exports it without saying so
    try:
        return int(train(config, settings, rendezvous, StopWish(), "recipe")), ""
    except BioNeMoError as error:
        return int(error.exit_code), str(error)


def reports_of(folder: Path) -> Path:
    """Where the newest training in a folder has said how far it was at its end."""
    return folder.with_name(f"{folder.name}-reports")


def train_until(config: TrainConfig, step: int) -> Ending:
    """The same, with SIGTERM as soon as a step has been logged."""
    metrics = RunFolder(path=Path(str(config.exp_manager.explicit_log_dir))).metrics
    stopped = threading.Event()

    def stop() -> None:
        while not stopped.is_set():
            if any(int(str(record["step"])) >= step for record in read_records(metrics)):
                os.kill(os.getpid(), signal.SIGTERM)
                return
            time.sleep(0.002)

    watcher = threading.Thread(target=stop)
    watcher.start()
    try:
        return train_alone(config)
    finally:
        stopped.set()
        watcher.join()


def weights_in(folder: Path) -> dict[str, bytes]:
    """Every tensor of a run's newest checkpoint, bit for bit, the optimizer's too."""
    from torch import empty  # noqa: PLC0415
    from torch.distributed.checkpoint.filesystem import FileSystemReader  # noqa: PLC0415
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata  # noqa: PLC0415
    from torch.distributed.checkpoint.state_dict_loader import load  # noqa: PLC0415

    checkpoint = (folder / "checkpoints" / "last.ckpt").resolve()
    entries = FileSystemReader(checkpoint).read_metadata().state_dict_metadata.items()
    tensors = {key: empty(entry.size) for key, entry in entries if isinstance(entry, TensorStorageMetadata)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that it reads without other processes, which is meant
        load(tensors, checkpoint_id=checkpoint, no_dist=True)
    return {key: tensor.numpy().tobytes() for key, tensor in tensors.items()}


def all_cases(folder: Path) -> Findings:
    """Every finding by its name."""
    found: Findings = {}
    for recipe in FAMILIES:
        name = recipe.split("/")[1]
        found[f"{name} ends"] = train_alone(
            config_for(recipe, folder, name, "do_testing=True", "trainer.limit_test_batches=1.0")
        )
    found["whole"] = weights_in(folder / "megamolbart")
    found["stopped"] = train_until(config_for(MEGAMOLBART, folder, "halves"), 3)
    found["steps when stopped"] = len(
        {record["step"] for record in read_records(RunFolder(path=folder / "halves").metrics)}
    )
    found["gone on"] = train_alone(config_for(MEGAMOLBART, folder, "halves"), attempt=2)
    found["halves"] = weights_in(folder / "halves")
    found["with workers"] = train_alone(config_for(MEGAMOLBART, folder, "workers", "model.data.num_workers=2"))
    found["workers"] = weights_in(folder / "workers")
    found["again"] = train_alone(config_for(MEGAMOLBART, folder, "workers"))
    found["late attempt"] = train_alone(config_for(MEGAMOLBART, folder, "halves", "trainer.max_steps=9"), attempt=1)
    found["not finite"] = train_alone(
        config_for(
            MEGAMOLBART,
            folder,
            "not-finite",
            "model.optim.lr=1e18",
            "exp_manager.checkpoint_callback_params.every_n_train_steps=1",
        )
    )
    with files_of_at_most(100_000):
        found["full volume"] = train_alone(config_for(MEGAMOLBART, folder, "full"))
    found["no room for metrics"] = _with_metrics_at(folder, "no-room", Path("/dev/full"))
    found["metrics in the way"] = _with_metrics_at(folder, "in-the-way", folder)
    found["room again"] = train_alone(config_for(MEGAMOLBART, folder, "full"), attempt=2)
    found["saved without validation"] = _saved_steps(
        folder, "no-validation", "trainer.limit_val_batches=0", "trainer.val_check_interval=3"
    )
    found["saved with late validation"] = _saved_steps(folder, "late-validation", "trainer.val_check_interval=100")
    return {**found, **_refusals(folder), **_weights_taken_over(folder), **_kept(folder), **_old_files(folder)}


def _with_metrics_at(folder: Path, name: str, place: Path) -> Ending:
    """Where the file of metrics is something that can't be appended to."""
    metrics = RunFolder(path=folder / name).metrics
    metrics.parent.mkdir(parents=True)
    metrics.symlink_to(place)
    try:
        return train_alone(config_for(MEGAMOLBART, folder, name))
    except OSError as error:
        return -1, str(error)


def _saved_steps(folder: Path, name: str, *overrides: str) -> dict[int, list[str]]:
    """At which steps a run saves that is to save every three, and which metrics its checkpoints have."""
    params = "exp_manager.checkpoint_callback_params"
    train_alone(
        config_for(
            MEGAMOLBART,
            folder,
            name,
            f"{params}.every_n_train_steps=3",
            f"{params}.save_top_k=-1",
            "trainer.max_steps=6",
            *overrides,
        )
    )
    return {
        checkpoint.manifest.step: sorted(checkpoint.manifest.metrics)
        for checkpoint in committed(folder / name / "checkpoints")
    }


def _refusals(folder: Path) -> Findings:
    checkpoint = (folder / "megamolbart" / "checkpoints" / "last.ckpt").resolve()
    garbage = folder / "garbage.nemo"
    garbage.write_bytes(b"no archive")
    insists = "exp_manager.resume_ignore_no_checkpoint=False"
    return {
        "other network": train_alone(
            config_for(MEGAMOLBART, folder, "halves", "model.num_layers=1", "model.global_batch_size=4")
        ),
        "nothing there": train_alone(config_for(MEGAMOLBART, folder, "empty", insists)),
        "no data": train_alone(config_for(MEGAMOLBART, folder, "no-data", "model.data.dataset.val=x009")),
        "no weights": train_alone(config_for(MEGAMOLBART, folder, "none", "restore_from_path=/no/where")),
        "garbage weights": train_alone(config_for(MEGAMOLBART, folder, "garbage", f"restore_from_path={garbage}")),
        "other weights": train_alone(
            config_for(MEGAMOLBART, folder, "other", f"restore_from_path='{checkpoint}'", "model.num_layers=1")
        ),
    }


def _weights_taken_over(folder: Path) -> Findings:
    """The training loss of the first step from given weights, from an exported file and from a checkpoint."""
    checkpoints = folder / "megamolbart" / "checkpoints"
    losses: Findings = {}
    for name, source in (
        ("exported", checkpoints / "MegaMolBART.nemo"),
        ("sharded", (checkpoints / "last.ckpt").resolve()),
    ):
        config = config_for(
            MEGAMOLBART,
            folder,
            name,
            f"restore_from_path='{source}'",
            "trainer.max_steps=1",
            "trainer.val_check_interval=1",
        )
        losses[name] = [
            train_alone(config)[0],
            next(read_records(RunFolder(path=folder / name).metrics))["reduced_train_loss"],
        ]
    losses["last loss"] = [
        record["reduced_train_loss"]
        for record in read_records(RunFolder(path=folder / "megamolbart").metrics)
        if "reduced_train_loss" in record
    ][-1]
    return losses


def _kept(folder: Path) -> Findings:
    """Which checkpoints stay, with one every step."""
    params = "exp_manager.checkpoint_callback_params"
    config = config_for(
        ENCODERS[0],
        folder,
        "kept",
        f"{params}.every_n_train_steps=1",
        f"{params}.save_top_k=1",
        f"{params}.keep_last=2",
        f"{params}.filename=null",
    )
    train_alone(config)
    return {"kept": sorted(path.name for path in (folder / "kept" / "checkpoints").iterdir() if path.is_dir())}


def old_config(family: str, folder: Path) -> TrainConfig:
    """An old file of BioNeMo with all that it says, but for its size, its place and its length of a million steps."""
    file = Path(__file__).parents[2] / "golden" / "bionemo" / f"{OLD_FILES[family]}.yaml"
    overrides = [
        *SMALL,
        "model.seq_length=64",
        "model.global_batch_size=3",
        "trainer.max_steps=2",
        "++trainer.log_every_n_steps=1",
        "++model.optim.sched.max_steps=1000000",
        "model.data.num_workers=0",
        f"model.data.dataset_path={folder / 'old' / ('molecules' if family == 'megamolbart' else 'proteins')}",
        f"++exp_manager.explicit_log_dir={folder / f'old-{family}'}",
    ]
    splits = ("train", "val", "test")
    if family == "esm2nv":  # v1.10 has a section for each split
        overrides += [f"model.data.{split}.range='x[000..001]'" for split in splits]
    else:
        overrides += [f"model.data.dataset.{split}='x[000..001]'" for split in splits]
    if family == "prott5nv":
        overrides.append("model.data.seq_length_dec=64")
    return load_file(file, overrides).config


def _old_files(folder: Path) -> Findings:
    """Old configurations on folders as BioNeMo's preparation left them: several files, a table of them, no manifest."""
    os.environ["BIONEMO_PATH"] = "/opt/nvidia/bionemo"
    for kind in ("molecules", "proteins"):
        for split in ("train", "val", "test"):
            old = folder / "old" / kind / split
            old.mkdir(parents=True)
            content = (folder / kind / split / "x000.csv").read_bytes()
            for name in ("x000.csv", "x001.csv"):
                (old / name).write_bytes(content)
            (old / "metadata.csv").write_text("file,size\nx000.csv,8\nx001.csv,8\n")
    return {f"old {family}": train_alone(old_config(family, folder)) for family in OLD_FILES}


DONE: Ending = (int(ExitCode.OK), "")
