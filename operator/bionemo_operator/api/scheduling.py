"""How the pods of one object get their nodes all together: quota through Kueue, gangs through Volcano and its like.

Used by `training` and `preprocess`.
"""

from typing import Annotated

from pydantic import Field

from bionemo_operator.api.fields import LabelName, ObjectName, SpecModel


class Queue(SpecModel):
    """A place in a Kueue queue: the pods start when the quota admits all of them."""

    name: LabelName
    """Kueue LocalQueue of this namespace. Example: research. Required. Limits: at most 63 characters."""

    priority_class: LabelName | None = None
    """Kueue WorkloadPriorityClass. Example: nightly. Default: Kueue's. It orders the queue; template.priorityClassName
    orders pods on nodes."""


class Gang(SpecModel):
    """Demands on a gang scheduler, for clusters whose training operator was started with one. A gang is always all nodes."""

    queue: ObjectName | None = None
    """Queue of the gang scheduler. Example: research. Default: the scheduler's. Not together with spec.queue, which is
    Kueue's."""

    priority_class: ObjectName | None = None
    """PriorityClass of the gang. Example: research-high. Default: the scheduler's."""

    schedule_timeout_seconds: Annotated[int, Field(ge=1, le=604800)] | None = None
    """Seconds to wait for all nodes before the gang is put back. Example: 600. Default: the scheduler's. Limits: 1 to
    604800, a week."""
