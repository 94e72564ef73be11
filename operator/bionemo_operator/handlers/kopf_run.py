"""One run of kopf: its settings, its beats, and an end that comes whatever kopf waits for. Called by the process."""

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from typing import Any

import kopf

from bionemo_operator.handlers.events import NoDiffBase

_log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 1.0
LONGEST_END_SECONDS = 8.0
"""How long kopf may take to end by itself; it waits 5 seconds for its workers."""


async def run_kopf(
    registry: kopf.OperatorRegistry, namespaces: Collection[str], stop: threading.Event, beat: Callable[[], None]
) -> None:
    """Watches until it is told to stop, or kopf gives up.

    Args:
        registry: With the handlers of what is watched.
        namespaces: Where it watches; none means everywhere.
        stop: Tells it to stop.
        beat: Called each second for as long as the event loop goes round and kopf watches.

    Raises:
        Exception: What made kopf give up.
    """
    asyncio.get_running_loop().set_exception_handler(_hear)
    # Not the event of threads itself: kopf waits for that in a thread, which would outlive a kopf that has given up.
    ends = asyncio.Event()
    others = asyncio.all_tasks()
    roots = await kopf.spawn_tasks(
        registry=registry,
        settings=_settings(),
        clusterwide=not namespaces,
        namespaces=namespaces,
        standalone=True,
        stop_flag=ends,
    )
    attendant = asyncio.create_task(_attend(roots, others, stop, ends, beat))
    try:
        await kopf.run_tasks(roots, ignored={*others, attendant})
    finally:
        attendant.cancel()


async def _attend(
    roots: Collection[asyncio.Task[Any]],
    others: Collection[asyncio.Task[Any]],
    stop: threading.Event,
    ends: asyncio.Event,
    beat: Callable[[], None],
) -> None:
    """Hands the wish to stop on, and sees to it that kopf ends once one of its root tasks has.

    kopf 1.45 cancels its watches once, and waits for them without limit. A watch that is just being taken up again swallows the
    cancellation, and one that has workers may wait for what was cancelled along with it; either ends when it is cancelled anew.
    """
    while not any(root.done() for root in roots):
        if stop.is_set():
            ends.set()
        beat()
        await asyncio.sleep(HEARTBEAT_SECONDS)
    await asyncio.sleep(LONGEST_END_SECONDS)
    while left := asyncio.all_tasks() - {*others, asyncio.current_task()}:
        _log.debug("kopf does not end; cancels %d of its tasks", len(left))
        for task in left:
            task.cancel()
        await asyncio.sleep(HEARTBEAT_SECONDS)


def _hear(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Takes what no task of the loop caught. kopf leaves its watches open at its end, which asyncio calls an error; it harms nothing."""
    if "asyncgen" in context:
        _log.debug("at the end of kopf: %s", context["message"])
    else:
        loop.default_exception_handler(context)


def _settings() -> kopf.OperatorSettings:
    """Nothing that kopf would write: no events, no annotations, no finalizers; and watches that notice when they die."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.scanning.disabled = True
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.queueing.idle_timeout = 1.0  # each object has a task until then, which holds its body
    return settings
