"""The real Kubeflow training operator as a bare process beside an API server, its webhook included.

In a cluster it finds certificates in a volume and is found through a Service. Here the certificates are made beforehand, so
that it has nothing to rotate, and the Service is an alias of the loopback interface (ExternalName), which the API server's
own resolver follows to whatever port the webhook's configuration names.
"""

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from testkit.cluster_certificates import make_authority, make_certificate
from testkit.cluster_endpoints import answers_well
from testkit.cluster_kubectl import Document, Kubectl
from testkit.cluster_processes import NotReadyError, Running, await_ready, free_ports, start
from testkit.cluster_programs import Programs

NAMESPACE = "kubeflow"
SERVICE = "training-operator"
SECRET = "training-operator-webhook-cert"
WEBHOOK_CONFIGURATION = "validator.training-operator.kubeflow.org"
WEBHOOK = "validator.pytorchjob.training-operator.kubeflow.org"
_AUTHORITY = "training-operator-ca"  # it takes no other for its own
_FIXED_CERTIFICATES = Path("/tmp/k8s-webhook-server/serving-certs")
"""Where the operator looks whether its volume is mounted, wherever the webhook's server reads certificates from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOperator:
    """All that is needed to start it again and again."""

    program: Path
    folder: Path
    """For certificates and the log."""
    kubeconfig: Path
    webhook_port: int
    health_port: int
    metrics_port: int

    def start(self) -> Running:
        """Starts it and waits until its controller and its webhook are up.

        Raises:
            NotReadyError: It ended or was too slow.
        """
        command = (
            self.program,
            f"--kubeconfig={self.kubeconfig}",
            "--enable-scheme=PyTorchJob",
            f"--webhook-server-port={self.webhook_port}",
            f"--health-probe-bind-address=127.0.0.1:{self.health_port}",
            f"--metrics-bind-address=127.0.0.1:{self.metrics_port}",
            "--zap-log-level=info",  # at its own level it tells of every probe
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            "--controller-threads=4",
        )
        running = start(command, self.folder, {"TMPDIR": str(self.folder), "MY_POD_NAMESPACE": NAMESPACE})
        is_ready = partial(answers_well, f"http://127.0.0.1:{self.health_port}/readyz")
        try:
            await_ready("the training operator's webhook answers", is_ready, [running])
        except NotReadyError:
            running.stop()
            raise
        return running


def install_training_operator(programs: Programs, folder: Path, kubectl: Kubectl) -> TrainingOperator:
    """Gives the API server the objects that the operator needs; its CRD is there already."""
    webhook_port, health_port, metrics_port = free_ports(3)
    place = folder / "k8s-webhook-server" / "serving-certs"  # where the webhook's server looks: below TMPDIR
    place.mkdir(parents=True)
    _pretend_volume()
    for document in _documents(programs.manifests, make_webhook_secret(place), webhook_port):
        kubectl.apply(document)
    return TrainingOperator(
        program=programs.path("training-operator"),
        folder=folder,
        kubeconfig=kubectl.kubeconfig,
        webhook_port=webhook_port,
        health_port=health_port,
        metrics_port=metrics_port,
    )


def pytorch_job_crd(programs: Programs) -> Path:
    """The file that defines PyTorchJob."""
    return programs.manifests / "base/crds/kubeflow.org_pytorchjobs.yaml"


def make_webhook_secret(folder: Path) -> Document:
    """Makes the operator's authority and its webhook's certificate, and the Secret in which it looks for both.

    Args:
        folder: For the files, which the Secret holds too.
    """
    authority = make_authority(folder / "authority", _AUTHORITY)
    host = f"{SERVICE}.{NAMESPACE}.svc"
    server = make_certificate(folder / "tls", authority, f"/CN={host}", f"DNS:{host}")
    files = {
        "ca.crt": authority.certificate,
        "ca.key": authority.key,
        "tls.crt": server.certificate,
        "tls.key": server.key,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": NAMESPACE},
        "data": {name: _base64(path) for name, path in files.items()},
    }


def _pretend_volume() -> None:
    if not (_FIXED_CERTIFICATES / "tls.crt").exists():
        _FIXED_CERTIFICATES.mkdir(parents=True, exist_ok=True)
        os.close(os.open(_FIXED_CERTIFICATES / "tls.crt", os.O_CREAT | os.O_WRONLY, 0o644))  # existence is all it asks


def _documents(manifests: Path, secret: Document, webhook_port: int) -> Iterator[Document]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    yield secret
    yield _webhook_configuration(manifests, webhook_port)


def _webhook_configuration(manifests: Path, webhook_port: int) -> dict[str, Any]:
    """The manifest's configuration with PyTorchJob's webhook alone; the operator adds its authority."""
    text = (manifests / "base/webhook/manifests.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    (webhook,) = (webhook for webhook in document["webhooks"] if webhook["name"] == WEBHOOK)
    service = {"name": SERVICE, "namespace": NAMESPACE, "port": webhook_port}
    webhook["clientConfig"]["service"] |= service
    return document | {"metadata": {"name": WEBHOOK_CONFIGURATION}, "webhooks": [webhook]}


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
