"""How each rank says why it ended, so that the launcher can tell the cause from its consequences.

torchrun turns every failure into exit code 1. So a rank leaves a small file with its own code and words before it exits; the
launcher reads the files of its node. Needs no torch.
"""

import json
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bionemo_trainer.contract import ExitCode, Progress, progress_to_json
from bionemo_trainer.errors import BioNeMoError, StoppedError

FAILED = 1
"""Python's own code for an error that nobody expected; it may be tried again."""

MOST_BYTES = 4096
"""What Kubernetes keeps of a termination message."""
_CUT = " … (cut)"
_PROGRESS = "progress"
"""File beside the reports of ranks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one rank ended."""

    rank: int
    exit_code: int
    message: str
    """One or more sentences for a person; empty for a success."""
    ended_at: float
    """Seconds since the epoch."""
    step: int | None = None
    """Step that it saved when it was stopped; None otherwise."""


def run_and_report(main: Callable[[], int], *, rank: int, folder: Path | None) -> int:
    """Run a rank's main function and leave a report; the result is the exit code to end with.

    Args:
        main: Returns an exit code or raises; errors of ours carry their code, any other is a failure.
        rank: Global rank, for the report.
        folder: Where reports go; None for nowhere.
    """
    step = None
    try:
        exit_code, message = main(), ""
    except StoppedError as error:
        exit_code, message, step = int(error.exit_code), str(error), error.step
    except BioNeMoError as error:
        exit_code, message = int(error.exit_code), str(error)
    except Exception as error:
        traceback.print_exc()
        exit_code, message = FAILED, f"{type(error).__name__}: {error}"
    if folder is not None:
        report = Report(rank=rank, exit_code=exit_code, message=message, ended_at=time.time(), step=step)
        write_report(folder, report)
    return exit_code


def write_report(folder: Path, report: Report) -> None:
    """Leave a report, whole or not at all."""
    _leave(folder / f"{report.rank}.json", json.dumps(asdict(report)))


def leave_progress(folder: Path, progress: Progress) -> None:
    """Leave how far rank 0 has come at its end, whole or not at all: nobody can ask it any more."""
    _leave(folder / _PROGRESS, progress_to_json(progress))


def read_progress(folder: Path) -> Mapping[str, object] | None:
    """What `leave_progress` has left, as `/progress` would have answered; None on nodes without rank 0, or when it was killed."""
    try:
        progress: Mapping[str, object] = json.loads((folder / _PROGRESS).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return progress


def read_reports(folder: Path) -> tuple[Report, ...]:
    """All reports of a node, the earliest first."""
    reports = (Report(**json.loads(path.read_text("utf-8"))) for path in folder.glob("*.json"))
    return tuple(sorted(reports, key=lambda report: report.ended_at))


def cause_of(reports: Sequence[Report], fallback: Report) -> Report:
    """The report that explains how a node ended.

    The first final failure explains it, since no other attempt would end otherwise; else the first failure of any kind; else a
    stop on request; else, when no rank could report, what the launcher saw itself.
    """
    failed = [report for report in reports if report.exit_code not in (ExitCode.OK, ExitCode.STOPPED)]
    final = [report for report in failed if report.exit_code in set(ExitCode) and ExitCode(report.exit_code).is_final]
    stopped = [report for report in reports if report.exit_code == ExitCode.STOPPED]
    return next(iter([*final, *failed]), None) or (stopped[0] if stopped else fallback)


def termination_message(report: Report, progress: Mapping[str, object] | None = None) -> str:
    """The last words of a container as JSON, at most MOST_BYTES long; a long message loses its end."""
    words: dict[str, object] = {"exitCode": report.exit_code, "rank": report.rank, "message": report.message}
    if report.step is not None:
        words["step"] = report.step
    if progress is not None:
        words["progress"] = progress
    text = json.dumps(words, ensure_ascii=False)
    excess = len(text.encode()) - MOST_BYTES
    if excess > 0:
        kept = report.message.encode()[: -(2 * excess + len(_CUT.encode()))].decode(errors="ignore")
        text = json.dumps({**words, "message": f"{kept}{_CUT}"}, ensure_ascii=False)
    return text


def _leave(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    unfinished = path.with_suffix(".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
