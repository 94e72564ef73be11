"""Values of the chart as admins give them, and objects of what helm makes of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from testkit.cluster_helm import PROMETHEUS, Values

DIGEST = f"sha256:{'0123456789abcdef' * 4}"

NAMESPACED: Values = {
    "watchNamespaces": ["team-a", "team-b"],
    "crds": {"enabled": False},
    "rbac": {"nodes": False, "aggregateToUserRoles": False},
}
"""An operator without any right on the cluster."""

EVERYTHING: Values = {
    "nameOverride": "operator",
    "fullnameOverride": "bionemo",
    "commonLabels": {"team": "biology"},
    "image": {"repository": "registry.example/operator", "digest": DIGEST, "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "trainerImage": {"repository": "registry.example/trainer", "tag": "1.2"},
    "crds": {"enabled": False},
    "settings": {"workers": 4, "logFormat": "text", "progressTimeoutSeconds": 0.5},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
    "replicas": 3,
    "podDisruptionBudget": {"maxUnavailable": "50%"},
    "resources": {"limits": {"cpu": 1}},
    "podSecurityContext": {"runAsUser": None, "runAsGroup": None},
    "podLabels": {"tier": "control"},
    "podAnnotations": {"note": "watched"},
    "nodeSelector": {"pool": "system"},
    "tolerations": [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "nvidia.com/gpu.present", "operator": "DoesNotExist"}]}
                ]
            }
        }
    },
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
    ],
    "priorityClassName": "system-cluster-critical",
    "serviceAccount": {"name": "operator", "annotations": {"cloud.example/identity": "operator"}},
    "metrics": {"port": 9090},
    "monitoring": {
        "labels": {"release": "monitoring"},
        "serviceMonitor": {"interval": "10s"},
        "podMonitor": {"interval": "5s"},
        "prometheusRule": {"runbooksUrl": "https://wiki.example.com/bionemo/runbooks"},
        "dashboards": {"namespace": "grafana", "labels": {"dashboard": "yes"}, "annotations": {"folder": "BioNeMo"}},
    },
    "networkPolicy": {
        "enabled": True,
        "scrapers": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        "apiServer": {"cidrs": ["10.0.0.1/32"], "ports": [6443]},
        "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.0.0.2/32"}}], "ports": [{"port": 3128}]}],
        "trainingNamespaces": ["team-a"],
    },
}
"""All that can be set, set to something else."""

SHAPES: Mapping[str, tuple[Values, Sequence[str]]] = {
    "default": ({}, ()),
    "namespaced": (NAMESPACED, (PROMETHEUS,)),
    "everything": (EVERYTHING, (PROMETHEUS,)),
}
"""Values and the APIs that the cluster has besides Kubernetes' own."""


def one(objects: Iterable[Mapping[str, Any]], kind: str, name: str | None = None) -> Any:
    """The only object of a kind, or of a kind and a name."""
    found = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, [f"{each['kind']} {each['metadata']['name']}" for each in found]
    return found[0]


def kinds(objects: Iterable[Mapping[str, Any]]) -> set[str]:
    """Which kinds there are."""
    return {str(each["kind"]) for each in objects}
