"""kubectl as a function, the one way in which tests talk to a cluster; it works alike against their own and any other."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

type Document = Mapping[str, Any]
"""A Kubernetes object in wire form."""

FIELD_MANAGER = "bionemo-tests"


class KubectlError(Exception):
    """kubectl failed: the request was refused or there was no answer."""

    def __init__(self, arguments: Sequence[str], said: str) -> None:
        super().__init__(f"kubectl {' '.join(arguments)}: {said}")
        self.said = said
        """What kubectl wrote to standard error: the API server's words after a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """kubectl with a cluster to talk to; called with its arguments, it returns what it prints."""

    program: Path | str = "kubectl"
    """The program; on PATH by default."""
    kubeconfig: Path
    """Cluster and credentials."""
    cache: Path
    """A folder for what it learns of the API, of this cluster alone."""

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Runs a command.

        Raises:
            KubectlError: It failed.
        """
        command = self._command(arguments)
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode != 0:
            raise KubectlError(arguments, done.stderr.strip())
        return done.stdout

    @contextlib.contextmanager
    def running(self, *arguments: str, folder: Path) -> Iterator[Path]:
        """Runs a command that does not end by itself until the block is left.

        Args:
            arguments: Of the command.
            folder: For the file of what it says, which is yielded.
        """
        with tempfile.NamedTemporaryFile("wb", prefix=f"{arguments[0]}-", dir=folder, delete=False) as said:
            process = subprocess.Popen(self._command(arguments), stdin=subprocess.DEVNULL, stdout=said)
        try:
            yield Path(said.name)
        finally:
            process.terminate()
            process.wait(timeout=30)

    def apply(self, document: Document, *arguments: str) -> dict[str, Any]:
        """Applies an object on the server's side and returns it as stored.

        Raises:
            KubectlError: The API server refused it.
        """
        return self._sent("apply", document, "--server-side", f"--field-manager={FIELD_MANAGER}", *arguments)

    def create(self, document: Document, *arguments: str) -> dict[str, Any]:
        """Creates an object and returns it as stored.

        Raises:
            KubectlError: The API server refused it.
        """
        return self._sent("create", document, f"--field-manager={FIELD_MANAGER}", *arguments)

    def get(self, *arguments: str) -> dict[str, Any]:
        """Reads one object, or a list with its `items`.

        Raises:
            KubectlError: There is none of that name.
        """
        return _parsed(self("get", *arguments, "--output=json"))

    def set_status(self, kind: str, name: str, status: Document, *arguments: str) -> dict[str, Any]:
        """Merges fields into an object's status and returns the object; lists are replaced.

        Raises:
            KubectlError: The API server refused them.
        """
        patch = f"--patch={json.dumps({'status': status})}"
        return _parsed(
            self("patch", kind, name, "--subresource=status", "--type=merge", patch, "--output=json", *arguments)
        )

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [str(self.program), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.cache}", *arguments]

    def _sent(self, verb: str, document: Document, *arguments: str) -> dict[str, Any]:
        return _parsed(self(verb, "--filename=-", "--output=json", *arguments, stdin=json.dumps(document)))


def _parsed(text: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(text)
    return parsed
