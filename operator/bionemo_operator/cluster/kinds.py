"""The kinds of objects that the operator reads and writes, and where the API has them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of objects, and where the API has them."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Path of an object, or of a list: of a namespace, or of all of them."""
        place = f"/namespaces/{namespace}" if namespace else ""
        return "/".join(part for part in (f"{self.home}{place}/{self.plural}", name, subresource) if part)

    @property
    def home(self) -> str:
        """Path of what the API tells of all kinds of the group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


TRAININGS = Kind(group="bionemo.dev", version="v1alpha1", plural="bionemotrainings")
PREPROCESSES = Kind(group="bionemo.dev", version="v1alpha1", plural="bionemopreprocesses")
PYTORCH_JOBS = Kind(group="kubeflow.org", version="v1", plural="pytorchjobs")
JOBS = Kind(group="batch", version="v1", plural="jobs")
NODES = Kind(group="", version="v1", plural="nodes")
PODS = Kind(group="", version="v1", plural="pods")
LEASES = Kind(group="coordination.k8s.io", version="v1", plural="leases")
EVENTS = Kind(group="events.k8s.io", version="v1", plural="events")
