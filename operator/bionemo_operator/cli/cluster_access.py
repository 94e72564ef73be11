"""The cluster that a command speaks to, and what its failures mean for a user.

The one place where errors of the API server become errors of the command line. Imported only by commands that need a cluster.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bionemo_operator.cluster.client import APPLY, Body, Client
from bionemo_operator.cluster.credentials import connect
from bionemo_operator.cluster.kinds import Kind
from bionemo_operator.errors import ClusterError, MissingError, RejectedError
from bionemo_trainer.errors import BioNeMoError, ConfigError, MissingInputError, Problem, StorageError

UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the common options say; None leaves it to the kubeconfig."""

    namespace: str | None = None
    kubeconfig: str | None = None
    context: str | None = None


class UserClient(Client):
    """Writes in the name of the user of this command, not of the operator."""

    manager = "bionemo"

    def try_apply(self, kind: Kind, namespace: str, manifest: Body) -> Body:
        """What `apply` would make; changes nothing.

        Raises:
            ClusterError: It could not be applied.
        """
        query = {"fieldManager": self.manager, "force": "true", "dryRun": "All"}
        path = kind.path(namespace, manifest["metadata"]["name"])
        return self._request("apply", "PATCH", path, manifest, query=query, headers={"Content-Type": APPLY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster, and where in it to look."""

    client: UserClient
    namespace: str
    """The one that was chosen, or else the kubeconfig's."""
    is_chosen: bool = False
    """Whether the user has named it for this command."""


@contextmanager
def reached(access: Access) -> Iterator[Cluster]:
    """The cluster for one command.

    Raises:
        BioNeMoError: It can't be reached, or a request has failed within the block.
    """
    connection = connect(kubeconfig=access.kubeconfig, context=access.context, connections=1)
    try:
        yield Cluster(
            client=UserClient(connection),
            namespace=access.namespace or connection.namespace,
            is_chosen=access.namespace is not None,
        )
    except ClusterError as error:
        raise meaning_of(error) from error


def meaning_of(error: ClusterError) -> BioNeMoError:
    """What a failed request means for a user, in one line."""
    request, answer = words_of(error)
    if isinstance(error, RejectedError):
        mend = "correct what it names, or ask an administrator for the right to do this"
        return ConfigError([Problem(field="cluster", value=request, rule=f"was refused ({answer})", mend=mend)])
    if isinstance(error, MissingError):
        mend = "create what is missing, install the operator's chart, or name another cluster with --context"
        return MissingInputError(_sentence(request, f"found nothing ({answer})", mend))
    mend = "check the address and the network, or name another cluster with --context"
    if error.status == UNAUTHORIZED:
        mend = "log in to the cluster again"
    elif error.status:
        mend = "try again"
    return StorageError(_sentence(request, f"failed ({answer})", mend))


def words_of(error: ClusterError) -> tuple[str, str]:
    """The request that failed, and the answer to it, each in one line."""
    request, _, answer = " ".join(str(error).split()).partition(": ")
    return request, answer


def _sentence(request: str, rule: str, mend: str) -> str:
    return str(Problem(field="cluster", value=request, rule=rule, mend=mend))
