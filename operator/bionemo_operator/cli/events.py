"""`bionemo events`: what Kubernetes and the operator have told of a training or preparation, its jobs and its pods."""

import re
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from bionemo_operator.cli.cluster_access import Access, Cluster, reached
from bionemo_operator.cli.output import console
from bionemo_operator.cli.seen import Seen, find
from bionemo_operator.cli.spans import since
from bionemo_operator.cluster.client import Body
from bionemo_operator.cluster.kinds import EVENTS, TRAININGS
from bionemo_operator.planning.observed import moment
from bionemo_trainer.contract import STAGES


def show_events(name: str, access: Access) -> None:
    """Print all events that a cluster still has.

    Raises:
        BioNeMoError: There is none of that name, or the cluster can't be reached.
    """
    with reached(access) as cluster:
        print_events(cluster, name, datetime.now(UTC))


def print_events(cluster: Cluster, name: str, now: datetime) -> None:
    """Print the events of one training or preparation, oldest first.

    Raises:
        MissingInputError: There is none of that name.
        ClusterError: The cluster does not tell.
    """
    seen = find(cluster, name)
    events = [event for event in cluster.client.list(EVENTS, cluster.namespace)["items"] if is_about(event, seen)]
    if not events:
        words = f"Kubernetes has no events of {seen.kind_name} {name}; it forgets them after an hour."
        console().print(Text(f"{words} `bionemo status {name}` tells how it is."))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("AGE", "TYPE", "REASON", "OBJECT", "MESSAGE"):
        table.add_column(heading, no_wrap=True)
    for event in sorted(events, key=_last_time):
        style = "yellow" if event.get("type") == "Warning" else ""
        regarding = event["regarding"]
        cells = (
            since(_last_time(event), now), str(event.get("type") or ""), str(event.get("reason") or ""),
            f"{regarding['kind']}/{regarding['name']}", " ".join(_note(event).split()),
        )  # fmt: skip
        table.add_row(*(Text(cell, style) for cell in cells))
    console().print(table)


def is_about(event: Body, seen: Seen) -> bool:
    """Whether an event speaks of a resource, of a job of it or of a pod of such a job, also when these are gone."""
    regarding = event.get("regarding") or {}
    kind, name = regarding.get("kind"), str(regarding.get("name"))
    if kind == seen.kind_name:
        return name == seen.name
    own = re.escape(seen.name)
    if seen.kind == TRAININGS:
        return kind in ("PyTorchJob", "Pod", "Service") and bool(re.fullmatch(rf"{own}-\d+(-worker-\d+)?", name))
    stages = "|".join(STAGES)
    return kind in ("Job", "Pod") and bool(re.fullmatch(rf"{own}-({stages})(-\d+-[a-z0-9]+)?", name))


def _last_time(event: Body) -> datetime:
    """When it happened last; older clients write other fields."""
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("eventTime"),
        event.get("deprecatedLastTimestamp"),
        event["metadata"].get("creationTimestamp"),
    )
    return next((found for time in times if (found := moment(time))), datetime.fromtimestamp(0, UTC))


def _note(event: Body) -> str:
    count = (event.get("series") or {}).get("count") or event.get("deprecatedCount") or 1
    note = str(event.get("note") or "")
    return f"{note} ({count} times)" if count > 1 else note
