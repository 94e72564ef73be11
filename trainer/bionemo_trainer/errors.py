"""Everything the trainer raises for its users, as a short tree that matches what a caller does about it.

BioNeMoError
  ConfigError        mend the configuration (exit 64); carries every problem found, not the first
  DataError          mend or prepare the data again (exit 65)
  MissingInputError  bring the missing file (exit 66)
  NonFiniteError     look at data, learning rate or precision; the same run would end the same way (exit 70)
  StorageError       try again later (exit 74)
  StoppedError       start the same run again, it goes on (exit 75)
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bionemo_trainer.contract import ExitCode


class _Nothing:
    """What stands as the value of a problem when nothing was given."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with an input, said so that its reader can mend it alone.

    `str(Problem(field="model.num_layers", value=0, rule="must be at least 1", mend="give the number of layers"))` is
    `model.num_layers: 0 must be at least 1; give the number of layers.`
    """

    field: str
    """The path a user would search for: a configuration key, a CR field, or a file and line."""
    value: object
    """What was given there, shown with repr; NOTHING where a value is missing."""
    rule: str
    """What is allowed, as a predicate of the value."""
    mend: str
    """What to do next, as an imperative."""

    def __str__(self) -> str:
        return f"{self.field}: {self.value!r} {self.rule}; {self.mend}."


class BioNeMoError(Exception):
    """Root of all errors that are a user's to act on."""

    exit_code: ExitCode


class ConfigError(BioNeMoError):
    """One or more problems in a configuration or a resource; nothing was started."""

    exit_code = ExitCode.CONFIG

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type["ConfigError"], tuple[tuple[Problem, ...]]]:
        """Made again from its problems, not from its text, where it travels to another process."""
        return type(self), (self.problems,)


class DataError(BioNeMoError):
    """Data that is present but can't be used."""

    exit_code = ExitCode.DATA


class MissingInputError(BioNeMoError):
    """A file or folder that should be there and is not."""

    exit_code = ExitCode.NO_INPUT


class StorageError(BioNeMoError):
    """Reading or writing failed for a reason that may pass."""

    exit_code = ExitCode.STORAGE


class NonFiniteError(BioNeMoError):
    """The loss or the gradient stopped being a number; nothing was saved after that step."""

    exit_code = ExitCode.NON_FINITE


class StoppedError(BioNeMoError):
    """Stopped on request, with a checkpoint saved."""

    exit_code = ExitCode.STOPPED

    def __init__(self, message: str, step: int | None = None) -> None:
        self.step = step
        """Step that the checkpoint holds."""
        super().__init__(message)
