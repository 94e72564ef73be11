"""`bionemo submit`: check files as `bionemo check` does, ask the API server whether it takes them, then apply them all."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from rich.text import Text

from bionemo_operator.cli.checked import Checked, checked_files
from bionemo_operator.cli.cluster_access import Access, Cluster, reached, words_of
from bionemo_operator.cli.output import console
from bionemo_operator.cluster.client import Body
from bionemo_operator.cluster.kinds import PREPROCESSES, TRAININGS, Kind
from bionemo_operator.errors import MissingError, RejectedError
from bionemo_trainer.errors import ConfigError, Problem

type Outcome = Literal["created", "changed", "unchanged"]
_OWN_METADATA = ("labels", "annotations")
"""What a user gives to an object besides its name and place."""


def submit_files(paths: Sequence[Path], access: Access) -> None:
    """Apply all resources below the paths, and say what became of each.

    Raises:
        ConfigError: A document is wrong, or the API server refuses one; nothing was applied, and all problems are told.
        BioNeMoError: The cluster can't be reached.
    """
    items = checked_files(paths)
    with reached(access) as cluster:
        submit(cluster, items)


def submit(cluster: Cluster, items: Sequence[Checked]) -> None:
    """Apply checked resources, and say what became of each.

    Raises:
        ConfigError: The API server refuses one; nothing was applied, and all problems are told.
        ClusterError: The cluster can't be reached.
    """
    problems = [problem for item in items for problem in _refusals(cluster, item)]
    if problems:
        raise ConfigError(problems)
    for item in items:
        outcome = _applied(cluster, item)
        resource = item.resource
        style = "dim" if outcome == "unchanged" else "green"
        place = f"{resource.kind} {resource.metadata.name} in {_namespace(cluster, item)} "
        console().print(Text(place) + Text(outcome, style))


def _refusals(cluster: Cluster, item: Checked) -> Iterator[Problem]:
    """Why a resource can't be applied."""
    metadata = item.resource.metadata
    if cluster.is_chosen and metadata.namespace not in (None, cluster.namespace):
        rule = f"is not {cluster.namespace}, which -n names"
        field = f"{item.document.place}: metadata.namespace"
        yield Problem(field=field, value=metadata.namespace, rule=rule, mend="leave out one of the two")
        return
    try:
        cluster.client.try_apply(_kind(item), _namespace(cluster, item), _manifest(cluster, item))
    except RejectedError as error:
        yield Problem(
            field=item.document.place,
            value=f"{item.resource.kind} {metadata.name}",
            rule=f"is refused by the API server ({words_of(error)[1]})",
            mend="correct it; where a field is fixed, write a new object under another name",
        )


def _applied(cluster: Cluster, item: Checked) -> Outcome:
    kind, namespace = _kind(item), _namespace(cluster, item)
    try:
        before = cluster.client.get(kind, namespace, item.resource.metadata.name)
    except MissingError:
        before = None
    after = cluster.client.apply(kind, namespace, _manifest(cluster, item))
    if before is None:
        return "created"
    return "unchanged" if _what_users_write(before) == _what_users_write(after) else "changed"


def _manifest(cluster: Cluster, item: Checked) -> dict[str, Any]:
    """The document as its user wrote it, without what only a server writes."""
    content = item.document.content
    given: Mapping[str, Any] = content["metadata"]
    own = {key: given[key] for key in _OWN_METADATA if given.get(key)}
    metadata = {"name": item.resource.metadata.name, "namespace": _namespace(cluster, item), **own}
    return {
        "apiVersion": content["apiVersion"],
        "kind": content["kind"],
        "metadata": metadata,
        "spec": content["spec"],
    }


def _what_users_write(body: Body) -> tuple[object, ...]:
    return body["spec"], *(body["metadata"].get(key) or {} for key in _OWN_METADATA)


def _kind(item: Checked) -> Kind:
    return TRAININGS if item.resource.kind == "BioNeMoTraining" else PREPROCESSES


def _namespace(cluster: Cluster, item: Checked) -> str:
    return item.resource.metadata.namespace or cluster.namespace
