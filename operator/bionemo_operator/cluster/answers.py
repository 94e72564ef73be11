"""What the API server's answers say: bodies, failures, and the lines of a stream. Used by `client`."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import urllib3

from bionemo_operator.errors import ClusterError, UnavailableError, cluster_error


def document_of(request: str, answer: urllib3.BaseHTTPResponse, text: bytes) -> Mapping[str, Any]:
    """The JSON document of an answer, or of a line of it.

    Raises:
        UnavailableError: It is none: something between us and the API server has answered, or cut the answer off.
    """
    try:
        found: Mapping[str, Any] = json.loads(text)
    except ValueError:
        raise UnavailableError(request, answer.status, f"the answer is no JSON: {text[:100]!r}") from None
    return found


def failure_of(request: str, answer: urllib3.BaseHTTPResponse) -> ClusterError:
    """The error that an answer means."""
    text = answer.data.decode(errors="replace")
    try:
        message = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        message = text[:500]
    after = answer.headers.get("Retry-After", "")
    return cluster_error(request, answer.status, message, float(after) if after.isdecimal() else None)


def lines_of(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """Whole lines of a stream, each as soon as it is there."""
    pending = b""
    for piece in answer.stream(amt=None):
        *whole, pending = (pending + piece).split(b"\n")
        yield from (line for line in whole if line)
