import pytest

from bionemo_operator.api.parse import MODELS
from bionemo_operator.api.rule import Freeze, Rule, broken_rules, joined, refused_changes, value_at
from testkit.documents import documents_in, expectation_of, golden_files, preprocess_document, training_document

FEWER = Rule(
    at="spec",
    field="few",
    reads=("few", "many.most"),
    cel="self.few <= self.many.most",
    holds=lambda few, most: few <= most,
    rule="must not exceed many.most",
    mend="lower it",
)
STARTED = {"startTime": "2026-11-24T08:00:00Z"}


def changed(new, old):
    return refused_changes(new, old, MODELS[new["kind"]].freezes)


def test_a_broken_rule_names_field_value_rule_and_mend():
    (problem,) = broken_rules({"spec": {"few": 3, "many": {"most": 2}}}, [FEWER])

    assert str(problem) == "spec.few: 3 must not exceed many.most; lower it."


@pytest.mark.parametrize(
    "malformed",
    [
        pytest.param("spec.few", id="the field itself"),
        pytest.param("spec.many", id="a group around it"),
        pytest.param("spec.many.most[0]", id="an item in it"),
        pytest.param("", id="the whole document"),
    ],
)
def test_a_rule_sleeps_while_what_it_reads_is_malformed(malformed):
    assert broken_rules({"spec": {"few": 3, "many": {"most": 2}}}, [FEWER], [malformed]) == ()


def test_a_rule_is_awake_when_something_else_is_malformed():
    assert len(broken_rules({"spec": {"few": 3, "many": {"most": 2}}}, [FEWER], ["spec.fewer", "spec.many.least"])) == 1


def test_a_rule_sleeps_while_its_node_is_absent():
    assert broken_rules({"metadata": {}}, [FEWER]) == ()


@pytest.mark.parametrize("path", golden_files("refused_changes"), ids=lambda path: path.stem)
def test_a_change_of_what_is_frozen_is_refused(path):
    old, new = documents_in(path)
    expected = expectation_of(path)

    (problem,) = changed(new, old)

    assert (problem.field, f"{problem.rule}; {problem.mend}.") == (expected["field"], expected["message"])


def test_everything_may_change_before_work_has_started():
    assert changed(training_document(recipe="protein/esm1nv/base"), training_document() | {"status": {}}) == ()


def test_what_steers_a_running_training_may_change():
    old = training_document() | {"status": STARTED}
    new = training_document(nodes=2, suspend=True, overrides=["trainer.max_steps=9"], checkpoint={"keep": 9})

    assert changed(new, old) == ()


def test_a_new_output_sets_the_source_free():
    old = preprocess_document() | {"status": STARTED}
    new = preprocess_document(source={"linksFile": "/l.txt"}, output={"claim": {"name": "data"}, "path": "other"})

    assert changed(new, old) == ()


def test_a_freeze_says_in_cel_that_the_field_is_the_same_or_work_has_not_started():
    assert Freeze(path="spec.a", mend="").cel == (
        "!has(oldSelf.status) || !has(oldSelf.status.startTime) || "
        "(has(self.spec.a) == has(oldSelf.spec.a) && (!has(self.spec.a) || self.spec.a == oldSelf.spec.a))"
    )


@pytest.mark.parametrize(
    ("parent", "child", "path"),
    [
        pytest.param("spec", "nodes", "spec.nodes", id="both"),
        pytest.param("", "spec", "spec", id="at the root"),
        pytest.param("spec", "", "spec", id="the node itself"),
    ],
)
def test_paths_join(parent, child, path):
    assert joined(parent, child) == path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("", {"a": {"b": 1}}, id="the document"),
        pytest.param("a.b", 1, id="a field"),
        pytest.param("a.c", None, id="an absent field"),
        pytest.param("a.b.c", None, id="below a number"),
    ],
)
def test_a_value_is_found_by_its_path(path, value):
    assert value_at({"a": {"b": 1}}, path) == value
