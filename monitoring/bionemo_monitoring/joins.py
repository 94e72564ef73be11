"""Queries that join series of several exporters: by the names of pods, which the operator gives. Pure texts."""

PODS = r"-[0-9]+-worker-[0-9]+"
"""How a pod's name goes on after that of its training: attempt and node."""


def of_pods(metric: str, namespace: str, pods: str) -> str:
    """A metric of pods that an exporter on their node tells.

    Args:
        metric: Such as DCGM_FI_DEV_GPU_UTIL.
        namespace: Pattern of namespaces.
        pods: Pattern of pods.

    Returns:
        A query whose series have the labels `namespace` and `pod` of the pods that are told of. Unless the exporter is
        scraped with honorLabels, Prometheus keeps these two for the exporter's own pod and calls the others exported_*.
    """
    renamed = f'{metric}{{exported_namespace=~"{namespace}",exported_pod=~"{pods}"}}'
    for label in ("namespace", "pod"):
        renamed = f'label_replace({renamed}, "{label}", "$1", "exported_{label}", "(.+)")'
    return f'({renamed} or {metric}{{namespace=~"{namespace}",pod=~"{pods}",exported_pod=""}})'


def by_training(query: str) -> str:
    """A query whose series have a label `name`, the training that their pod belongs to."""
    return f'label_replace({query}, "name", "$1", "pod", "(.+){PODS}")'


def on_kubernetes_nodes(query: str) -> str:
    """A query whose series have a label `node`, as kube-state-metrics knows it of their pod."""
    return f"{query} * on (namespace, pod) group_left (node) max by (namespace, pod, node) (kube_pod_info)"
