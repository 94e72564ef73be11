"""Environment variables of the pods, with the sources that a pod knows: values, Secrets, ConfigMaps, the pod's own fields.

Used by `template`. Only the shape is here; which names are reserved is said in `rules`.
"""

from typing import Annotated

from bionemo_operator.api.constraints import Text
from bionemo_operator.api.fields import ObjectName, ObjectReference, SpecModel

VariableName = Annotated[
    str,
    Text(
        limit=128,
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        rule="must be letters, digits and underscores, not beginning with a digit",
        mend="write a name such as NCCL_DEBUG",
    ),
]
"""A name of an environment variable: `NCCL_DEBUG`."""

DataKey = Annotated[
    str,
    Text(
        limit=253,
        pattern="^[-._A-Za-z0-9]+$",
        rule="must be letters, digits, hyphens, underscores and dots",
        mend="write a key of the Secret or ConfigMap such as api-key",
    ),
]
"""A key in a Secret or ConfigMap: `api-key`."""

FieldPath = Annotated[
    str,
    Text(
        limit=256,
        pattern="^(metadata|spec|status)[.][A-Za-z.]+(\\['[^']+'\\])?$",
        rule="must be a field of the pod",
        mend="write a path such as metadata.name or status.podIP",
    ),
]
"""A field of the pod itself: `status.hostIP`."""


class KeySelector(SpecModel):
    """One key of a Secret or ConfigMap."""

    name: ObjectName
    """Name of the Secret or ConfigMap in this namespace. Example: wandb. Required."""

    key: DataKey
    """Key whose value is taken. Example: api-key. Required."""

    optional: bool = False
    """Whether the pod starts without it. Example: true. Default: false."""


class PodField(SpecModel):
    """One field of the pod itself."""

    field_path: FieldPath
    """Path of the field. Example: status.hostIP. Required."""


class EnvSource(SpecModel):
    """Where a variable's value comes from; exactly one of its fields is given."""

    secret_key_ref: KeySelector | None = None
    """A key of a Secret. Example: {name: wandb, key: api-key}. Default: none. Not together with the other sources."""

    config_map_key_ref: KeySelector | None = None
    """A key of a ConfigMap. Example: {name: network, key: interface}. Default: none. Not together with the other sources."""

    field_ref: PodField | None = None
    """A field of the pod. Example: {fieldPath: status.hostIP}. Default: none. Not together with the other sources."""


class EnvVar(SpecModel):
    """One environment variable of the container."""

    name: VariableName
    """Name of the variable. Example: NCCL_DEBUG. Required. Limits: at most 128 characters."""

    value: Annotated[str, Text(limit=4096, shortest=0, rule="", mend="shorten it to 4096 characters")] | None = None
    """Value of the variable, as text. Example: INFO. Default: the empty text. Limits: at most 4096 characters. Not together
    with valueFrom."""

    value_from: EnvSource | None = None
    """Source of the value. Example: {secretKeyRef: {name: wandb, key: api-key}}. Default: none. Not together with value."""


class EnvFromSource(SpecModel):
    """A Secret or ConfigMap whose keys all become variables; exactly one of the two is given."""

    prefix: Annotated[str, Text(limit=64, shortest=0, rule="", mend="shorten it to 64 characters")] = ""
    """Text put before every key. Example: S3_. Default: empty. Limits: at most 64 characters."""

    secret_ref: ObjectReference | None = None
    """A Secret of this namespace. Example: {name: wandb}. Default: none. Not together with configMapRef."""

    config_map_ref: ObjectReference | None = None
    """A ConfigMap of this namespace. Example: {name: network}. Default: none. Not together with secretRef."""
