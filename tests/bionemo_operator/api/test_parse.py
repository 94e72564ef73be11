from datetime import UTC, date, datetime
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_operator.api import BioNeMoPreprocess, BioNeMoTraining, parse_resource
from bionemo_trainer.errors import ConfigError
from testkit.documents import documents_in, expectation_of, golden_files, preprocess_document, training_document

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["nodes", "parallelism", "overrides", "dataset", "recovery", "template", "source", "split", "bogus"]
)
KINDS = st.sampled_from([training_document, preprocess_document])


def said_of(document):
    with pytest.raises(ConfigError) as caught:
        parse_resource(document)
    return str(caught.value)


def problems_of(document):
    try:
        parse_resource(document)
    except ConfigError as refusal:
        return refusal.problems
    return ()


@pytest.mark.parametrize("path", golden_files("accepted"), ids=lambda path: path.stem)
def test_an_accepted_resource_parses_to_its_kind(path):
    (document,) = documents_in(path)

    assert parse_resource(document).kind == document["kind"]


@pytest.mark.parametrize("path", golden_files("refused"), ids=lambda path: path.stem)
def test_a_refused_resource_has_exactly_the_problem_that_its_comments_name(path):
    (document,) = documents_in(path)
    expected = expectation_of(path)

    with pytest.raises(ConfigError) as caught:
        parse_resource(document)

    assert [problem.field for problem in caught.value.problems] == [expected["field"]]
    assert [f"{problem.rule}; {problem.mend}." for problem in caught.value.problems] == [expected["message"]]


def test_parsing_fills_in_defaults():
    training = parse_resource(training_document())

    assert isinstance(training, BioNeMoTraining)
    assert (training.spec.precision, training.spec.checkpoint.keep) == ("bf16-mixed", 3)
    assert (training.spec.recovery.max_restarts, training.spec.template.shared_memory) == (20, "8Gi")


def test_a_null_counts_as_left_out():
    training = parse_resource(training_document(nodes=None, queue=None, parallelism={"tensor": None}))

    assert isinstance(training, BioNeMoTraining)
    assert (training.spec.nodes, training.spec.queue, training.spec.parallelism.tensor) == (1, None, 1)


def test_numbers_are_taken_where_an_amount_or_a_column_may_be_one():
    preprocess = parse_resource(preprocess_document(column=1, template={"resources": {"requests": {"cpu": 2}}}))

    assert isinstance(preprocess, BioNeMoPreprocess)
    assert preprocess.spec.column == "1"
    assert preprocess.spec.template.resources.requests == {"cpu": "2"}


def test_metadata_that_kubernetes_adds_is_ignored():
    document = training_document()
    document["metadata"] |= {"uid": "c0ffee", "managedFields": [{}], "creationTimestamp": "2026-11-24T08:00:00Z"}

    metadata = parse_resource(document).metadata

    assert (metadata.uid, metadata.creation_timestamp) == ("c0ffee", datetime(2026, 11, 24, 8, tzinfo=UTC))


def test_status_fields_of_a_newer_operator_are_ignored():
    document = training_document() | {"status": {"observedGeneration": 3, "mood": "good"}}

    status = parse_resource(document).status

    assert status is not None
    assert status.observed_generation == 3


def test_a_date_that_yaml_made_counts_as_the_text_that_was_written():
    training = parse_resource(training_document(template={"annotations": {"since": date(2026, 11, 24)}}))

    assert training.spec.template.annotations == {"since": "2026-11-24"}


def test_any_mapping_is_a_document():
    assert parse_resource(MappingProxyType(training_document())).kind == "BioNeMoTraining"


def test_all_problems_are_told_at_once_and_rules_join_the_fields():
    document = training_document(
        nodes=4, gpusPerNode="8", precison="32", dataset={}, parallelism={"sequence": True}, recovery={"minNodes": 9}
    )

    assert said_of(document).splitlines() == [
        "spec.gpusPerNode: '8' must be a whole number; remove the quotes: 8.",
        "spec.precison: '32' is not a known field; did you mean precision.",
        "spec.recovery.minNodes: 9 must be at most spec.nodes; lower it or leave it out.",
        (
            "spec.parallelism.sequence: True needs tensor above 1, for it shares what tensor parallelism splits; "
            "set it to false or raise tensor."
        ),
        "spec.dataset: {} must have exactly one of preprocessRef and claim; keep the one that is meant.",
    ]


def test_a_rule_is_silent_while_a_field_that_it_reads_is_malformed():
    assert said_of(training_document(parallelism={"tensor": "three"})).splitlines() == [
        "spec.parallelism.tensor: 'three' must be a whole number; write digits only, such as 4."
    ]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        pytest.param(
            None,
            "kind: nothing must be one of BioNeMoTraining, BioNeMoPreprocess; add a line such as kind: BioNeMoTraining.",
            id="none",
        ),
        pytest.param(
            "BionemoTrainig",
            "kind: 'BionemoTrainig' must be one of BioNeMoTraining, BioNeMoPreprocess; did you mean BioNeMoTraining.",
            id="misspelt",
        ),
        pytest.param(
            ["BioNeMoTraining"],
            "kind: ['BioNeMoTraining'] must be one of BioNeMoTraining, BioNeMoPreprocess; add a line such as "
            "kind: BioNeMoTraining.",
            id="a list",
        ),
    ],
)
def test_an_unknown_kind_is_refused(kind, message):
    assert said_of(training_document() | {"kind": kind}) == message


def test_a_document_that_contains_itself_is_refused():
    document = training_document()
    document["spec"]["template"] = document

    assert said_of(document) == (
        "document: ['apiVersion', 'kind', 'metadata', 'spec'] must be plain fields, lists, texts and numbers that do not "
        "contain themselves; write out what an anchor repeats."
    )


@given(document_of=KINDS, field=FIELDS, value=JSON_VALUES)
def test_any_value_of_a_field_is_accepted_or_explained(document_of, field, value):
    assert all(
        problem.field and problem.rule and problem.mend for problem in problems_of(document_of(**{field: value}))
    )


@pytest.mark.parametrize("path", golden_files("accepted"), ids=lambda path: path.stem)
def test_a_resource_survives_being_written_and_read(path):
    (document,) = documents_in(path)
    resource = parse_resource(document)

    assert parse_resource(resource.model_dump(mode="json", by_alias=True)) == resource
