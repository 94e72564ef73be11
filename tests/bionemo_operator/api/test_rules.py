import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_operator.api import parse_resource
from bionemo_operator.api.rules import (
    NAME_LIMIT,
    PREPROCESS_FREEZES,
    PREPROCESS_RULES,
    TRAINING_FREEZES,
    TRAINING_RULES,
)
from bionemo_operator.api.training_parts import MAX_NODES
from bionemo_trainer.errors import ConfigError
from testkit.documents import expectation_of, golden_files, training_document

SHOWN_REFUSALS = {(said["field"], said["message"]) for said in map(expectation_of, golden_files("refused"))}
SHOWN_CHANGES = {(said["field"], said["message"]) for said in map(expectation_of, golden_files("refused_changes"))}
SMALL = st.integers(1, 16)


def is_accepted(document):
    try:
        return parse_resource(document) is not None
    except ConfigError:
        return False


@pytest.mark.parametrize("rule", [*TRAINING_RULES, *PREPROCESS_RULES], ids=lambda rule: f"{rule.path} {rule.rule[:40]}")
def test_every_rule_is_shown_by_a_refused_resource(rule):
    assert (rule.path, rule.message) in SHOWN_REFUSALS


@pytest.mark.parametrize("freeze", [*TRAINING_FREEZES, *PREPROCESS_FREEZES], ids=lambda freeze: freeze.path)
def test_every_frozen_field_is_shown_by_a_refused_change(freeze):
    assert (freeze.path, freeze.message) in SHOWN_CHANGES


@pytest.mark.parametrize(
    "derived",
    [
        pytest.param(f"{'a' * NAME_LIMIT}-99999-worker-{MAX_NODES - 1}", id="pod of a training"),
        pytest.param(f"{'a' * NAME_LIMIT}-{'s' * 10}-99999", id="pod's host name of a preprocess"),
    ],
)
def test_the_longest_name_leaves_room_for_what_is_appended(derived):
    assert len(derived) == 63


@given(nodes=SMALL, gpus=st.integers(0, 8), tensor=SMALL, pipeline=SMALL)
def test_a_layout_is_accepted_exactly_when_it_divides_all_processes(nodes, gpus, tensor, pipeline):
    document = training_document(nodes=nodes, gpusPerNode=gpus, parallelism={"tensor": tensor, "pipeline": pipeline})

    assert is_accepted(document) == (nodes * max(gpus, 1) % (tensor * pipeline) == 0)
