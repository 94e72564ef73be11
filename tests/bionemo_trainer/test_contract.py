"""Exit codes are those of sysexits, and say whether the same run would fail again."""

import pytest

from bionemo_trainer.contract import ExitCode


@pytest.mark.parametrize(
    ("code", "is_final"),
    [
        (ExitCode.OK, False),
        (ExitCode.CONFIG, True),
        (ExitCode.DATA, True),
        (ExitCode.NO_INPUT, True),
        (ExitCode.NON_FINITE, True),
        (ExitCode.STORAGE, False),
        (ExitCode.STOPPED, False),
    ],
    ids=str,
)
def test_64_to_70_are_final(code, is_final):
    assert code.is_final == is_final
