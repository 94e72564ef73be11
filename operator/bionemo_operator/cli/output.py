"""Where the command line writes, and how it looks: results to standard output, complaints to standard error."""

import sys

from rich.console import Console
from rich.text import Text

from bionemo_trainer.errors import BioNeMoError, ConfigError

WIDTH_WITHOUT_TERMINAL = 200
"""Columns of tables that go to a file or a pipe, where no window says how wide it is."""


def console(*, stderr: bool = False) -> Console:
    """A console for this call; colours and width follow the terminal, if there is one."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else WIDTH_WITHOUT_TERMINAL
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width)


def print_error(error: BioNeMoError) -> None:
    """Write an error to standard error, one line per problem."""
    problems = error.problems if isinstance(error, ConfigError) else (error,)
    for problem in problems:
        console(stderr=True).print(Text.assemble(("error: ", "bold red"), str(problem)))
