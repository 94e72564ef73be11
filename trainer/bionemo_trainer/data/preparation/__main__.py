"""`python -m bionemo_trainer.data.preparation --plan FILE --stage STAGE`: what one pod of a preparation does.

A pod of an Indexed Job takes the share of the stage's tasks that its completion index names. Its last words say, as one line
of JSON, how it ended, and what the operator needs to know for the next stage.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bionemo_trainer.contract import STAGES, ExitCode
from bionemo_trainer.data.manifest import read_manifest
from bionemo_trainer.data.preparation.finishing import finished
from bionemo_trainer.data.preparation.plan import PreparationPlan, plan_from_json
from bionemo_trainer.data.preparation.prepare import summary
from bionemo_trainer.data.preparation.stages import Stage, num_tasks, run_share
from bionemo_trainer.errors import BioNeMoError, MissingInputError
from bionemo_trainer.settings import share_settings

_log = logging.getLogger("bionemo_trainer.preparation")
MOST_BYTES = 4096
"""What Kubernetes keeps of a termination message."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the share, leave last words, and return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    options = _parser().parse_args(arguments)
    log = None
    try:
        share, log = share_settings(os.environ)
        stage = Stage(options.stage)
        plan = _plan(options.plan)
        _log.info("stage %s, share %s of %s, for %s", stage, share + 1, options.shares, plan.output)
        num_done = run_share(plan, stage, share, options.shares)
        exit_code, words = ExitCode.OK, {"done": num_done, **_facts(plan, stage)}
    except BioNeMoError as error:
        exit_code, words = error.exit_code, {"message": str(error)[: MOST_BYTES // 4]}
    text = json.dumps({"exitCode": int(exit_code), **words})
    _log.info("%s", words.get("message") or text)
    if log is not None:
        log.write_text(text, encoding="utf-8")
    return exit_code


def _plan(path: Path) -> PreparationPlan:
    try:
        return plan_from_json(path.read_text("utf-8"))
    except OSError as error:
        raise MissingInputError(f"--plan: {path} can't be read ({error.strerror}); name the file of a plan.") from error


def _facts(plan: PreparationPlan, stage: Stage) -> dict[str, object]:
    """What the operator needs after a stage: the number of tasks of the next one, or what the dataset came to."""
    complete = finished(plan)
    if stage is Stage.FINISH:
        facts: dict[str, object] = json.loads(summary(read_manifest(plan.output)))
        return facts
    if complete is not None:
        return {"tasks": 1}
    following = list(Stage)[list(Stage).index(stage) + 1]
    return {"tasks": num_tasks(plan, following)} if not stage.is_shared else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bionemo_trainer.data.preparation", description="One share of one stage of a preparation."
    )
    parser.add_argument("--plan", type=Path, required=True, help="JSON file of the plan")
    parser.add_argument("--stage", choices=STAGES, required=True, help="which stage")
    parser.add_argument("--shares", type=int, default=1, help="into how many shares the stage is cut")
    return parser


if __name__ == "__main__":
    sys.exit(main())
