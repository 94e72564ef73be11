"""Whether a training may start its next attempt, and how: admission, dataset, backoff, nodes, and the PyTorchJob. Pure.

Called by `training_pass` when nothing of an earlier attempt is left.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import yaml

from bionemo_operator.api import reasons
from bionemo_operator.api.training_status import Attempt
from bionemo_operator.planning import names
from bionemo_operator.planning.admission import Admitted, admit
from bionemo_operator.planning.attempts import begun, next_number
from bionemo_operator.planning.causes import FREE
from bionemo_operator.planning.datasets import Dataset, Readiness, readiness
from bionemo_operator.planning.pod_template import Mounted
from bionemo_operator.planning.pytorch_job import Equipment, pytorch_job
from bionemo_operator.planning.training_plan import Attempt as PlannedAttempt
from bionemo_operator.planning.training_plan import plan_for
from bionemo_operator.planning.training_view import CreateJob, Decision, Said, TrainingView
from bionemo_trainer.contract import METRICS_PORT
from bionemo_trainer.errors import ConfigError, Problem

FIRST_DELAY_SECONDS = 10
LONGEST_DELAY_SECONDS = 600
"""Delay before an attempt; it doubles with each restart that counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds of a training whatever its attempts do."""

    readiness: Readiness
    admitted: Admitted | None
    """None when it is refused, or can't be judged yet."""
    said: tuple[Said, ...]
    """Conditions that follow: Accepted, DataReady, Suspended, and Succeeded while that is open."""

    def is_newer_than(self, view: TrainingView) -> bool:
        """Whether the spec has changed since the running attempt was made."""
        return self.admitted is not None and self.admitted.fingerprint != view.status.recipe_fingerprint


def standing_of(view: TrainingView) -> Standing:
    """Judges the training as it is written now."""
    ready = readiness(view.training, view.preprocess)
    said: list[Said] = []
    admitted = None
    try:
        admitted = _admit(view, ready.dataset, view.training.spec.nodes)
        _check_origin(view)
        said.append((reasons.VALID, {"arithmetic": admitted.arithmetic}))
    except ConfigError as error:
        admitted = None
        said.append((reasons.INVALID, {"problems": "\n".join(map(str, error.problems))}))
    said.append((ready.reason, ready.details))
    if not view.training.spec.suspend:
        said.append((reasons.NOT_SUSPENDED, {}))
    return Standing(readiness=ready, admitted=admitted, said=tuple(said))


def decide(view: TrainingView, standing: Standing) -> Decision:
    """Starts the next attempt, or says what it waits for."""
    in_progress: Said = (reasons.IN_PROGRESS, {})
    if standing.admitted is None:
        return Decision(said=((reasons.NOT_STARTED, {"condition": "Accepted"}), in_progress))
    dataset = standing.readiness.dataset
    if dataset is None:
        return Decision(said=((reasons.NOT_STARTED, {"condition": "DataReady"}), in_progress))
    if (delay := delay_seconds(view)) > 0:
        return Decision(said=(_restarting(view, delay), in_progress), wake_after_seconds=delay)
    number = next_number(view)
    name = names.attempt_name(view.training.metadata.name, number)
    if name in view.taken:
        said: Said = (reasons.NAME_TAKEN, {"kind": "PyTorchJob", "name": name})
        return Decision(said=(said, in_progress), wake_after_seconds=LONGEST_DELAY_SECONDS)
    return _start(view, dataset, number)


def frozen_batch(view: TrainingView) -> int | None:
    """Samples of one step in the attempts so far; None before the first."""
    if view.status.resolved is not None:
        return view.status.resolved.global_batch_size
    if view.jobs and view.jobs[0].config:
        return _batch_of(view.jobs[0].config)
    return None


@lru_cache(maxsize=64)
def _batch_of(config: str) -> int:
    """Samples of one step by a document of an attempt; reading one takes milliseconds, and equal trainings share it."""
    return int(yaml.load(config, Loader=yaml.CSafeLoader)["model"]["global_batch_size"])


def delay_seconds(view: TrainingView) -> float:
    """How long to wait before the next attempt."""
    last = view.last
    if last is None or last.end_time is None or last.cause in FREE:
        return 0.0
    exponent = max(view.recovery.restarts_in_window - 1, 0)
    delay = min(FIRST_DELAY_SECONDS * 2 ** min(exponent, 16), LONGEST_DELAY_SECONDS)
    return (last.end_time + timedelta(seconds=delay) - view.now).total_seconds()


def _start(view: TrainingView, dataset: Dataset, number: int) -> Decision:
    nodes, admitted = _nodes_for(view, dataset)
    manifest = _manifest(view, dataset, admitted, number, nodes)
    status = begun(view, number, nodes=nodes, started_at=view.now)
    starting: Said = (reasons.STARTING, {"running": 0, "nodes": nodes, "attempt": number, "obstacle": ""})
    if view.training.spec.queue:
        starting = (reasons.QUEUED, {"attempt": number, "queue": view.training.spec.queue.name})
    changes = {
        "start_time": status.start_time,
        "results_path": status.results_path,
        "recovery": status.recovery,
        "resolved": admitted.resolved,
        "recipe_fingerprint": admitted.fingerprint,
    }
    return Decision(
        said=(starting, (reasons.IN_PROGRESS, {})), actions=(CreateJob(manifest=manifest),), changes=changes
    )


def _nodes_for(view: TrainingView, dataset: Dataset) -> tuple[int, Admitted]:
    """All nodes, or as many as had a place last time if that was too few and the user allows it."""
    spec, last = view.training.spec, view.last
    most, fewest = spec.nodes, spec.recovery.min_nodes or spec.nodes
    if last and last.cause == "Unschedulable":
        most = max(min(most, last.nodes - 1, last.schedulable_nodes or most), fewest)
    for nodes in range(most, fewest - 1, -1):
        try:
            return nodes, _admit(view, dataset, nodes)
        except ConfigError:
            continue  # the layout does not allow that number
    return spec.nodes, _admit(view, dataset, spec.nodes)


def _admit(view: TrainingView, dataset: Dataset | None, nodes: int) -> Admitted:
    return admit(
        view.training,
        dataset,
        nodes=nodes,
        global_batch_size=frozen_batch(view),
        gpu_memory_bytes=view.gpu_memory_bytes,
    )


def _manifest(view: TrainingView, dataset: Dataset, admitted: Admitted, number: int, nodes: int) -> dict[str, object]:
    training, spec, metadata = view.training, view.training.spec, view.training.metadata
    results = names.joined(names.RESULTS, spec.results.claim.path, names.run_name(metadata.name, metadata.uid or ""))
    claims = [
        Mounted(claim=dataset.claim, path=names.DATA),
        Mounted(claim=spec.results.claim.name, path=names.RESULTS),
    ]
    overrides = {
        "model.data.dataset_path": names.joined(names.DATA, dataset.path),
        "exp_manager.exp_dir": results,
        "exp_manager.explicit_log_dir": results,
    }
    if origin := _origin_of(view):
        claims.append(Mounted(claim=origin[0], path=names.RESUME))
        overrides["model.resume_from_checkpoint"] = names.joined(names.RESUME, origin[1])
    attempt = PlannedAttempt(
        number=number,
        config_file=Path(names.CONFIG_FOLDER, names.TRAINING_CONFIG),
        overrides=tuple(f"{key}={value}" for key, value in overrides.items()),
        metrics_port=METRICS_PORT,
        grace_seconds=spec.template.termination_grace_period_seconds,
    )
    placed = training.model_copy(update={"spec": spec.model_copy(update={"nodes": nodes})})
    equipment = Equipment(
        config=admitted.config,
        image=spec.image or view.image,
        claims=tuple(claims),
        compiled=names.joined(results, names.COMPILED),
        avoided_nodes=view.recovery.avoided_nodes,
    )
    return pytorch_job(training, plan_for(placed, attempt), number, equipment)


def _origin_of(view: TrainingView) -> tuple[str, str] | None:
    """Claim, and path on it, of the run or checkpoint that `spec.resumeFrom` names."""
    origin = view.training.spec.resume_from
    if origin is None:
        return None
    step = "" if origin.step is None else f"@{origin.step}"
    if origin.claim:
        return origin.claim.name, f"{origin.claim.path}{step}"
    assert view.older is not None, "admission has asked for it"
    assert view.older.status is not None, "admission has asked for it"
    return view.older.spec.results.claim.name, f"{view.older.status.results_path}{step}"


def _check_origin(view: TrainingView) -> None:
    """Whether the older run that is named has saved anything.

    Raises:
        ConfigError: It has not, or there is none.
    """
    origin = view.training.spec.resume_from
    if origin is None or origin.training is None:
        return
    rule = "is no BioNeMoTraining of this namespace"
    if view.older is not None:
        if view.older.status is not None and view.older.status.results_path:
            return
        rule = "has not trained yet"
    mend = "name one that has saved a checkpoint, or give claim and path of its results"
    raise ConfigError([Problem(field="spec.resumeFrom.training", value=origin.training, rule=rule, mend=mend)])


def _restarting(view: TrainingView, delay: float) -> Said:
    last = view.last
    assert last is not None, "only an attempt that has ended is repeated"
    step = view.status.checkpoint.step if view.status.checkpoint else 0
    next_start = (view.now + timedelta(seconds=delay)).strftime("%H:%M:%S UTC")
    return (
        reasons.RESTARTING,
        {"attempt": last.number, "cause": _words(last), "next_start": next_start, "step": step},
    )


def _words(attempt: Attempt) -> str:
    return f"{attempt.cause}: {attempt.message}" if attempt.message else str(attempt.cause)
