"""The `bionemo` command, also found as `kubectl bionemo`. Each command imports what it needs when it runs."""

import sys


def main() -> None:
    """Run the command line; errors that are a user's to mend end with their own exit code and no traceback."""
    from bionemo_operator.cli.app import app  # noqa: PLC0415 - keeps `import bionemo_operator.cli` free of typer
    from bionemo_operator.cli.output import print_error  # noqa: PLC0415
    from bionemo_trainer.errors import BioNeMoError  # noqa: PLC0415

    try:
        app()
    except BioNeMoError as error:
        print_error(error)
        sys.exit(error.exit_code)
