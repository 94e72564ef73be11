"""Which values the chart takes: types, bounds and keys, as JSON Schema. Written to values.schema.json by `chart_files`.

What values mean is said in values.yaml alone. Parts of Kubernetes' own objects are spelt out here, so that a misspelt key in them is
refused before anything is installed, and not dropped by an API server that does not know it.
"""

from collections.abc import Mapping

from json_schema import (
    AMOUNT,
    BOOLEAN,
    DURATION,
    LABELS,
    NAME_OR_NOTHING,
    NAMESPACES,
    STRINGS,
    TEXT,
    TEXTS,
    Schema,
    closed,
    many,
    number,
    one_of,
    shared,
    whole,
)

_PORT = whole(1, 65535)
_OPERATORS = one_of("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_REQUIRED, _PREFERRED = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))
_IMAGE = {
    "repository": {"type": "string", "pattern": "^[a-z0-9][a-zA-Z0-9._:/-]*$"},
    "tag": {"type": "string", "pattern": "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$"},
    "digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
}
_USERS = {
    "runAsNonRoot": BOOLEAN,
    # Null takes a default away, as OpenShift needs.
    "runAsUser": {"type": ["integer", "null"], "minimum": 0},
    "runAsGroup": {"type": ["integer", "null"], "minimum": 0},
    "seccompProfile": closed(
        {"type": one_of("RuntimeDefault", "Localhost", "Unconfined"), "localhostProfile": TEXT}, ("type",)
    ),
    "seLinuxOptions": closed({"level": TEXT, "role": TEXT, "type": TEXT, "user": TEXT}),
}

DEFINITIONS: Schema = {
    "labelSelector": closed({"matchLabels": STRINGS, "matchExpressions": many(shared("expression"))}),
    "expression": closed({"key": TEXT, "operator": _OPERATORS, "values": TEXTS}, ("key", "operator")),
    "nodeTerm": closed(
        {"matchExpressions": many(shared("expression")), "matchFields": many(shared("expression"))},
    ),
    "podTerm": closed(
        {
            "labelSelector": shared("labelSelector"),
            "namespaceSelector": shared("labelSelector"),
            "namespaces": TEXTS,
            "topologyKey": TEXT,
            "matchLabelKeys": TEXTS,
            "mismatchLabelKeys": TEXTS,
        },
        ("topologyKey",),
    ),
    "podAffinity": closed(
        {
            _REQUIRED: many(shared("podTerm")),
            _PREFERRED: many(
                closed({"weight": whole(1, 100), "podAffinityTerm": shared("podTerm")}, ("weight", "podAffinityTerm"))
            ),
        }
    ),
    "keyOf": closed({"name": TEXT, "key": TEXT, "optional": BOOLEAN}, ("name", "key")),
    "peer": closed(
        {
            "podSelector": shared("labelSelector"),
            "namespaceSelector": shared("labelSelector"),
            "ipBlock": closed({"cidr": TEXT, "except": TEXTS}, ("cidr",)),
        }
    ),
}
"""What occurs in several places, or in itself."""

_AFFINITY = closed(
    {
        "nodeAffinity": closed(
            {
                _REQUIRED: closed({"nodeSelectorTerms": many(shared("nodeTerm"))}, ("nodeSelectorTerms",)),
                _PREFERRED: many(
                    closed({"weight": whole(1, 100), "preference": shared("nodeTerm")}, ("weight", "preference"))
                ),
            }
        ),
        "podAffinity": shared("podAffinity"),
        "podAntiAffinity": shared("podAffinity"),
    }
)
_TOLERATION = closed(
    {
        "key": TEXT,
        "operator": one_of("Equal", "Exists"),
        "value": TEXT,
        "effect": one_of("NoSchedule", "PreferNoSchedule", "NoExecute"),
        "tolerationSeconds": whole(0),
    }
)
_SPREAD = closed(
    {
        "maxSkew": whole(1),
        "topologyKey": TEXT,
        "whenUnsatisfiable": one_of("ScheduleAnyway", "DoNotSchedule"),
        "minDomains": whole(1),
        "nodeAffinityPolicy": one_of("Honor", "Ignore"),
        "nodeTaintsPolicy": one_of("Honor", "Ignore"),
        "matchLabelKeys": TEXTS,
    },
    ("maxSkew", "topologyKey", "whenUnsatisfiable"),
)
_VARIABLE = closed(
    {
        "name": {"type": "string", "pattern": "^[-._a-zA-Z][-._a-zA-Z0-9]*$"},
        "value": TEXT,
        "valueFrom": closed(
            {
                "configMapKeyRef": shared("keyOf"),
                "secretKeyRef": shared("keyOf"),
                "fieldRef": closed({"apiVersion": TEXT, "fieldPath": TEXT}, ("fieldPath",)),
                "resourceFieldRef": closed({"containerName": TEXT, "resource": TEXT, "divisor": AMOUNT}, ("resource",)),
            }
        ),
    },
    ("name",),
)
_PROBE = closed({"periodSeconds": whole(1), "timeoutSeconds": whole(1), "failureThreshold": whole(1)})
_AMOUNTS: Schema = {"type": "object", "additionalProperties": AMOUNT}
_EGRESS_PORT = closed(
    {"protocol": one_of("TCP", "UDP", "SCTP"), "port": {"type": ["integer", "string"]}, "endPort": _PORT}
)
_SWITCH = closed({"enabled": BOOLEAN})
_URL_OR_NOTHING = {"type": "string", "pattern": r"^(https?://[^\s]+)?$"}
_MONITOR = closed({"enabled": BOOLEAN, "interval": DURATION})

VALUES: Mapping[str, Schema] = {
    "global": {"type": "object"},  # what Helm hands to every chart of a parent; not read here
    "nameOverride": NAME_OR_NOTHING,
    "fullnameOverride": NAME_OR_NOTHING,
    "commonLabels": LABELS,
    "image": closed({**_IMAGE, "pullPolicy": one_of("Always", "IfNotPresent", "Never")}),
    "imagePullSecrets": many(closed({"name": TEXT}, ("name",))),
    "trainerImage": closed(_IMAGE),
    "watchNamespaces": NAMESPACES,
    "crds": closed({"enabled": BOOLEAN, "keep": BOOLEAN}),
    "settings": closed(
        {
            "workers": whole(1, 256),
            "resyncSeconds": number(1),
            "leaseSeconds": number(3, 300),
            "progressTimeoutSeconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 30},
            "stuckSeconds": number(10),
            "logFormat": one_of("json", "text"),
        }
    ),
    "extraEnv": many(_VARIABLE),
    "replicas": whole(0),
    "podDisruptionBudget": closed(
        {
            "enabled": BOOLEAN,
            "maxUnavailable": {"anyOf": [whole(0), {"type": "string", "pattern": "^[0-9]{1,3}%$"}]},
        }
    ),
    "resources": closed({"requests": _AMOUNTS, "limits": _AMOUNTS}),
    "livenessProbe": _PROBE,
    "readinessProbe": _PROBE,
    "terminationGracePeriodSeconds": whole(0),
    "podSecurityContext": closed(
        {
            **_USERS,
            "fsGroup": whole(0),
            "fsGroupChangePolicy": one_of("OnRootMismatch", "Always"),
            "supplementalGroups": many(whole(0)),
        }
    ),
    "securityContext": closed(
        {
            **_USERS,
            "allowPrivilegeEscalation": BOOLEAN,
            "privileged": BOOLEAN,
            "readOnlyRootFilesystem": BOOLEAN,
            "capabilities": closed({"drop": TEXTS, "add": TEXTS}),
        }
    ),
    "podLabels": LABELS,
    "podAnnotations": STRINGS,
    "nodeSelector": STRINGS,
    "tolerations": many(_TOLERATION),
    "affinity": _AFFINITY,
    "topologySpreadConstraints": many(_SPREAD),
    "priorityClassName": NAME_OR_NOTHING,
    "serviceAccount": closed({"create": BOOLEAN, "name": NAME_OR_NOTHING, "annotations": STRINGS}),
    "rbac": closed({"create": BOOLEAN, "nodes": BOOLEAN, "aggregateToUserRoles": BOOLEAN}),
    "metrics": closed({"port": whole(1024, 65535)}),
    "monitoring": closed(
        {
            "labels": LABELS,
            "serviceMonitor": _MONITOR,
            "podMonitor": _MONITOR,
            "prometheusRule": closed({"enabled": BOOLEAN, "runbooksUrl": _URL_OR_NOTHING}),
            "dashboards": closed(
                {"enabled": BOOLEAN, "namespace": NAME_OR_NOTHING, "labels": LABELS, "annotations": STRINGS}
            ),
        }
    ),
    "networkPolicy": closed(
        {
            "enabled": BOOLEAN,
            "scrapers": many(shared("peer")),
            "apiServer": closed({"cidrs": TEXTS, "ports": many(_PORT) | {"minItems": 1}}),
            "extraEgress": many(closed({"to": many(shared("peer")), "ports": many(_EGRESS_PORT)})),
            "trainingNamespaces": NAMESPACES,
        }
    ),
    "tests": _SWITCH,
}
"""Every value of the chart."""
