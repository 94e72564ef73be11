"""Downloads over HTTP that outlast a flaky network: called by the stages `list` and `fetch`.

It judges no content. What an address answers is written as it comes, without undoing a compression.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import BinaryIO

import urllib3
from urllib3.exceptions import HTTPError

from bionemo_trainer.errors import MissingInputError, StorageError

PAUSES_SECONDS = (1, 2, 4, 8, 16)
"""Waits between six attempts: a rebooting server is outlasted, a dead one is reported within minutes."""
TIMEOUT = urllib3.Timeout(connect=15, read=60)
"""In seconds; the second is for each piece, not for the whole file."""
REDIRECTS = urllib3.Retry(connect=0, read=0, status=0, other=0, redirect=5)
"""urllib3 follows redirects; repeating is done here, because it can't repeat what breaks in the middle of a file."""
GONE = frozenset({404, 410})
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that another attempt may improve."""
PIECE_BYTES = 1 << 20


def download(url: str, file: BinaryIO, pauses_seconds: Sequence[float] = PAUSES_SECONDS) -> bool:
    """Writes what an address answers.

    Args:
        url: The address.
        file: Where to; it is emptied before each attempt.
        pauses_seconds: How long to wait before each attempt but the first.

    Returns:
        Whether there is such a file: false for the answers 404 and 410.

    Raises:
        MissingInputError: The server refuses, and would again.
        StorageError: The last attempt failed, too.
    """
    with urllib3.PoolManager(timeout=TIMEOUT, retries=REDIRECTS) as client:
        for pause_seconds in (0, *pauses_seconds):
            time.sleep(pause_seconds)
            found, fault = _attempt(client, url, file)
            if found is not None:
                return found
    raise StorageError(
        f"{url}: can't be downloaded in {len(pauses_seconds) + 1} attempts, the last one says {fault}; "
        "start again when the server is well, finished downloads are kept."
    )


def _attempt(client: urllib3.PoolManager, url: str, file: BinaryIO) -> tuple[bool | None, str]:
    """Whether the file exists, or None and why this attempt could not tell."""
    file.seek(0)
    file.truncate()
    try:
        with closing(client.request("GET", url, preload_content=False)) as answer:
            if answer.status == 200:
                for piece in answer.stream(PIECE_BYTES, decode_content=False):
                    file.write(piece)
                return True, ""
    except HTTPError as error:
        return None, repr(str(error))
    if answer.status in PASSING:
        return None, f"status {answer.status}"
    if answer.status in GONE:
        return False, ""
    raise MissingInputError(
        f"{url}: the server answers with status {answer.status}; mend the address or ask for access."
    )
