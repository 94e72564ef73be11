"""Every error ends a process with its code of the contract, and keeps its words on the way to another process."""

import pickle

import pytest

from bionemo_trainer.errors import (
    NOTHING,
    ConfigError,
    DataError,
    MissingInputError,
    NonFiniteError,
    Problem,
    StoppedError,
    StorageError,
)

PROBLEMS = (
    Problem(field="model.num_layers", value=0, rule="must be at least 1", mend="give the number of layers"),
    Problem(field="name", value=NOTHING, rule="is required", mend="add it"),
)
WORDS = "model.num_layers: 0 must be at least 1; give the number of layers.\nname: nothing is required; add it."


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError([]), 64),
        (DataError("torn"), 65),
        (MissingInputError("missing"), 66),
        (NonFiniteError("nan"), 70),
        (StorageError("full"), 74),
        (StoppedError("stopped"), 75),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_has_the_exit_code_of_what_a_caller_does_about_it(error, code):
    assert error.exit_code == code


def test_every_problem_of_a_configuration_is_a_line():
    error = ConfigError(iter(PROBLEMS))
    assert (str(error), error.problems) == (WORDS, PROBLEMS)


def test_a_configuration_error_keeps_its_words_on_the_way_to_another_process():
    arrived = pickle.loads(pickle.dumps(ConfigError(PROBLEMS)))
    assert (str(arrived), arrived.problems[0], arrived.exit_code) == (WORDS, PROBLEMS[0], 64)


def test_other_errors_keep_theirs_too():
    assert str(pickle.loads(pickle.dumps(DataError("x000.csv is torn.")))) == "x000.csv is torn."
