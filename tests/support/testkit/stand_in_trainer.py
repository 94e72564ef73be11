"""What `bionemo run` starts in tests in place of the trainer: a real process that keeps the contract, and learns nothing.

STAND_IN says how it behaves. It is one node of a run, launcher and ranks in one.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import NoReturn

import yaml

from bionemo_trainer import settings
from bionemo_trainer.contract import ExitCode, Progress, SavedCheckpoint, progress_to_json
from bionemo_trainer.run_folder import RunFolder

BEHAVIOUR = "STAND_IN"
MAX_STEPS = 4
RECONSTRUCTIONS = (
    {"step": 4, "input": "C[C@@H]<MASK>", "target": "C[C@@H](N)C", "output": "C[C@@H](N)C"},
    {"step": 4, "input": "OC<MASK>", "target": "CCO", "output": "CCN"},
)


def main() -> int:
    """Behave as the environment says."""
    parser = argparse.ArgumentParser()
    for name in ("--config-path", "--config-name", "--recipe"):
        parser.add_argument(name)
    options = parser.parse_args()
    config = yaml.safe_load(Path(options.config_path, f"{options.config_name}.yaml").read_text("utf-8"))
    folder = RunFolder(path=Path(config["exp_manager"]["explicit_log_dir"]))
    is_first = os.environ[settings.NODE_RANK] == "0"
    behaviour = os.environ[BEHAVIOUR]
    if behaviour == "finish":
        return finish(folder) if is_first else 0
    if behaviour == "fail":
        return fail() if os.environ[settings.NODE_RANK] == str(int(os.environ[settings.NODES]) - 1) else sleep()
    return stop_when_asked(folder) if behaviour == "stop" else ignore_everything(folder)


def finish(folder: RunFolder) -> int:
    """Train to the end, unless that was done before."""
    if folder.metrics.exists():
        return ExitCode.OK
    serve("Stepping", step=2)
    folder.records.mkdir(parents=True)
    lines = (
        {"step": 2, "reduced_train_loss": 3.5},
        {"step": MAX_STEPS, "reduced_train_loss": 1.25},
        {"step": MAX_STEPS, "val_loss": 1.5},
    )
    folder.metrics.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    folder.reconstructions.write_text("".join(f"{json.dumps(line)}\n" for line in RECONSTRUCTIONS), "utf-8")
    share = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", settings.ATTEMPT)}
    (folder.path / "share.json").write_text(json.dumps(share), "utf-8")
    time.sleep(1.0)
    return ExitCode.OK


def fail() -> int:
    """Write a long log and end for a reason."""
    for number in range(30):
        sys.stdout.write(f"line {number}\n")
    return last_words(ExitCode.NON_FINITE, "the loss of step 3 is not finite.")


def stop_when_asked(folder: RunFolder) -> int:
    """Train until SIGTERM, then save and end."""
    asked: list[int] = []

    def hear(_signal: int, _frame: FrameType | None) -> None:
        asked.append(1)

    signal.signal(signal.SIGTERM, hear)
    serve("Stepping", step=3, saved_step=2)
    (folder.checkpoints / "a.ckpt").mkdir(parents=True)
    (folder.checkpoints / "a.ckpt" / "manifest.json").write_text('{"step": 2}', "utf-8")
    (folder.path / "ready").touch()
    while not asked:
        time.sleep(0.05)
    time.sleep(0.5)
    (folder.path / "asked").write_text(str(len(asked)), "utf-8")
    return last_words(ExitCode.STOPPED, "stopped on request at step 3; its checkpoint is saved.")


def ignore_everything(folder: RunFolder) -> int:
    """Never end, and have a child in a session of its own that does not either."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = f"import signal, time; signal.signal({int(signal.SIGTERM)}, signal.SIG_IGN); time.sleep(120)"
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    (folder.path / "child").write_text(str(child.pid), "utf-8")
    (folder.path / "ready").touch()
    return sleep()


def sleep() -> NoReturn:
    """Wait to be ended."""
    while True:
        time.sleep(60)


def serve(phase: str, step: int, saved_step: int | None = None) -> None:
    """Answer `/progress` from now on, if this is the node that does."""
    if os.environ[settings.NODE_RANK] != "0":
        return
    saved = None
    if saved_step:
        saved = SavedCheckpoint(step=saved_step, path="checkpoints/a.ckpt", size_bytes=10, saved_at=0.0)
    progress = Progress(
        phase=phase,  # type: ignore[arg-type]  # a Phase
        attempt=int(os.environ[settings.ATTEMPT]),
        step=step,
        max_steps=MAX_STEPS,
        consumed_samples=step * 8,
        train_loss=2.5,
        updated_at=0.0,
        checkpoint=saved,
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(progress_to_json(progress).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ[settings.METRICS_PORT])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def last_words(exit_code: ExitCode, message: str) -> int:
    """Leave the termination message."""
    words = {"exitCode": exit_code, "rank": 0, "message": message}
    Path(os.environ[settings.TERMINATION_LOG]).write_text(json.dumps(words), "utf-8")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
