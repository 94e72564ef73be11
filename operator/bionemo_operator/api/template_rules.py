"""The rules of pod overrides, for both resources: names that the operator owns, sources that exclude each other.

Part of the tables in `rules`; in the same form, each with its CEL and its Python side by side.
"""

from typing import Any

from bionemo_operator.api.rule import Rule

LAUNCHER_VARIABLES = (
    "MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "RANK", "LOCAL_RANK", "GROUP_RANK", "NODE_RANK",
)  # fmt: skip
"""Environment variables that the launcher sets; a user's value would break the rendezvous."""

SHARED_MEMORY_PATH = "/dev/shm"  # noqa: S108 - a mount point in a pod, no temporary file of ours
"""Where the operator mounts the memory that a node's processes share."""

type _Object = dict[str, Any]
"""A wire object whose fields were validated before; the one place where values are used without their types."""


def _is_free(variable: _Object) -> bool:
    name = variable["name"]
    return name not in LAUNCHER_VARIABLES and not name.startswith(("PET_", "BIONEMO_"))


def _one_of(item: _Object, *fields: str) -> bool:
    return sum(field in item for field in fields) == 1


def _keys_outside(node: _Object, *owned: str) -> bool:
    return not any(key.startswith(owned) for key in node)


TEMPLATE_RULES = (
    Rule(
        at="spec.template.labels",
        reads=("",),
        cel="self.all(key, !key.startsWith('bionemo.dev/') && !key.startsWith('training.kubeflow.org/') "
        "&& !key.startsWith('batch.kubernetes.io/'))",
        holds=lambda node: _keys_outside(node, "bionemo.dev/", "training.kubeflow.org/", "batch.kubernetes.io/"),
        rule="must not use keys of bionemo.dev, training.kubeflow.org or batch.kubernetes.io, which select pods",
        mend="choose keys of another domain",
    ),
    Rule(
        at="spec.template.annotations",
        reads=("",),
        cel="self.all(key, !key.startsWith('bionemo.dev/'))",
        holds=lambda node: _keys_outside(node, "bionemo.dev/"),
        rule="must not use keys of bionemo.dev, which belong to the operator",
        mend="choose keys of another domain",
    ),
    *(
        Rule(
            at=f"spec.template.resources.{kind}",
            reads=("",),
            cel="!('nvidia.com/gpu' in self)",
            holds=lambda node: "nvidia.com/gpu" not in node,
            rule="must not name nvidia.com/gpu, which follows from spec.gpusPerNode",
            mend="remove it and set spec.gpusPerNode",
        )
        for kind in ("requests", "limits")
    ),
    Rule(
        at="spec.template.env",
        reads=("",),
        cel=f"self.all(v, !(v.name in {list(LAUNCHER_VARIABLES)}) && !v.name.startsWith('PET_') "
        "&& !v.name.startsWith('BIONEMO_'))",
        holds=lambda variables: all(_is_free(variable) for variable in variables),
        rule=f"must not set {', '.join(LAUNCHER_VARIABLES)} or a name that begins with PET_ or BIONEMO_, which the operator "
        "sets",
        mend="remove them",
    ),
    Rule(
        at="spec.template.env",
        reads=("",),
        cel="self.all(v, !(has(v.value) && has(v.valueFrom)))",
        holds=lambda variables: not any("value" in v and "valueFrom" in v for v in variables),
        rule="must give each variable value or valueFrom, not both",
        mend="keep the one that is meant",
    ),
    Rule(
        at="spec.template.env",
        reads=("",),
        cel="self.all(v, !has(v.valueFrom) || [has(v.valueFrom.secretKeyRef), has(v.valueFrom.configMapKeyRef), "
        "has(v.valueFrom.fieldRef)].filter(given, given).size() == 1)",
        holds=lambda variables: all(
            _one_of(v["valueFrom"], "secretKeyRef", "configMapKeyRef", "fieldRef")
            for v in variables
            if "valueFrom" in v
        ),
        rule="must give each valueFrom exactly one of secretKeyRef, configMapKeyRef and fieldRef",
        mend="keep the one that is meant",
    ),
    Rule(
        at="spec.template.envFrom",
        reads=("",),
        cel="self.all(source, has(source.secretRef) != has(source.configMapRef))",
        holds=lambda sources: all(_one_of(source, "secretRef", "configMapRef") for source in sources),
        rule="must give each item exactly one of secretRef and configMapRef",
        mend="keep the one that is meant",
    ),
    Rule(
        at="spec.template.tolerations",
        reads=("",),
        cel="self.all(t, t.operator == 'Equal' ? has(t.key) : !has(t.value))",
        holds=lambda items: all("key" in t if t["operator"] == "Equal" else "value" not in t for t in items),
        rule="must give each item a key with operator Equal, and no value with operator Exists",
        mend="add the key, remove the value, or change the operator",
    ),
    Rule(
        at="spec.template.volumes",
        reads=("",),
        cel="self.all(volume, !volume.name.startsWith('bionemo-'))",
        holds=lambda volumes: not any(volume["name"].startswith("bionemo-") for volume in volumes),
        rule="must not use names that begin with bionemo-, which belong to the operator",
        mend="choose other names",
    ),
    Rule(
        at="spec.template",
        field="volumeMounts",
        reads=("volumes", "volumeMounts"),
        cel="!has(self.volumeMounts) || self.volumeMounts.all(mount, "
        "has(self.volumes) && self.volumes.exists(volume, volume.name == mount.name))",
        holds=lambda volumes, mounts: {m["name"] for m in mounts or ()} <= {v["name"] for v in volumes or ()},
        rule="must name volumes of spec.template.volumes",
        mend="add the missing volumes or correct the names",
    ),
    Rule(
        at="spec.template.volumeMounts",
        reads=("",),
        cel=f"self.all(mount, mount.mountPath != '{SHARED_MEMORY_PATH}')",
        holds=lambda mounts: all(mount["mountPath"] != SHARED_MEMORY_PATH for mount in mounts),
        rule="must not mount /dev/shm, which the operator provides",
        mend="set spec.template.sharedMemory instead",
    ),
)
