"""Why an attempt ended: one cause out of what its pods said, what Kubernetes did to them and what its job says. Pure.

All ranks end together, so most of what is seen is consequence: pods stopped because another one failed. The order of the
checks below puts causes before consequences.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from bionemo_operator.api.training_status import Cause
from bionemo_operator.planning.last_words import words_of
from bionemo_operator.planning.observed import Job, Node, Pod
from bionemo_trainer.contract import ExitCode

FINAL: frozenset[Cause] = frozenset({"Configuration", "Data", "MissingInput", "NonFiniteLoss"})
"""Causes that would end the next attempt in the same way."""
FREE: frozenset[Cause] = frozenset({"Preempted", "Stopped"})
"""Causes that do not count against the budget: somebody wanted it so."""
OF_NODES: frozenset[Cause] = frozenset({"NodeLost", "Crash", "Hang", "Storage"})
"""Causes for which a node may be to blame."""

_MESSAGE_LIMIT = 1024
_NO_TIME = datetime.max.replace(tzinfo=UTC)
_DISRUPTIONS: dict[str, Cause] = {
    "PreemptionByScheduler": "Preempted",
    "PreemptionByKueue": "Preempted",
    "DeletionByTaintManager": "NodeLost",
    "DeletionByPodGC": "NodeLost",
    "TerminationByKubelet": "NodeLost",
    "EvictionByEvictionAPI": "Evicted",
}
"""Reasons of the condition DisruptionTarget; https://kubernetes.io/docs/concepts/workloads/pods/disruptions/."""
_EXITS: dict[int, Cause] = {
    ExitCode.OK: "Unknown",
    ExitCode.CONFIG: "Configuration",
    ExitCode.DATA: "Data",
    ExitCode.NO_INPUT: "MissingInput",
    ExitCode.NON_FINITE: "NonFiniteLoss",
    ExitCode.STORAGE: "Storage",
    ExitCode.STOPPED: "Stopped",
}
"""What the trainer's own exit codes mean; every other one is a crash."""
_POD_REASONS: dict[str, Cause] = {
    "Evicted": "Evicted",
    "Preempting": "Preempted",
    "Preempted": "Preempted",
    "NodeLost": "NodeLost",
    "NodeShutdown": "NodeLost",
    "Shutdown": "NodeLost",
    "Terminated": "NodeLost",
    "NodeAffinity": "NodeLost",
    "UnexpectedAdmissionError": "NodeLost",
    "DeadlineExceeded": "Deadline",
}
"""Reasons that the kubelet and the node controllers give to a pod as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an attempt ended."""

    cause: Cause | None
    """None when it was done."""
    exit_code: int | None = None
    node: str | None = None
    message: str | None = None
    step: int | None = None
    """Last step that it saved, where its last words say so."""


def ending_of(job: Job | None, pods: Sequence[Pod], node: Node | None = None) -> Ending:
    """How an attempt ended.

    Args:
        job: Its PyTorchJob; None when it is not there any more.
        pods: All that were seen of it, gone ones with their last state.
        node: The one of `suspect_of`, as it is now; None when that is not known.
    """
    if job is not None and job.outcome == "Succeeded":
        return Ending(cause=None, exit_code=ExitCode.OK)
    failed = sorted((pod for pod in pods if pod.has_failed), key=_ended_at)
    checks: tuple[Callable[[Sequence[Pod]], Ending | None], ...] = (
        _final,
        partial(_lost_with_node, pods, node),
        _disrupted,
        _failed_by_kubernetes,
        _exited,
        _deleted,
    )
    for check in checks:
        if ending := check(failed):
            return ending
    if job is None:
        return Ending(cause="Unknown", message="The PyTorchJob was deleted while it ran.")
    return Ending(cause="Unknown", message=_cut(job.message or "The PyTorchJob failed, and its pods left no trace."))


def suspect_of(pods: Sequence[Pod]) -> str | None:
    """The node that may have taken an attempt down: of a pod that said nothing at its end, at best one found not ready."""
    silent = [pod for pod in pods if pod.node and pod.last_words is None and pod.phase != "Succeeded"]
    return min(silent, key=lambda pod: (pod.is_ready, pod.index)).node if silent else None


def cause_of_exit(exit_code: int, reason: str, message: str) -> Cause:
    """The cause that the end of one container means."""
    if reason == "OOMKilled" or "OutOfMemoryError" in message:
        return "OutOfMemory"
    return _EXITS.get(exit_code, "Crash")


def _final(failed: Sequence[Pod]) -> Ending | None:
    return next((ending for pod in failed if (ending := _of_exit(pod)) and ending.cause in FINAL), None)


def _lost_with_node(pods: Sequence[Pod], node: Node | None, failed: Sequence[Pod]) -> Ending | None:
    """The other ranks end because one is silent, so a dead node outweighs what they say."""
    del failed
    if node is None or not node.trouble:
        return None
    names = ", ".join(pod.name for pod in pods if pod.node == node.name and pod.last_words is None)
    if not names:
        return None  # its pods have spoken since
    return Ending(
        cause="NodeLost", node=node.name, message=_cut(f"Node {node.name} of {names} is lost: {node.trouble}.")
    )


def _disrupted(failed: Sequence[Pod]) -> Ending | None:
    for pod in failed:
        if pod.disruption:
            cause = _DISRUPTIONS.get(pod.disruption, "Evicted")
            return _of_pod(pod, cause, pod.message or f"Kubernetes removed pod {pod.name}: {pod.disruption}.")
    return None


def _failed_by_kubernetes(failed: Sequence[Pod]) -> Ending | None:
    for pod in failed:
        if pod.reason in _POD_REASONS:
            return _of_pod(pod, _POD_REASONS[pod.reason], f"{pod.reason}: {pod.message}")
    return None


def _exited(failed: Sequence[Pod]) -> Ending | None:
    """The earliest exit that is no consequence: pods that were told to stop come last."""
    exits = [ending for pod in failed if (ending := _of_exit(pod))]
    return min(exits, key=lambda ending: (ending.cause == "Stopped", _is_killed(ending)), default=None)


def _is_killed(ending: Ending) -> bool:
    """Whether it ended by SIGTERM, which it gets when another rank has failed."""
    return ending.exit_code == 143 and ending.cause == "Crash"


def _deleted(failed: Sequence[Pod]) -> Ending | None:
    if not failed:
        return None
    pod = failed[0]
    if pod.phase == "Failed":
        return _of_pod(
            pod, "Unknown", f"Pod {pod.name} failed: {pod.reason or 'no reason given'} {pod.message}".strip()
        )
    return _of_pod(pod, "Evicted", f"Pod {pod.name} was deleted while it ran.")


def _of_exit(pod: Pod) -> Ending | None:
    ended = pod.last_words
    if ended is None or ended.exit_code == 0:
        return None
    words = words_of(ended.message)
    message = str(words.get("message") or ended.message or f"Pod {pod.name} ended with exit code {ended.exit_code}.")
    step = words.get("step")
    return Ending(
        cause=cause_of_exit(ended.exit_code, ended.reason, message),
        exit_code=ended.exit_code,
        node=pod.node,
        message=_cut(message),
        step=step if isinstance(step, int) else None,
    )


def _of_pod(pod: Pod, cause: Cause, message: str) -> Ending:
    exit_code = pod.last_words.exit_code if pod.last_words else None
    return Ending(cause=cause, exit_code=exit_code, node=pod.node, message=_cut(message))


def _ended_at(pod: Pod) -> tuple[datetime, int]:
    finished_at = pod.last_words.finished_at if pod.last_words else None
    return finished_at or pod.deletion_deadline or _NO_TIME, pod.index


def _cut(message: str) -> str:
    return message if len(message) <= _MESSAGE_LIMIT else f"{message[: _MESSAGE_LIMIT - 1]}…"
