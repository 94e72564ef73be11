"""Runs to be reported on."""

import pytest

from bionemo_operator.report.run_record import read_run
from testkit.runs import write_lines, write_run


@pytest.fixture
def read(tmp_path):
    """The record of a run that logged some lines."""

    def read_it(*metrics, overrides=(), **described):
        folder = write_run(tmp_path / "mine", *overrides, **described)
        write_lines(folder.metrics, *metrics)
        return read_run(folder.path)

    return read_it
