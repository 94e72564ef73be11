"""A real Kubernetes control plane in a folder: etcd, API server, controller manager and training operator; no kubelet.

For tests of what API servers and controllers do. Nothing runs the pods; `cluster_pods` plays the kubelet.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yaml

from testkit.cluster_certificates import Pair, make_authority, make_certificate, make_key
from testkit.cluster_endpoints import answers_well
from testkit.cluster_kubectl import FIELD_MANAGER, Kubectl, KubectlError
from testkit.cluster_processes import Running, await_ready, free_ports, start
from testkit.cluster_programs import Programs, built_programs
from testkit.cluster_training_operator import TrainingOperator, install_training_operator, pytorch_job_crd

_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "ttl-after-finished-controller",
)
"""Without those that take a node for dead when no kubelet speaks for it."""


@dataclass(kw_only=True)
class ControlPlane:
    """A control plane that runs."""

    folder: Path
    """Its data, certificates and logs."""
    url: str
    """The API server."""
    kubeconfig: Path
    """Credentials of an administrator."""
    kubectl: Kubectl
    training_operator: TrainingOperator
    _running_operator: Running | None = field(default=None, repr=False)

    def start_training_operator(self) -> None:
        """Starts the training operator and waits until its webhook answers.

        Raises:
            NotReadyError: It ended or was too slow.
        """
        self._running_operator = self.training_operator.start()

    def stop_training_operator(self) -> None:
        """Ends the training operator, as a rollout would; PyTorchJobs are refused until it is back, for want of a webhook."""
        if self._running_operator:
            self._running_operator.stop()
            self._running_operator = None


@contextlib.contextmanager
def control_plane(folder: Path, crds: Sequence[Path] = ()) -> Iterator[ControlPlane]:
    """Runs a control plane on free ports of the loopback interface until the block is left.

    Args:
        folder: Empty.
        crds: Files or folders of CRDs to install before the controllers start: the garbage collector looks for new kinds
            only twice a minute.

    Raises:
        NotReadyError: A program ended or was too slow.
    """
    programs = built_programs()
    with contextlib.ExitStack() as stack:
        kubectl, url, api_server = _start_api_server(programs, folder, stack)
        _install_crds(kubectl, (pytorch_job_crd(programs), *crds))
        manager = start(_controller_manager(programs, folder), folder)
        stack.callback(manager.stop)
        operator = install_training_operator(programs, folder, kubectl)
        plane = ControlPlane(
            folder=folder, url=url, kubeconfig=kubectl.kubeconfig, kubectl=kubectl, training_operator=operator
        )
        stack.callback(plane.stop_training_operator)
        plane.start_training_operator()
        await_ready("controllers work", partial(_has_service_account, kubectl), [api_server, manager], 60)
        yield plane


def _start_api_server(programs: Programs, folder: Path, stack: contextlib.ExitStack) -> tuple[Kubectl, str, Running]:
    etcd_port, peer_port, port = free_ports(3)
    authority = make_authority(folder / "ca", "kubernetes-ca")
    make_key(folder / "service-accounts.key")
    names = "DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1"
    server = make_certificate(folder / "api-server", authority, "/CN=kube-apiserver", names)
    admin = make_certificate(folder / "admin", authority, "/O=system:masters/CN=admin")
    url = f"https://127.0.0.1:{port}"
    kubeconfig = _write_kubeconfig(folder / "kubeconfig", url, authority, admin)
    etcd = start(_etcd(programs, folder, etcd_port, peer_port), folder)
    stack.callback(etcd.stop)
    api_server = start(_api_server(programs, folder, server, port, etcd_port), folder)
    stack.callback(api_server.stop)
    is_ready = partial(answers_well, f"{url}/readyz", authority.certificate)
    await_ready("the API server is ready", is_ready, [etcd, api_server], 60)
    return Kubectl(program=programs.path("kubectl"), kubeconfig=kubeconfig, cache=folder / "discovery"), url, api_server


def _write_kubeconfig(path: Path, url: str, authority: Pair, client: Pair) -> Path:
    cluster = {"server": url, "certificate-authority": str(authority.certificate)}
    user = {"client-certificate": str(client.certificate), "client-key": str(client.key)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def _etcd(programs: Programs, folder: Path, port: int, peer_port: int) -> list[str | Path]:
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    return [
        programs.path("etcd"),
        f"--data-dir={folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # nothing here outlives a power cut
        "--log-level=warn",
    ]


def _api_server(programs: Programs, folder: Path, server: Pair, port: int, etcd_port: int) -> list[str | Path]:
    signing_key = folder / "service-accounts.key"
    return [
        programs.path("kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # it would refuse an address of the loopback interface
        f"--secure-port={port}",
        f"--tls-cert-file={server.certificate}",
        f"--tls-private-key-file={server.key}",
        f"--client-ca-file={folder / 'ca.crt'}",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={signing_key}",
        f"--service-account-signing-key-file={signing_key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged",
        "--shutdown-delay-duration=0s",
    ]


def _controller_manager(programs: Programs, folder: Path) -> list[str | Path]:
    return [
        programs.path("kube-controller-manager"),
        f"--kubeconfig={folder / 'kubeconfig'}",
        f"--controllers={','.join(_CONTROLLERS)}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={folder / 'service-accounts.key'}",
        f"--root-ca-file={folder / 'ca.crt'}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def _install_crds(kubectl: Kubectl, files: Sequence[Path]) -> None:
    names = [f"--filename={path}" for path in files]
    kubectl("apply", "--server-side", f"--field-manager={FIELD_MANAGER}", *names)
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *names)


def _has_service_account(kubectl: Kubectl) -> bool:
    """Whether the controllers have begun: no pod is admitted to a namespace before it has this account."""
    try:
        kubectl.get("serviceaccount", "default", "--namespace=default")
    except KubectlError:
        return False
    return True
