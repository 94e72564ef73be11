"""Everything that became of objects while a test ran: each state that a watch was told of, also of those that are gone."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from testkit.cluster_kubectl import Kubectl

type States = list[dict[str, Any]]
"""In the order in which they were seen."""


@contextlib.contextmanager
def history_of(kubectl: Kubectl, namespace: str, kind: str, folder: Path) -> Iterator[Callable[[], States]]:
    """Watches until the block is left; yields what asks for the states so far.

    Args:
        kubectl: Access to the cluster.
        namespace: Of the objects.
        kind: Such as `jobs`.
        folder: For what was seen.
    """
    arguments = ("get", kind, f"--namespace={namespace}", "--watch", "--output=json")
    with kubectl.running(*arguments, folder=folder) as said:
        yield lambda: _documents(said.read_text(encoding="utf-8"))


def _documents(text: str) -> States:
    """The complete ones of documents that follow each other; the last one may be being written."""
    decoder, found, position = json.JSONDecoder(), [], 0
    with contextlib.suppress(json.JSONDecodeError):
        while position < len(text):
            document, end = decoder.raw_decode(text, position)
            found.append(document)
            position = end + len(text[end:]) - len(text[end:].lstrip())
    return found
