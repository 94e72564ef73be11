"""The command lines of a control plane, and the identities that its programs show one another."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from testkit.cluster_certificates import Pair, make_authority, make_certificate, make_key
from testkit.cluster_programs import Programs

type Command = list[str | Path]
"""A program and its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a control plane is, on disk and in the network."""

    programs: Programs
    folder: Path
    """Its data, certificates and logs."""
    address: str = "127.0.0.1"
    """Of the API server."""
    port: int = 6443
    etcd_port: int = 2379
    peer_port: int = 2380

    @property
    def url(self) -> str:
        """The API server."""
        return f"https://{self.address}:{self.port}"

    @property
    def authority(self) -> Pair:
        """Who signs all certificates."""
        return Pair.at(self.folder / "ca")

    @property
    def kubeconfig(self) -> Path:
        """Credentials of an administrator."""
        return self.folder / "kubeconfig"


def make_identities(place: Place, names: str) -> None:
    """Makes the authority, the certificates of API server and administrator, the key of tokens and the kubeconfig.

    Args:
        place: Whose.
        names: More names of the API server, in openssl's form, such as DNS:localhost.
    """
    authority = make_authority(place.folder / "ca", "kubernetes-ca")
    make_key(place.folder / "service-accounts.key")
    names = f"DNS:kubernetes.default.svc,IP:{place.address},{names}"
    make_certificate(place.folder / "api-server", authority, "/CN=kube-apiserver", names)
    admin = make_certificate(place.folder / "admin", authority, "/O=system:masters/CN=admin")
    write_kubeconfig(place.kubeconfig, place.url, authority, admin)


def write_kubeconfig(path: Path, url: str, authority: Pair, client: Pair) -> Path:
    """Writes a kubeconfig of one cluster and one client."""
    cluster = {"server": url, "certificate-authority": str(authority.certificate)}
    user = {"client-certificate": str(client.certificate), "client-key": str(client.key)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "client", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "client"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def etcd(place: Place) -> Command:
    """The store, on the loopback interface."""
    client, peer = f"http://127.0.0.1:{place.etcd_port}", f"http://127.0.0.1:{place.peer_port}"
    return [
        place.programs.path("etcd"),
        f"--data-dir={place.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # nothing here outlives a power cut
        "--log-level=warn",
    ]


def api_server(place: Place, *more: str) -> Command:
    """The API server.

    Args:
        place: Where it is.
        more: Arguments besides those of every level.
    """
    signing_key = place.folder / "service-accounts.key"
    server = Pair.at(place.folder / "api-server")
    return [
        place.programs.path("kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{place.etcd_port}",
        f"--bind-address={place.address}",
        f"--advertise-address={place.address}",
        f"--secure-port={place.port}",
        f"--tls-cert-file={server.certificate}",
        f"--tls-private-key-file={server.key}",
        f"--client-ca-file={place.authority.certificate}",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={signing_key}",
        f"--service-account-signing-key-file={signing_key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged",
        "--shutdown-delay-duration=0s",
        *more,
    ]


def controller_manager(place: Place, *more: str) -> Command:
    """The controllers.

    Args:
        place: Where it is.
        more: Arguments besides those of every level.
    """
    return [
        place.programs.path("kube-controller-manager"),
        f"--kubeconfig={place.kubeconfig}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={place.folder / 'service-accounts.key'}",
        f"--root-ca-file={place.authority.certificate}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        *more,
    ]


def scheduler(place: Place) -> Command:
    """Who gives pods their nodes."""
    return [
        place.programs.path("kube-scheduler"),
        f"--kubeconfig={place.kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
