"""What both kinds share: the envelope of a Kubernetes object, with the kind's rules enforced whenever one is made.

Subclassed by `training` and `preprocess`, and by nothing else.
"""

from typing import Any, ClassVar, Literal, Self

from pydantic import ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from bionemo_operator.api.fields import LongNatural, SpecModel, StatusModel, Time
from bionemo_operator.api.rule import Freeze, Rule, broken_rules

GROUP = "bionemo.dev"
VERSION = "v1alpha1"

BROKEN_RULES = "broken_rules"
"""Type of the pydantic error raised for a resource whose fields are right one by one but not together."""


class ObjectMeta(StatusModel):
    """The part of Kubernetes' own metadata that the operator reads; the rest is ignored."""

    name: str
    """Name of the object, unique in its namespace."""

    namespace: str | None = None
    """Namespace; None in a file that leaves it to the client."""

    uid: str | None = None
    """Unique identity over all time; None before the API server has seen the object."""

    generation: LongNatural | None = None
    """Counts changes of the spec; None before the API server has seen the object."""

    labels: dict[str, str] | None = None
    """Labels of the object."""

    annotations: dict[str, str] | None = None
    """Annotations of the object."""

    creation_timestamp: Time | None = None
    """When the API server first saw the object."""

    deletion_timestamp: Time | None = None
    """When deletion was requested; None as long as it was not."""


class Resource[Spec: SpecModel, Status: StatusModel](SpecModel):
    """A custom resource of this group."""

    model_config = ConfigDict(extra="forbid")

    rules: ClassVar[tuple[Rule, ...]]
    """Relations between fields that hold in every object of the kind."""
    freezes: ClassVar[tuple[Freeze, ...]]
    """Fields that an update may not touch once work has started."""

    api_version: Literal["bionemo.dev/v1alpha1"]
    """Always bionemo.dev/v1alpha1."""

    kind: str
    """Name of the kind."""

    metadata: ObjectMeta
    """Kubernetes' own metadata."""

    spec: Spec
    """What the user wants."""

    status: Status | None = None
    """What the operator sees; None before its first look."""

    @model_validator(mode="after")
    def _keep_rules(self) -> Self:
        document = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        if problems := broken_rules(document, self.rules):
            text = "\n".join(map(str, problems))
            raise PydanticCustomError(BROKEN_RULES, "{text}", {"text": text})
        return self


type AnyResource = Resource[Any, Any]
"""A resource of either kind."""
