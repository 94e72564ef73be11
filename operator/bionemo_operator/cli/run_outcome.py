"""What a training came to, in words: its losses and molecules, where it can go on, or why it failed."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bionemo_operator.cli.follow import Ended
from bionemo_operator.cli.local_training import checkpoints_by_step
from bionemo_trainer.contract import ExitCode
from bionemo_trainer.run_folder import Record, RunFolder, read_records

MOLECULES_SHOWN = 8
LOG_LINES_SHOWN = 20
LOG_COLUMNS_SHOWN = 160
"""Frameworks write whole configurations into one line."""
TRAIN_LOSS = "reduced_train_loss"
VALIDATION_LOSS = "val_loss"


def print_success(out: Console, name: str, folder: RunFolder, *, was_complete: bool) -> None:
    """Say what a finished training has learnt, and how to see more.

    Args:
        out: Where to say it.
        name: Of the training.
        folder: Of its results.
        was_complete: Whether it had finished before, so that nothing was done now.
    """
    records = list(read_records(folder.metrics))
    step = max((_number(record, "step") for record in records), default=0.0)
    done = "had already finished" if was_complete else "finished"
    losses = ", ".join(_losses(records))
    out.print(Text(f"{name}: {done} at step {step:.0f}{': ' if losses else ''}{losses}", "bold green"))
    for record in list(read_records(folder.reconstructions))[:MOLECULES_SHOWN]:
        out.print(_reconstruction(record))
    out.print(Text(f"  results    {folder.path}"))
    out.print(Text(f"  more       {shlex.join(['bionemo', 'report', str(folder.path)])}"))


def print_stopped(out: Console, name: str, folder: RunFolder, ended: Ended, command: str) -> None:
    """Say where a stopped training stands, and how to go on.

    Args:
        out: Where to say it.
        name: Of the training.
        folder: Of its results.
        ended: How it ended.
        command: What goes on from there.
    """
    known = ended.progress.checkpoint if ended.progress else None
    step = max([*checkpoints_by_step(folder), known.step if known else 0])
    saved = "saved and stopped" if ended.exit_code == ExitCode.STOPPED else "stopped before it could save"
    where = f"the same command goes on from step {step}" if step else "the same command begins anew"
    out.print(Text(f"{name}: {saved}; {where}:", "bold yellow"))
    out.print(Text(f"  {command}"))


def print_failure(out: Console, name: str, ended: Ended, log: Path, words: Path) -> None:
    """Say why a training failed: its last words, and the end of its log.

    Args:
        out: Where to say it.
        name: Of the training.
        ended: How it ended.
        log: Of the node that tells why.
        words: Where its launcher left the last words.
    """
    out.print(Text(f"{name}: failed with exit code {ended.exit_code}{_meaning(ended.exit_code)}", "bold red"))
    for line in _last_lines(log):
        out.print(Text(f"  │ {line}", "dim"))
    out.print(Text(f"  log        {log}"))
    for line in _message(words).splitlines():
        out.print(Text(f"  error      {line}", "red"))


def _losses(records: list[Record]) -> Iterator[str]:
    for label, key in (("training loss", TRAIN_LOSS), ("validation loss", VALIDATION_LOSS)):
        values = [_number(record, key) for record in records if key in record]
        if values:
            yield f"{label} {values[0]:.3f} -> {values[-1]:.3f}" if len(values) > 1 else f"{label} {values[0]:.3f}"


def _number(record: Record, key: str) -> float:
    value = record.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _reconstruction(record: Mapping[str, object]) -> Text:
    """Not as markup: SMILES have brackets."""
    # RDKit is there wherever molecules are trained on; nothing else that this module tells needs it.
    from bionemo_trainer.data.drawing import is_same  # noqa: PLC0415

    is_right = is_same(str(record.get("output")), str(record.get("target")))
    mark = Text("  ✓ ", "green") if is_right else Text("  ✗ ", "red")
    rest = "" if is_right else f"   (wanted {record.get('target')})"
    return mark + Text(f"{record.get('input')}  ->  {record.get('output')}{rest}")


def _meaning(exit_code: int) -> str:
    """The name of a code of the contract, in brackets."""
    return f" ({ExitCode(exit_code).name.lower().replace('_', ' ')})" if exit_code in set(ExitCode) else ""


def _last_lines(log: Path) -> list[str]:
    if not log.exists():
        return []
    lines = log.read_text("utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    return [line if len(line) <= LOG_COLUMNS_SHOWN else f"{line[:LOG_COLUMNS_SHOWN]} …" for line in lines]


def _message(words: Path) -> str:
    """Of the termination message; empty when the launcher could not write one."""
    try:
        return str(json.loads(words.read_text("utf-8"))["message"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""
