"""`python -m bionemo_trainer.launch MODULE [ARGUMENTS…]`: run a module on all ranks of this node."""

import os
import sys

from bionemo_trainer.errors import BioNeMoError
from bionemo_trainer.settings import launch_settings


def main(arguments: list[str]) -> int:
    """Read the settings, launch, and return the exit code."""
    try:
        settings = launch_settings(os.environ)
    except BioNeMoError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    from bionemo_trainer.launch.launcher import launch  # noqa: PLC0415 - torch takes seconds; wrong settings need not wait

    return launch(settings, arguments[0], arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
