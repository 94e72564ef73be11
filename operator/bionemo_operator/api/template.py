"""How pods differ from what the operator would make: the overrides under `spec.template`, for both resources.

Used by `training` and `preprocess`. Only what a training can honour is here; the operator owns the rest of the pod.
"""

from typing import Annotated, Literal

from pydantic import Field

from bionemo_operator.api.constraints import Items, Text
from bionemo_operator.api.environment import EnvFromSource, EnvVar
from bionemo_operator.api.fields import ObjectName, ObjectReference, QualifiedName, Quantity, SpecModel
from bionemo_operator.api.pod import LabelValue, Resources, SecurityContext, Toleration, Volume, VolumeMount

AnnotationValue = Annotated[str, Text(limit=4096, shortest=0, rule="", mend="shorten it to 4096 characters")]
"""A value of a Kubernetes annotation."""

LabelMap = Annotated[dict[QualifiedName, LabelValue], Field(max_length=64)]
"""Labels by their keys: `{team: proteins}`."""

AnnotationMap = Annotated[dict[QualifiedName, AnnotationValue], Field(max_length=64)]
"""Annotations by their keys."""

Affinity = Annotated[
    dict[str, object],
    Field(max_length=3, json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}),
]
"""The affinity of a pod, a deep structure that only the scheduler reads."""


class PodTemplate(SpecModel):
    """How this object's pods differ from what the operator would make."""

    labels: LabelMap | None = None
    """Labels of every pod. Example: {team: proteins}. Default: none. Limits: at most 64; keys of bionemo.dev,
    training.kubeflow.org and batch.kubernetes.io belong to the operators."""

    annotations: AnnotationMap | None = None
    """Annotations of every pod. Example: {kueue.x-k8s.io/podset-required-topology: cloud.provider.com/rack}. Default: none.
    Limits: at most 64, with values of at most 4096 characters; keys of bionemo.dev belong to the operator."""

    resources: Resources = Resources()
    """CPU, memory and devices of each pod. Example: {requests: {cpu: "16", memory: 64Gi}}. Default: nothing is set aside
    beyond the GPUs."""

    env: Annotated[tuple[EnvVar, ...], Items(limit=128, merge="map", keys=("name",))] = ()
    """Environment variables of the container. Example: [{name: NCCL_DEBUG, value: INFO}]. Default: none beyond the
    operator's. Limits: at most 128; the variables of the launcher (MASTER_ADDR, MASTER_PORT, WORLD_SIZE, LOCAL_WORLD_SIZE,
    RANK, LOCAL_RANK, GROUP_RANK, NODE_RANK) and names that begin with PET_ or BIONEMO_ belong to the operator."""

    env_from: Annotated[tuple[EnvFromSource, ...], Items(limit=16, merge="atomic")] = ()
    """Secrets and ConfigMaps whose keys all become environment variables. Example: [{secretRef: {name: wandb}}]. Default:
    none. Limits: at most 16; a variable of env or of the operator wins over one from here."""

    volumes: Annotated[tuple[Volume, ...], Items(limit=32, merge="map", keys=("name",))] = ()
    """Further volumes of the pods. Example: [{name: raw, persistentVolumeClaim: {claimName: raw}}]. Default: none. Limits:
    at most 32. Dataset, results and shared memory need no entry here."""

    volume_mounts: Annotated[tuple[VolumeMount, ...], Items(limit=32, merge="map", keys=("mountPath",))] = ()
    """Where the volumes appear in the container. Example: [{name: raw, mountPath: /data/raw}]. Default: none. Limits: at
    most 32; each name is one of volumes."""

    shared_memory: Quantity = "8Gi"
    """Largest size of /dev/shm, which NCCL and the data loader's processes share. Example: 64Gi. Default: 8Gi. It is a
    ceiling, taken from memory as it fills and counted in the pod's memory limit."""

    node_selector: LabelMap | None = None
    """Labels that a node must have. Example: {nvidia.com/gpu.product: NVIDIA-H100-80GB-HBM3}. Default: none. Limits: at
    most 64."""

    tolerations: Annotated[tuple[Toleration, ...], Items(limit=32, merge="atomic")] = ()
    """Taints of nodes that the pods accept. Example: [{key: nvidia.com/gpu, operator: Exists}]. Default: none. Limits: at
    most 32."""

    affinity: Affinity | None = None
    """Affinity as in a pod, passed on unchecked. Example: {podAntiAffinity: ...}. Default: none. Nodes that broke an
    attempt are avoided in addition to it."""

    service_account_name: ObjectName | None = None
    """ServiceAccount of the pods. Example: training. Default: the namespace's own. Its token is never mounted."""

    priority_class_name: ObjectName | None = None
    """PriorityClass of the pods. Example: research-low. Default: the cluster's own."""

    scheduler_name: ObjectName | None = None
    """Scheduler of the pods. Example: scheduler-plugins-scheduler. Default: the cluster's, or that of gang scheduling."""

    runtime_class_name: ObjectName | None = None
    """RuntimeClass of the pods. Example: nvidia. Default: the cluster's."""

    host_network: bool = False
    """Whether pods use their node's network directly, as some InfiniBand set-ups need. Example: true. Default: false. Two
    trainings with it on one node can collide over ports."""

    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When nodes fetch the image. Example: Always. Default: IfNotPresent."""

    image_pull_secrets: Annotated[tuple[ObjectReference, ...], Items(limit=8, merge="map", keys=("name",))] = ()
    """Secrets with credentials for the image's registry. Example: [{name: registry}]. Default: none. Limits: at most 8."""

    security_context: SecurityContext = SecurityContext()
    """Whom the pods run as. Example: {runAsUser: 1000, fsGroup: 2000}. Default: the image's user."""

    termination_grace_period_seconds: Annotated[int, Field(ge=10, le=7200)] = 300
    """Seconds between the request to stop and the kill, in which a checkpoint is saved. Example: 900. Default: 300. Limits:
    10 to 7200."""
