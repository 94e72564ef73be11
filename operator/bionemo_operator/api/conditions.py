"""Conditions of both resources: their shape, and the one function that sets them.

Called by the operator's status code with reasons from `reasons`. Pure: the moment is an argument.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from bionemo_operator.api.constraints import Items, Text
from bionemo_operator.api.fields import LongNatural, Message, StatusModel, Time
from bionemo_operator.api.reasons import ConditionStatus, ConditionType, Reason

MESSAGE_LIMIT = 32768
"""Longest message that the Kubernetes API takes in a condition."""

ReasonName = Annotated[
    str,
    Text(limit=64, pattern="^[A-Za-z][A-Za-z0-9]*$", rule="must be one CamelCase word", mend="use a declared reason"),
]
"""One CamelCase word: `Restarting`."""

Phase = Literal["Pending", "Running", "Suspended", "Succeeded", "Failed", "Invalid"]
"""A summary for printing; nothing reads it."""


class Condition(StatusModel):
    """One aspect of the state, in the form of metav1.Condition."""

    type: ConditionType
    """Aspect that is spoken of. Example: Running."""

    status: ConditionStatus
    """Whether it holds: True, False or Unknown. Example: True."""

    observed_generation: LongNatural
    """Generation of the spec that this speaks of. Example: 2."""

    last_transition_time: Time
    """When status changed last. Example: 2026-11-24T08:00:00Z."""

    reason: ReasonName
    """One word for programs that says why. Example: AllNodesRunning."""

    message: Message
    """A sentence for people that says why, and what to do. Example: Attempt 3 runs on 4 nodes."""


Conditions = Annotated[tuple[Condition, ...], Items(limit=16, merge="map", keys=("type",))]
"""The conditions of an object, one of each type."""


def with_condition(
    conditions: Sequence[Condition], reason: Reason, *, observed_generation: int, now: datetime, **details: object
) -> tuple[Condition, ...]:
    """The conditions after one of them was set.

    The transition time moves only when the status changes, and a pass that saw an older spec changes nothing.

    Args:
        conditions: What was there before, at most one of each type; their order is kept, a new one comes last.
        reason: Why, which also says of which type and with which status.
        observed_generation: Generation of the spec that the caller looked at.
        now: The moment of this pass.
        details: Values for the places in the reason's message.
    """
    before = condition_of(conditions, reason.condition)
    if before is not None and before.observed_generation > observed_generation:
        return tuple(conditions)
    is_same_status = before is not None and before.status == reason.status
    after = Condition(
        type=reason.condition,
        status=reason.status,
        observed_generation=observed_generation,
        last_transition_time=before.last_transition_time if before is not None and is_same_status else now,
        reason=reason.name,
        message=_bounded(reason.message.format(**details)),
    )
    if before is None:
        return (*conditions, after)
    return tuple(after if condition.type == after.type else condition for condition in conditions)


def condition_of(conditions: Sequence[Condition], type_: ConditionType) -> Condition | None:
    """The condition of a type; None when it was never set, which means Unknown."""
    return next((condition for condition in conditions if condition.type == type_), None)


def phase_of(conditions: Sequence[Condition]) -> Phase:
    """The word for `kubectl get`: an end outweighs a pause, and a pause outweighs running."""
    status: dict[ConditionType, ConditionStatus] = {condition.type: condition.status for condition in conditions}
    checks: tuple[tuple[bool, Phase], ...] = (
        (status.get("Succeeded") == "True", "Succeeded"),
        (status.get("Succeeded") == "False", "Failed"),
        (status.get("Accepted") == "False", "Invalid"),
        (status.get("Suspended") == "True", "Suspended"),
        (status.get("Running") == "True", "Running"),
    )
    return next((phase for holds, phase in checks if holds), "Pending")


def _bounded(message: str) -> str:
    return message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 3] + "..."
