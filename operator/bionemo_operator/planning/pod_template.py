"""The pod template of both kinds: what a user's `spec.template` says, around what the operator needs. Pure.

Every pod passes Pod Security "restricted" unless its user adds capabilities or host networking. Called by `pytorch_job` and
`preparation_job`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bionemo_operator.api.pod import Resources
from bionemo_operator.api.template import PodTemplate
from bionemo_operator.planning import names

type Fragment = dict[str, Any]
"""A part of a manifest."""

_HOSTNAME = "kubernetes.io/hostname"
_OURS = "bionemo-"
"""What the names of the operator's volumes begin with; users may not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounted:
    """A claim and where its root appears in the container."""

    claim: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlan:
    """What the operator needs of a pod."""

    container: str
    image: str
    command: tuple[str, ...]
    environment: tuple[Fragment, ...]
    """Variables as in a pod; they come after the user's."""
    claims: tuple[Mounted, ...]
    document: str
    """What the pod runs by."""
    document_file: str
    """Name of the file that shows it."""
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    gpus: int = 0
    ports: tuple[Fragment, ...] = ()
    avoided_nodes: tuple[str, ...] = ()


def pod_template(template: PodTemplate, plan: PodPlan) -> Fragment:
    """The pod template as in a PyTorchJob or Job, without its restart policy."""
    return {
        "metadata": {
            "labels": {**(template.labels or {}), **plan.labels},
            "annotations": {**(template.annotations or {}), **plan.annotations, names.CONFIG: plan.document},
        },
        "spec": _without_empty(
            {
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "terminationGracePeriodSeconds": template.termination_grace_period_seconds,
                "securityContext": _pod_security(template),
                "containers": [_container(template, plan)],
                "volumes": _volumes(template, plan),
                "nodeSelector": template.node_selector,
                "tolerations": [_dumped(toleration) for toleration in template.tolerations],
                "affinity": _affinity(template.affinity, plan.avoided_nodes),
                "serviceAccountName": template.service_account_name,
                "priorityClassName": template.priority_class_name,
                "schedulerName": template.scheduler_name,
                "runtimeClassName": template.runtime_class_name,
                "hostNetwork": template.host_network or None,
                "dnsPolicy": "ClusterFirstWithHostNet" if template.host_network else None,
                "imagePullSecrets": [_dumped(secret) for secret in template.image_pull_secrets],
            }
        ),
    }


def _container(template: PodTemplate, plan: PodPlan) -> Fragment:
    volumes = _claim_volumes(plan)
    mounts = [{"name": volumes[claim.claim], "mountPath": claim.path} for claim in plan.claims]
    return _without_empty(
        {
            "name": plan.container,
            "image": plan.image,
            "imagePullPolicy": template.image_pull_policy,
            "command": list(plan.command),
            "env": [*(_dumped(variable) for variable in template.env), *plan.environment],
            "envFrom": [_dumped(source) for source in template.env_from],
            "ports": list(plan.ports),
            "resources": _resources(template.resources, plan.gpus),
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": _without_empty(
                    {"drop": ["ALL"], "add": list(template.security_context.add_capabilities)}
                ),
            },
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": [
                {"name": f"{_OURS}config", "mountPath": names.CONFIG_FOLDER, "readOnly": True},
                {"name": f"{_OURS}shared-memory", "mountPath": names.SHARED_MEMORY},
                *mounts,
                *(_dumped(mount) for mount in template.volume_mounts),
            ],
        }
    )


def _volumes(template: PodTemplate, plan: PodPlan) -> list[Fragment]:
    shown = {"path": plan.document_file, "fieldRef": {"fieldPath": f"metadata.annotations['{names.CONFIG}']"}}
    return [
        {"name": f"{_OURS}config", "downwardAPI": {"items": [shown]}},
        {
            "name": f"{_OURS}shared-memory",
            "emptyDir": {"medium": "Memory", "sizeLimit": template.shared_memory},
        },
        *(
            {"name": volume, "persistentVolumeClaim": {"claimName": claim}}
            for claim, volume in _claim_volumes(plan).items()
        ),
        *(_dumped(volume) for volume in template.volumes),
    ]


def _claim_volumes(plan: PodPlan) -> dict[str, str]:
    """The volume of each claim; names of claims may be longer than those of volumes."""
    claims = dict.fromkeys(claim.claim for claim in plan.claims)
    return {claim: f"{_OURS}claim-{number}" for number, claim in enumerate(claims)}


def _resources(resources: Resources, gpus: int) -> Fragment:
    """The user's amounts; GPUs are whole devices, so their request equals their limit."""
    limits = {**(resources.limits or {}), **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    return _without_empty({"requests": resources.requests, "limits": limits})


def _pod_security(template: PodTemplate) -> Fragment:
    wanted = template.security_context
    return _without_empty(
        {
            "runAsNonRoot": True if wanted.run_as_user != 0 else None,
            "runAsUser": wanted.run_as_user,
            "runAsGroup": wanted.run_as_group,
            "fsGroup": wanted.fs_group,
            "fsGroupChangePolicy": wanted.fs_group_change_policy if wanted.fs_group is not None else None,
            "supplementalGroups": list(wanted.supplemental_groups),
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    )


def _affinity(wanted: Mapping[str, Any] | None, avoided: Sequence[str]) -> Fragment | None:
    """The user's affinity, and in each of its alternatives that the node is none of those to avoid."""
    if not avoided:
        return dict(wanted) if wanted else None
    affinity = dict(wanted or {})
    node = dict(affinity.get("nodeAffinity") or {})
    required = dict(node.get("requiredDuringSchedulingIgnoredDuringExecution") or {})
    elsewhere = {"key": _HOSTNAME, "operator": "NotIn", "values": list(avoided)}
    given: Sequence[Fragment] = required.get("nodeSelectorTerms") or ({},)
    terms = [{**term, "matchExpressions": [*(term.get("matchExpressions") or ()), elsewhere]} for term in given]
    required["nodeSelectorTerms"] = terms
    node["requiredDuringSchedulingIgnoredDuringExecution"] = required
    return {**affinity, "nodeAffinity": node}


def _dumped(part: Any) -> Fragment:  # noqa: ANN401 - any pydantic model of the API
    dumped: Fragment = part.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped


def _without_empty(fragment: Mapping[str, Any]) -> Fragment:
    """Without what was not asked for, so that defaults stay Kubernetes'."""
    return {key: value for key, value in fragment.items() if value not in (None, [], (), {})}
