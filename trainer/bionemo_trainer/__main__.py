"""BioNeMo's own way: `python -m bionemo_trainer --config-path=… --config-name=… key=value …`.

`do_training=False` prepares the data; `--check` judges the configuration and prints it resolved, without torch.
"""

import argparse
import os
import sys
from collections.abc import Sequence

import yaml

from bionemo_trainer.config.command_line import config_file
from bionemo_trainer.config.layout import batches_of, layout_of
from bionemo_trainer.config.load import Loaded, load_file, to_tree
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.contract import ExitCode
from bionemo_trainer.errors import BioNeMoError, ConfigError, Problem


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code; errors that are a user's to mend go to standard error, a line each."""
    options = _parser().parse_intermixed_args(arguments)
    try:
        loaded = load_file(config_file(options.config_path, options.config_name), options.overrides)
        for warning in loaded.warnings:
            sys.stderr.write(f"warning: {warning}\n")
        return _print_checked(loaded) if options.check else _run(loaded.config)
    except BioNeMoError as error:
        sys.stderr.write("".join(f"error: {line}\n" for line in str(error).splitlines()))
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bionemo_trainer", description=__doc__, allow_abbrev=False)
    parser.add_argument("--config-path", "-cp", help="folder of the configuration, here or among the shipped recipes")
    parser.add_argument("--config-name", "-cn", required=True, help="name of the file in it, or of a shipped recipe")
    parser.add_argument("--check", action="store_true", help="only judge the configuration, and print it resolved")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="changes in Hydra's grammar")
    return parser


def _print_checked(loaded: Loaded) -> int:
    config = loaded.config
    sys.stdout.write(f"# {layout_of(config)}; {batches_of(config)}\n")
    sys.stdout.write(yaml.safe_dump(to_tree(config), sort_keys=False, allow_unicode=True))
    return ExitCode.OK


def _run(config: TrainConfig) -> int:
    if config.do_training:
        rule = "asks for a training, and this version prepares data and checks configurations"
        mend = "add ++do_training=False to prepare the data, or --check to judge the configuration"
        raise ConfigError([Problem(field="do_training", value=True, rule=rule, mend=mend)])
    # RDKit and numpy are not needed to judge a configuration.
    from bionemo_trainer.data.preparation.from_config import plan_of  # noqa: PLC0415
    from bionemo_trainer.data.preparation.prepare import prepare, summary  # noqa: PLC0415

    manifest = prepare(plan_of(config), workers=os.cpu_count() or 1)
    sys.stdout.write(f"{summary(manifest)}\n")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
