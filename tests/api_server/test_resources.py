"""The API server judges our resources as Python does, and stores the same defaults."""

from pathlib import Path

import pytest

from bionemo_operator.api.parse import MODELS
from bionemo_operator.api.structural import structural_schema, with_defaults
from testkit.cluster_kubectl import FIELD_MANAGER, KubectlError
from testkit.cluster_waiting import PATIENTLY
from testkit.documents import documents_in, expectation_of, golden_files, preprocess_document, training_document

CRDS = Path(__file__).parents[2] / "crds"
COLUMNS = ["STATUS", "NODES", "GPUS", "STEP", "LOSS", "TOKENS/S", "ETA", "RESTARTS", "AGE"]
STARTED = {"startTime": "2026-11-24T08:00:00Z"}


def refusal_of(request):
    with pytest.raises(KubectlError) as caught:
        request()
    return caught.value.said


def start(kubectl, document, namespace):
    """Stores a resource whose work has started."""
    place = f"--namespace={namespace}"
    kubectl.apply({key: value for key, value in document.items() if key != "status"}, place)
    kubectl.set_status(document["kind"], document["metadata"]["name"], STARTED, place)


@pytest.mark.parametrize("crd", sorted(CRDS.iterdir()), ids=lambda crd: crd.stem)
def test_a_crd_is_applied_on_the_servers_side_as_often_as_one_likes(kubectl, crd):
    applied = kubectl("apply", "--server-side", f"--field-manager={FIELD_MANAGER}", f"--filename={crd}")

    assert applied.endswith("serverside-applied\n")
    kubectl("wait", "--for=condition=Established", PATIENTLY, f"--filename={crd}")


@pytest.mark.parametrize("kind", MODELS)
def test_a_kind_and_its_category_are_served(kubectl, kind):
    assert kubectl.get(kind, "--namespace=default")["kind"] == "List"
    assert kubectl.get("bionemo", "--namespace=default")["kind"] == "List"


@pytest.mark.parametrize("path", golden_files("accepted"), ids=lambda path: path.stem)
def test_an_accepted_resource_is_stored_with_the_defaults_that_python_fills_in(kubectl, path):
    (document,) = documents_in(path)

    stored = kubectl.create(document, "--dry-run=server", "--namespace=default")

    assert stored["spec"] == with_defaults(document, structural_schema(MODELS[document["kind"]]))["spec"]


@pytest.mark.parametrize("path", golden_files("refused"), ids=lambda path: path.stem)
def test_a_refused_resource_is_refused_in_the_words_of_its_comments(kubectl, path):
    (document,) = documents_in(path)
    expected = expectation_of(path)

    said = refusal_of(lambda: kubectl.create(document, "--dry-run=server", "--namespace=default"))

    assert expected.get("server", expected["message"]) in said


@pytest.mark.parametrize("path", golden_files("refused_changes"), ids=lambda path: path.stem)
def test_a_change_of_what_is_frozen_is_refused(kubectl, namespace, path):
    old, new = documents_in(path)
    expected = expectation_of(path)
    start(kubectl, old, namespace)

    said = refusal_of(lambda: kubectl.apply(new, f"--namespace={namespace}"))

    assert f"{expected['field']}: Invalid value" in said
    assert expected["message"] in said


def test_everything_may_change_before_work_has_started(kubectl, namespace):
    kubectl.apply(training_document(), f"--namespace={namespace}")

    changed = kubectl.apply(training_document(recipe="protein/esm1nv/base"), f"--namespace={namespace}")

    assert changed["spec"]["recipe"] == "protein/esm1nv/base"


def test_what_steers_a_running_training_may_change(kubectl, namespace):
    start(kubectl, training_document(), namespace)

    changed = kubectl.apply(training_document(nodes=2, suspend=True), f"--namespace={namespace}")

    assert (changed["spec"]["nodes"], changed["spec"]["suspend"], changed["status"]) == (2, True, STARTED)


def test_a_new_output_sets_the_source_free(kubectl, namespace):
    start(kubectl, preprocess_document(), namespace)
    new = preprocess_document(source={"linksFile": "/l.txt"}, output={"claim": {"name": "data"}, "path": "other"})

    changed = kubectl.apply(new, f"--namespace={namespace}")

    assert changed["spec"]["output"]["path"] == "other"


def test_a_training_is_listed_with_its_columns(kubectl, namespace):
    kubectl.apply(training_document(), f"--namespace={namespace}")

    header, row = kubectl("get", "bnt", f"--namespace={namespace}").splitlines()

    assert header.split() == ["NAME", *COLUMNS]
    assert row.startswith("esm2nv-650m")
