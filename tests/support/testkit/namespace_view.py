"""What a test sees and does in a namespace of a real API server, by kubectl."""

from dataclasses import dataclass
from typing import Any

from testkit.cluster_kubectl import Kubectl

SMALL = {
    "recipe": "molecule/megamolbart/pretrain_xsmall_span_aug",
    "nodes": 2,
    "gpusPerNode": 1,
    "dataset": {"claim": {"name": "data", "path": "molecules"}},
    "results": {"claim": {"name": "results"}},
}
"""Spec of a training."""


@dataclass(kw_only=True)
class NamespaceView:
    """One namespace."""

    kubectl: Kubectl
    namespace: str

    @property
    def place(self) -> str:
        """The option by which kubectl works there."""
        return f"--namespace={self.namespace}"

    def apply(self, name: str = "small", kind: str = "BioNeMoTraining", **spec: object) -> Any:
        """Applies a resource of ours; a training differs from SMALL in what is given."""
        whole = {**SMALL, **spec} if kind == "BioNeMoTraining" else spec
        document = {"apiVersion": "bionemo.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": whole}
        return self.kubectl.apply(document, self.place)

    def get(self, kind: str, name: str) -> Any:
        """An object."""
        return self.kubectl.get(kind, name, self.place)

    def names(self, kind: str) -> list[str]:
        """Of all objects of a kind."""
        return [found["metadata"]["name"] for found in self.kubectl.get(kind, self.place)["items"]]

    def status(self, name: str = "small", kind: str = "bnt") -> Any:
        """Of a resource of ours; empty before the first report."""
        return self.get(kind, name).get("status", {})

    def reason(self, type_: str, name: str = "small", kind: str = "bnt") -> str | None:
        """Of a condition; None when it is not there."""
        conditions = self.status(name, kind).get("conditions", ())
        return next((condition["reason"] for condition in conditions if condition["type"] == type_), None)
