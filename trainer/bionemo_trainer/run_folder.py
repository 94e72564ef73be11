"""The files of one run, as NeMo's experiment manager lays them out, with ours beside them.

Written by training, read by `bionemo run` and `bionemo report`. Needs nothing but the standard library.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

type Record = Mapping[str, object]
"""One line of a JSON-lines file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """Where each file of a run is."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Folder of the committed checkpoints, one folder each."""
        return self.path / "checkpoints"

    @property
    def newest_attempt(self) -> Path:
        """The number of the attempt that may save, in decimals."""
        return self.checkpoints / "attempt"

    @property
    def records(self) -> Path:
        """Folder of the files below; the experiment manager moves plain files of `path` aside at every start."""
        return self.path / "records"

    @property
    def compiled(self) -> Path:
        """Folder of what was compiled for GPUs: it lets later attempts start sooner, and may be deleted between them."""
        return self.path / "compiled"

    @property
    def config(self) -> Path:
        """The configuration, complete and resolved, as YAML that trains again."""
        return self.records / "config.yaml"

    @property
    def run(self) -> Path:
        """What run this is: `{"recipe": str | null, "family": str, "versions": {...}, "layout": str, "started_at": seconds}`.

        Written anew by every attempt, but for the time, which is the first one's.
        """
        return self.records / "run.json"

    @property
    def metrics(self) -> Path:
        """One line per log: `{"time": seconds, "step": int, "consumed_samples": int, NAME: number, ...}`.

        A run that went on from an earlier step repeats steps; the last line of a step counts.
        """
        return self.records / "metrics.jsonl"

    @property
    def reconstructions(self) -> Path:
        """Molecules of the newest validation, one a line: `{"step", "input", "target", "output"}`, all texts but step."""
        return self.records / "reconstructions.jsonl"

    @property
    def residues(self) -> Path:
        """What the newest validation of proteins found, a line per residue: `{"step", "residue", "correct", "total", "loss"}`.

        The loss is the mean over its places, in nats.
        """
        return self.records / "residues.jsonl"

    @property
    def report(self) -> Path:
        """The page that `bionemo report` makes of all this."""
        return self.records / "report.html"


def read_records(path: Path) -> Iterator[Record]:
    """The lines of a file that are whole; none if there is no file. A last line may be cut off while it is written."""
    if not path.exists():
        return
    for line in path.read_text("utf-8").splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict):
            yield record
