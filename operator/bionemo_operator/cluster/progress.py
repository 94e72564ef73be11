"""Asks rank 0 of a training how far it is. What can't be reached is unknown, never a hang.

A plain exchange over a socket: libraries bound each read, so that a pod which sends a byte now and then would hold a worker.
"""

import socket
import time
from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import parsedate_to_datetime

from bionemo_operator.planning.observed import Reading
from bionemo_trainer.contract import progress_from_json

MOST_BYTES = 65536
"""Of an answer; ours have a few hundred."""
_OK = b" 200 "


class ProgressReader:
    """Reads `/progress`; many threads at once."""

    def __init__(self, port: int, timeout_seconds: float) -> None:
        self._port = port
        self._timeout_seconds = timeout_seconds

    def read(self, address: str) -> Reading | None:
        """What the pod at an address answers in time; None when it does not, or not as our trainer would."""
        try:
            head, _, body = self._exchange(address).partition(b"\r\n\r\n")
            first, _, fields = head.partition(b"\r\n")
            if _OK not in first + b" ":
                return None
            progress = progress_from_json(body.decode())
            # Both moments are the pod's, so clocks that differ between machines do not matter.
            answered_at = parsedate_to_datetime(message_from_bytes(fields)["Date"]).timestamp()
        except (OSError, ValueError):
            return None
        now = datetime.now(UTC).replace(microsecond=0)
        return Reading(progress=progress, stalled_seconds=max(answered_at - progress.updated_at, 0.0), read_at=now)

    def _exchange(self, address: str) -> bytes:
        """Everything that is answered until the connection is closed.

        Raises:
            OSError: There is no end of it within the time, or the connection fails.
            ValueError: It is too much.
        """
        deadline = time.monotonic() + self._timeout_seconds
        with socket.create_connection((address, self._port), timeout=self._timeout_seconds) as connection:
            connection.sendall(f"GET /progress HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while len(answer) <= MOST_BYTES:
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
                piece = connection.recv(MOST_BYTES)
                if not piece:
                    return answer
                answer += piece
        raise ValueError(f"an answer of more than {MOST_BYTES} bytes")
