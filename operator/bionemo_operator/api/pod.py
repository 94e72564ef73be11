"""The parts of a pod that a user may shape: resources, tolerations, volumes, mounts, identity; fields named as in a pod.

Used by `template`, which says where they apply.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from bionemo_operator.api.constraints import Items, Text
from bionemo_operator.api.fields import (
    INT32_MAX,
    AbsolutePath,
    LabelName,
    LongNatural,
    QualifiedName,
    Quantity,
    RelativePath,
    SpecModel,
)

UserId = Annotated[int, Field(ge=0, le=INT32_MAX)]
"""A numeric user or group of Linux: `1000`."""

LabelValue = Annotated[
    str,
    Text(
        limit=63,
        shortest=0,
        pattern="^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        rule="must be letters, digits, hyphens, underscores and dots, with a letter or digit at both ends",
        mend="write a label value such as esm2nv-3B",
    ),
]
"""A value of a Kubernetes label: `esm2nv-3B`."""

Amounts = Annotated[dict[QualifiedName, Quantity], Field(max_length=32)]
"""Resource names with their amounts: `{cpu: "16", memory: 64Gi}`."""

Capability = Annotated[
    str,
    Text(
        limit=32,
        pattern="^[A-Z][A-Z_]*$",
        rule="must be capitals and underscores",
        mend="write a name such as IPC_LOCK",
    ),
]
"""A Linux capability without its prefix: `IPC_LOCK`."""


class Resources(SpecModel):
    """What one pod asks of its node."""

    requests: Amounts | None = None
    """Amounts that are set aside for each pod. Example: {cpu: "16", memory: 64Gi}. Default: the limits. Limits: at most 32
    resources. GPUs are not named here but in gpusPerNode."""

    limits: Amounts | None = None
    """Amounts that each pod may not exceed. Example: {memory: 128Gi, rdma/hca: 1}. Default: none. Limits: at most 32
    resources. GPUs are not named here but in gpusPerNode."""


class Toleration(SpecModel):
    """A taint of nodes that pods accept; the same fields as in a pod."""

    key: QualifiedName | None = None
    """Key of the taint. Example: nvidia.com/gpu. Default: every key, together with operator Exists."""

    operator: Literal["Exists", "Equal"] = "Equal"
    """How key and value are compared. Example: Exists. Default: Equal."""

    value: LabelValue | None = None
    """Value of the taint. Example: training. Default: the empty value. Not together with operator Exists."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Example: NoSchedule. Default: every effect."""

    toleration_seconds: LongNatural | None = None
    """Seconds that a pod stays after a NoExecute taint appears. Example: 300. Default: for ever."""


class Volume(SpecModel):
    """A volume of the pods, with a source in any form that a pod knows."""

    model_config = ConfigDict(extra="allow")

    name: LabelName
    """Name that volumeMounts refer to. Example: raw-data. Required. Limits: at most 63 characters; names that begin with
    bionemo- belong to the operator. Beside it stands one source as in a pod, passed on unchecked. Example:
    persistentVolumeClaim: {claimName: raw}."""


class VolumeMount(SpecModel):
    """Where a volume appears in the container."""

    name: LabelName
    """Name of a volume in template.volumes. Example: raw-data. Required."""

    mount_path: AbsolutePath
    """Path in the container. Example: /data/raw. Required. Limits: /dev/shm belongs to sharedMemory."""

    sub_path: RelativePath | None = None
    """Folder of the volume to mount. Example: zinc15. Default: its root."""

    read_only: bool = False
    """Whether the container may only read. Example: true. Default: false."""


class SecurityContext(SpecModel):
    """Whom the pods run as; the rest of the security context is the operator's and satisfies Pod Security "restricted"."""

    run_as_user: UserId | None = None
    """Numeric user of the processes. Example: 1000. Default: the image's user."""

    run_as_group: UserId | None = None
    """Numeric primary group of the processes. Example: 1000. Default: the image's group."""

    fs_group: UserId | None = None
    """Numeric group that owns files on mounted volumes. Example: 2000. Default: none, ownership is left alone."""

    fs_group_change_policy: Literal["OnRootMismatch", "Always"] = "OnRootMismatch"
    """When the ownership of a volume's files is changed to fsGroup. Example: Always. Default: OnRootMismatch, because a walk
    through millions of files delays every attempt."""

    supplemental_groups: Annotated[tuple[UserId, ...], Items(limit=32, merge="set")] = ()
    """Further numeric groups of the processes. Example: [3000]. Default: none. Limits: at most 32."""

    add_capabilities: Annotated[tuple[Capability, ...], Items(limit=16, merge="set")] = ()
    """Linux capabilities of the container. Example: [IPC_LOCK], which InfiniBand needs. Default: none, as Pod Security
    "restricted" demands. Limits: at most 16."""
