"""`bionemo status`: a table of a namespace or of all, or everything about one object."""

from datetime import UTC, datetime

from rich.text import Text

from bionemo_operator.cli.cluster_access import Access, Cluster, reached
from bionemo_operator.cli.output import console
from bionemo_operator.cli.seen import all_of, find
from bionemo_operator.cli.status_details import status_details
from bionemo_operator.cli.status_table import status_table
from bionemo_trainer.errors import ConfigError, Problem


def show_status(name: str | None, access: Access, *, everywhere: bool) -> None:
    """Print the table, or with a name the details.

    Raises:
        BioNeMoError: There is none of that name, or the cluster can't be reached.
    """
    if name is not None and everywhere:
        rule = "is one object, and -A asks for those of all namespaces"
        raise ConfigError([Problem(field="NAME", value=name, rule=rule, mend="leave out one of the two")])
    now = datetime.now(UTC)
    with reached(access) as cluster:
        if name is None:
            print_table(cluster, now, everywhere=everywhere)
        else:
            print_details(cluster, name, now)


def print_table(cluster: Cluster, now: datetime, *, everywhere: bool) -> None:
    """Print a table of all trainings and preparations.

    Raises:
        ClusterError: The cluster does not tell.
    """
    resources = all_of(cluster, None if everywhere else cluster.namespace)
    if resources:
        console().print(status_table(resources, now, with_namespace=everywhere))
        return
    place = "any namespace" if everywhere else f"namespace {cluster.namespace}; -A shows those of all namespaces"
    console().print(Text(f"There is no BioNeMoTraining and no BioNeMoPreprocess in {place}."))


def print_details(cluster: Cluster, name: str, now: datetime) -> None:
    """Print everything about one training or preparation.

    Raises:
        MissingInputError: There is none of that name.
        ClusterError: The cluster does not tell.
    """
    out = console()
    for line in status_details(find(cluster, name), now):
        out.print(line)
