"""BioNeMo's own way: `python -m bionemo_trainer --config-path=… --config-name=… key=value …`.

Trains on all devices of this node; `do_training=False` prepares the data; `--check` judges the configuration and prints it
resolved, without torch. What containers run too.
"""

import os
import sys
from collections.abc import Sequence

import yaml

from bionemo_trainer.config.command_line import parsed
from bionemo_trainer.config.layout import batches_of, layout_of
from bionemo_trainer.config.load import Loaded, to_tree
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.contract import ExitCode
from bionemo_trainer.errors import BioNeMoError
from bionemo_trainer.settings import launch_settings

RANK_MODULE = "bionemo_trainer.training"
"""What the launcher runs on every rank."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code; errors that are a user's to mend go to standard error, a line each."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = parsed(given)
    try:
        loaded = command.load()
        for warning in loaded.warnings:
            sys.stderr.write(f"warning: {warning}\n")
        if command.check:
            return _print_checked(loaded)
        return _train(loaded.config, given) if loaded.config.do_training else _prepare(loaded.config)
    except BioNeMoError as error:
        sys.stderr.write("".join(f"error: {line}\n" for line in str(error).splitlines()))
        return error.exit_code


def _print_checked(loaded: Loaded) -> int:
    config = loaded.config
    sys.stdout.write(f"# {layout_of(config)}; {batches_of(config)}\n")
    sys.stdout.write(yaml.safe_dump(to_tree(config), sort_keys=False, allow_unicode=True))
    return ExitCode.OK


def _train(config: TrainConfig, arguments: Sequence[str]) -> int:
    settings = launch_settings(os.environ, nodes=config.trainer.num_nodes, processes=config.trainer.devices)
    # Torch takes seconds to import; a wrong configuration need not wait for it.
    from bionemo_trainer.launch.launcher import launch  # noqa: PLC0415

    return launch(settings, RANK_MODULE, arguments)


def _prepare(config: TrainConfig) -> int:
    # RDKit and numpy are not needed to judge a configuration.
    from bionemo_trainer.data.preparation.from_config import plan_of  # noqa: PLC0415
    from bionemo_trainer.data.preparation.prepare import prepare, summary  # noqa: PLC0415

    manifest = prepare(plan_of(config), workers=os.cpu_count() or 1)
    sys.stdout.write(f"{summary(manifest)}\n")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
