"""When the work of an object of either kind is over, and how long the object stays then. Pure; asked by both passes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bionemo_operator.api.conditions import Condition, condition_of
from bionemo_operator.planning.training_view import Action, Decision, DeleteResource


def is_over(conditions: Sequence[Condition]) -> bool:
    """Whether the work was said to be done or failed."""
    succeeded = condition_of(conditions, "Succeeded")
    return succeeded is not None and succeeded.status != "Unknown"


def is_too_late(started_at: datetime | None, *, limit_seconds: int | None, now: datetime) -> bool:
    """Whether work that has begun has used up its time; without a limit it never has."""
    if limit_seconds is None or started_at is None:
        return False
    return now >= started_at + timedelta(seconds=limit_seconds)


def after_the_end(
    unfinished: tuple[Action, ...], *, ttl_seconds: int | None, completed_at: datetime | None, now: datetime
) -> Decision:
    """What still runs is ended, and after its time the object goes.

    Args:
        unfinished: Ends what still runs.
        ttl_seconds: How long it stays; None for ever.
        completed_at: When its work was over.
        now: The moment of this pass.
    """
    if ttl_seconds is None or completed_at is None:
        return Decision(said=(), actions=unfinished)
    left = (completed_at + timedelta(seconds=ttl_seconds) - now).total_seconds()
    if left <= 0:
        return Decision(said=(), actions=(*unfinished, DeleteResource()))
    return Decision(said=(), actions=unfinished, wake_after_seconds=left)
