"""Asks rank 0 of a training how far it is. What can't be reached is unknown, never a hang."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import urllib3
from urllib3.exceptions import HTTPError

from bionemo_operator.planning.observed import Reading
from bionemo_trainer.contract import progress_from_json

MOST_BYTES = 65536
"""Of an answer; ours have a few hundred."""


class ProgressReader:
    """Reads `/progress`; many threads at once."""

    def __init__(self, port: int, timeout_seconds: float) -> None:
        self._port = port
        self._timeout = urllib3.Timeout(total=timeout_seconds)
        self._pool = urllib3.PoolManager(num_pools=256, maxsize=1)

    def read(self, address: str) -> Reading | None:
        """What the pod at an address answers; None when it does not, or not as our trainer would."""
        host = f"[{address}]" if ":" in address else address
        try:
            answer = self._pool.request(
                "GET",
                f"http://{host}:{self._port}/progress",
                timeout=self._timeout,
                retries=False,
                preload_content=False,
            )
            text = answer.read(MOST_BYTES).decode()
            answer.release_conn()
            if answer.status != 200:
                return None
            progress = progress_from_json(text)
            # Both moments are the pod's, so clocks that differ between machines do not matter.
            answered_at = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (HTTPError, ValueError, KeyError, UnicodeDecodeError):
            return None
        now = datetime.now(UTC).replace(microsecond=0)
        return Reading(progress=progress, stalled_seconds=max(answered_at - progress.updated_at, 0.0), read_at=now)
