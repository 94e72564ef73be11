"""Value types that both resources share: names, paths, amounts, moments, claims, and the two base models.

Used by every model of this package. Each type's docstring is its example. Knows nothing of particular resources.
"""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

from bionemo_operator.api.constraints import IntOrText, Text

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1


class SpecModel(BaseModel):
    """A group of fields that a user writes: unknown fields are refused, values are never converted."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        use_attribute_docstrings=True,
    )


class StatusModel(SpecModel):
    """A group of fields that the operator writes: what a newer version added is ignored after a downgrade."""

    model_config = ConfigDict(extra="ignore")


_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = f"{_LABEL}([.]{_LABEL})*"
_SEGMENT = "[A-Za-z0-9_][A-Za-z0-9_.=+@,-]*"

LabelName = Annotated[
    str,
    Text(
        limit=63,
        pattern=f"^{_LABEL}$",
        rule="must be lower-case letters, digits and hyphens, with a letter or digit at both ends",
        mend="write a Kubernetes name such as raw-data",
    ),
]
"""A DNS-1123 label: `raw-data`."""

ObjectName = Annotated[
    str,
    Text(
        limit=253,
        pattern=f"^{_SUBDOMAIN}$",
        rule="must be lower-case letters, digits, hyphens and dots, with a letter or digit at both ends",
        mend="write the name of a Kubernetes object such as bionemo-data",
    ),
]
"""A DNS-1123 subdomain, which names most Kubernetes objects: `bionemo-data`, `hf.token`."""

QualifiedName = Annotated[
    str,
    Text(
        limit=253,
        pattern="^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$",
        rule="must be letters, digits, hyphens, underscores and dots, with at most a domain and a slash before them",
        mend="write a Kubernetes key such as nvidia.com/gpu",
    ),
]
"""A key of labels, resources and tolerations: `nvidia.com/gpu`."""

RelativePath = Annotated[
    str,
    Text(
        limit=512,
        pattern=f"^{_SEGMENT}(/{_SEGMENT})*$",
        rule="must be a path inside the volume: names joined by single slashes, none of them beginning with a dot",
        mend="write a path such as zinc15/raw, with no slash at either end",
    ),
]
"""A path inside a volume, without `..`: `zinc15/raw`."""

AbsolutePath = Annotated[
    str,
    Text(
        limit=1024,
        pattern="^/[^:\n]*$",
        rule="must be a path in the container that begins with a slash and has no colon",
        mend="write a path such as /data/raw",
    ),
]
"""A path inside a container: `/data/raw`."""

Image = Annotated[
    str,
    Text(
        limit=1024,
        pattern="^[a-z0-9][A-Za-z0-9._:@/-]*$",
        rule="must be an image reference without blanks",
        mend="write it as registry/repository:tag or registry/repository@sha256:...",
    ),
]
"""A container image: `registry.example.com/bionemo/trainer:1.4.0`."""

Quantity = Annotated[
    str,
    Text(
        limit=32,
        pattern="^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$",
        rule="must be a number with at most one unit of m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei",
        mend="write an amount such as 500m, 16 or 64Gi",
    ),
    IntOrText(),
]
"""An amount of a resource as in pods: `500m`, `16`, `64Gi`."""

Share = Annotated[
    str,
    Text(
        limit=13,
        pattern="^([0-9]{1,12}|[0-9]{1,2}([.][0-9]{1,4})?%)$",
        rule="must be a share such as 0.5% or a count such as 5000",
        mend='write it in quotes: "0.5%" or "5000"',
    ),
]
"""A share of the records, or a number of them: `0.5%`, `5000`."""

Decimal = Annotated[
    str,
    Text(
        limit=32,
        pattern="^-?[0-9]+([.][0-9]+)?(e[+-]?[0-9]+)?$",
        rule="must be a decimal number as text",
        mend='write it in quotes: "0.25"',
    ),
]
"""A measured number as text, for the API has no floats: `2.3817`."""

Message = Annotated[str, Text(limit=32768, shortest=0, rule="", mend="shorten it to 32768 characters")]
"""A sentence for people; the limit is that of the Kubernetes condition."""

Identifier = Annotated[str, Text(limit=256, rule="", mend="shorten it to 256 characters")]
"""A short free text: a fingerprint, a stage."""


StoredPath = Annotated[str, Text(limit=1024, rule="", mend="shorten it to 1024 characters")]
"""A path that a program reports: `esm2nv-650m-c0ffee/checkpoints/step-12000`."""


def _rfc3339(moment: datetime) -> str:
    """UTC to the second, the form that Kubernetes itself writes."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[
    AwareDatetime, PlainSerializer(_rfc3339, when_used="always"), Field(json_schema_extra={"maxLength": 64})
]
"""A moment, in the API an RFC 3339 text in UTC: `2026-11-24T08:00:00Z`."""

Natural = Annotated[int, Field(ge=0, le=INT32_MAX)]
"""A whole number from 0, 32 bits."""

LongNatural = Annotated[int, Field(ge=0, le=INT64_MAX)]
"""A whole number from 0, 64 bits: bytes, tokens, samples."""


class ClaimName(SpecModel):
    """A PersistentVolumeClaim by its name."""

    name: ObjectName
    """Name of a PersistentVolumeClaim in the namespace of this object. Example: bionemo-data. Required. It must be
    writable from all nodes at once (ReadWriteMany) where more than one pod uses it."""


class ClaimReference(ClaimName):
    """A folder on a PersistentVolumeClaim."""

    path: RelativePath | None = None
    """Folder on the volume. Example: zinc15/raw. Default: the root of the volume. Limits: no leading slash, no name that
    begins with a dot."""


class ObjectReference(SpecModel):
    """Another object of this namespace by its name."""

    name: ObjectName
    """Name of the object, in the namespace of this one. Example: zinc15. Required."""
