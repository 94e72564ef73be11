"""What kopf's watches tell: resources of ours, and the jobs that work for them. Registered by `register`."""

import ssl
from dataclasses import dataclass
from typing import Any

import kopf

from bionemo_operator.cluster.credentials import Connection
from bionemo_operator.cluster.kinds import JOBS, PREPROCESSES, PYTORCH_JOBS, TRAININGS, Kind
from bionemo_operator.controller.controller import Controller, owner_of

WATCHED: tuple[Kind, ...] = (TRAININGS, PREPROCESSES, PYTORCH_JOBS, JOBS)


@dataclass(frozen=True)
class NamedConnection(kopf.ConnectionInfo):
    """A connection to a server that proves to be another name than its address has; kopf knows no such thing."""

    tls_server_name: str | None = None

    def as_ssl_context(self) -> ssl.SSLContext:
        """A context that asks for that name, whatever it is told."""
        context = super().as_ssl_context()
        if self.tls_server_name:
            wrap, name = context.wrap_bio, {"server_hostname": self.tls_server_name}
            context.wrap_bio = lambda *bios, **options: wrap(*bios, **(options | name))  # type: ignore[method-assign]  # no hook
        return context


class NoDiffBase(kopf.DiffBaseStorage):
    """Keeps nothing to compare objects with later: nothing here handles a difference, and kopf would copy each object for it."""

    def build(self, *, body: kopf.Body, extra_fields: object = None) -> kopf.BodyEssence:
        """Nothing."""
        del body, extra_fields
        return {}

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        """Nothing."""
        del body
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Does nothing."""


def register(registry: kopf.OperatorRegistry, controller: Controller, connection: Connection) -> None:
    """Let kopf watch everything that passes decide on, but pods.

    Args:
        registry: Where handlers are kept.
        controller: What takes events in.
        connection: How the API server is reached.
    """

    @kopf.on.login(registry=registry, id="connection")
    async def log_in(**_: Any) -> kopf.ConnectionInfo:  # noqa: ANN401 - kopf's own arguments
        return connection_info(connection)

    for kind in WATCHED:
        _register(registry, kind, controller)


def connection_info(connection: Connection) -> kopf.ConnectionInfo:
    """The same connection as kopf wants it; asked for again when the API server does not know the token any more."""
    configuration = connection.configuration
    scheme, _, token = connection.headers().get("Authorization", "").partition(" ")
    return NamedConnection(
        server=connection.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        scheme=scheme or None,
        token=token or None,
        proxy_url=configuration.proxy,
        default_namespace=connection.namespace,
        tls_server_name=configuration.tls_server_name,
    )


def _register(registry: kopf.OperatorRegistry, kind: Kind, controller: Controller) -> None:
    @kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.plural)
    async def on_event(event: kopf.RawEvent, **_: Any) -> None:  # noqa: ANN401 - kopf's own arguments
        body = dict(event["object"])
        # Of other people's Jobs nothing matters; of their PyTorchJobs the names do.
        if kind == JOBS and owner_of(body) is None:
            return
        controller.see(kind, body, is_gone=event["type"] == "DELETED")
