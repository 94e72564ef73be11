"""What the operator and the trainer promise each other: exit codes, later environment and ports.

Imported by both sides, so it needs nothing but the standard library.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a process of ours ends; the numbers are those of BSD's sysexits.h, so that shells and logs know them.

    64 to 70 are final: the same run would fail again. Everything else may be tried again within the recovery budget.
    """

    OK = 0
    CONFIG = 64
    """The configuration is wrong; the message lists every problem."""
    DATA = 65
    """The data is there but can't be used: malformed, incomplete or made for another tokenizer."""
    NO_INPUT = 66
    """An input file or folder is missing."""
    NON_FINITE = 70
    """The loss or a gradient was not finite; nothing was saved after that step."""
    STORAGE = 74
    """Reading or writing storage failed; the same run may succeed later."""
    STOPPED = 75
    """Stopped on request with a checkpoint saved; start again to go on."""

    @property
    def is_final(self) -> bool:
        """Whether the same run would end the same way again."""
        return ExitCode.CONFIG <= self <= ExitCode.NON_FINITE
