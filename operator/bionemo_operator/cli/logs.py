"""`bionemo logs`: what a pod of a training or preparation writes; all ranks of a node write to the log of its pod."""

import sys
from dataclasses import dataclass

from bionemo_operator.cli.cluster_access import Access, Cluster, reached
from bionemo_operator.cli.seen import Seen, find
from bionemo_operator.cluster.kinds import PODS, TRAININGS
from bionemo_operator.planning import names, preparation_job
from bionemo_operator.planning.observed import Pod, pod_of
from bionemo_trainer.errors import ConfigError, MissingInputError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which log; at most one of rank and node is given."""

    rank: int | None = None
    node: int | None = None
    follow: bool = False
    """Whether to go on as long as the pod writes."""


def show_logs(name: str, wanted: Wanted, access: Access) -> None:
    """Print the log of a pod of the newest attempt or stage.

    Raises:
        BioNeMoError: There is no such pod, it has not started, or the cluster can't be reached.
    """
    with reached(access) as cluster:
        print_logs(cluster, name, wanted)


def print_logs(cluster: Cluster, name: str, wanted: Wanted) -> None:
    """Print the log of a pod.

    Raises:
        ConfigError: The options contradict each other.
        MissingInputError: There is no such pod, or it has not started.
        ClusterError: The cluster does not tell.
    """
    seen = find(cluster, name)
    pod = newest_pod(cluster, seen, _node(seen, wanted))
    container = names.CONTAINER if seen.kind == TRAININGS else preparation_job.CONTAINER
    query = {"container": container, **({"follow": "true"} if wanted.follow else {})}
    path = PODS.path(cluster.namespace, pod.name, "log")
    for piece in cluster.client.text(path, query, follow=wanted.follow):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def newest_pod(cluster: Cluster, seen: Seen, node: int) -> Pod:
    """The pod of a node in the newest attempt, or of a share in the newest stage, that has begun to write.

    Raises:
        MissingInputError: There is none, or it has not started.
        ClusterError: The cluster does not tell.
    """
    selector = f"{names.OWNER}={seen.name},{names.KIND}={seen.kind_name.lower()}"
    pods = [pod_of(body) for body in cluster.client.list(PODS, cluster.namespace, selector)["items"]]
    newest = max(pods, key=lambda pod: pod.created_at, default=None)
    ours = [pod for pod in pods if newest and pod.job == newest.job and pod.index == node]
    pod = max(ours, key=lambda pod: pod.created_at, default=None)
    if pod is None:
        raise MissingInputError(_no_pod(seen, node, newest))
    if pod.phase == "Pending":
        raise MissingInputError(_not_started(seen, pod))
    return pod


def _node(seen: Seen, wanted: Wanted) -> int:
    """The node whose log is wanted.

    Raises:
        ConfigError: The options contradict each other, or ask for what there is not.
    """
    if wanted.rank is None:
        return wanted.node or 0
    if wanted.node is not None:
        rule = f"is given beside --node {wanted.node}"
        raise ConfigError([Problem(field="--rank", value=wanted.rank, rule=rule, mend="leave out one of the two")])
    if seen.kind != TRAININGS:
        rule = "is given, and a preparation has no ranks"
        mend = "name one of its shares with --node"
        raise ConfigError([Problem(field="--rank", value=wanted.rank, rule=rule, mend=mend)])
    return wanted.rank // seen.processes_per_node


def _no_pod(seen: Seen, node: int, newest: Pod | None) -> str:
    where = f"in {newest.job}" if newest else "now"
    mend = f"`bionemo status {seen.name}` and `bionemo events {seen.name}` tell more"
    if seen.obstacle:
        mend = f"{seen.obstacle.reason}: {' '.join(seen.obstacle.message.split()).rstrip('.')}. {mend}"
    return str(Problem(field="NAME", value=seen.name, rule=f"has no pod of node {node} {where}", mend=mend))


def _not_started(seen: Seen, pod: Pod) -> str:
    why = f" ({': '.join(filter(None, (pod.waiting, pod.message)))})" if pod.waiting or pod.message else ""
    mend = f"try again when it runs; `bionemo events {seen.name}` tells more"
    return str(Problem(field="pod", value=pod.name, rule=f"has not started{why}", mend=mend))
