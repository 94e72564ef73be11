"""`bionemo suspend` and `bionemo resume`: set `spec.suspend`, which the operator obeys."""

from rich.text import Text

from bionemo_operator.cli.cluster_access import Access, Cluster, reached
from bionemo_operator.cli.output import console
from bionemo_operator.cli.seen import Seen, find
from bionemo_operator.cluster.kinds import TRAININGS
from bionemo_trainer.errors import ConfigError, Problem


def suspend_resource(name: str, access: Access) -> None:
    """Let a training or a preparation pause.

    Raises:
        BioNeMoError: There is none of that name, it has ended, or the cluster can't be reached.
    """
    with reached(access) as cluster:
        set_suspend(cluster, name, suspend=True)


def resume_resource(name: str, access: Access) -> None:
    """Let a training or a preparation go on.

    Raises:
        BioNeMoError: There is none of that name, it has ended, or the cluster can't be reached.
    """
    with reached(access) as cluster:
        set_suspend(cluster, name, suspend=False)


def set_suspend(cluster: Cluster, name: str, *, suspend: bool) -> None:
    """Set whether a resource is suspended, and say what follows.

    Raises:
        BioNeMoError: There is none of that name, or it has ended.
        ClusterError: The cluster can't be reached.
    """
    seen = find(cluster, name)
    if seen.end is not None:
        raise ConfigError([_has_ended(seen, "suspended" if suspend else "resumed")])
    if seen.suspend == suspend:
        state = "suspended already" if suspend else "not suspended"
        console().print(Text(f"{seen.kind_name} {name} is {state}"))
        return
    cluster.client.merge(seen.kind, cluster.namespace, name, {"spec": {"suspend": suspend}})
    console().print(Text(f"{seen.kind_name} {name}: {_consequence(seen, suspend=suspend)}"))


def _consequence(seen: Seen, *, suspend: bool) -> str:
    if not suspend:
        return "goes on from its last checkpoint" if seen.kind == TRAININGS else "goes on where it stopped"
    if seen.kind == TRAININGS:
        return f"saves a checkpoint and gives its GPUs back; `bionemo resume {seen.name}` lets it go on"
    return f"ends its pods and keeps what is done; `bionemo resume {seen.name}` lets it go on"


def _has_ended(seen: Seen, what: str) -> Problem:
    ending = "succeeded" if seen.end and seen.end.status == "True" else "failed"
    mend = (
        "create a new training with spec.resumeFrom to train further" if seen.kind == TRAININGS else "create a new one"
    )
    return Problem(field="NAME", value=seen.name, rule=f"has {ending} and can't be {what}", mend=mend)
