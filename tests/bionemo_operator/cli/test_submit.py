"""`bionemo submit` applies all files or none, and says what became of each."""

import pytest
import yaml

from bionemo_operator.cli.checked import checked_files
from bionemo_operator.cli.cluster_access import Access, Cluster
from bionemo_operator.cli.submit import submit, submit_files
from bionemo_operator.cluster.kinds import TRAININGS
from bionemo_trainer.errors import ConfigError
from testkit.documents import preprocess_document, training_document


@pytest.fixture
def files(tmp_path):
    """Write documents; the result is what `-f` would name."""

    def write(*documents):
        (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(documents))
        return [tmp_path / "all.yaml"]

    return write


def writes(api):
    return [(method, query.get("dryRun")) for method, _, query, _ in api.requests if method != "GET"]


def test_what_is_new_is_created_and_what_is_there_stays(cluster, files, said):
    items = checked_files(files(training_document("small"), preprocess_document("zinc15")))
    submit(cluster, items)
    assert said() == "BioNeMoTraining small in lab created\nBioNeMoPreprocess zinc15 in lab created\n"
    submit(cluster, items)
    assert said() == "BioNeMoTraining small in lab unchanged\nBioNeMoPreprocess zinc15 in lab unchanged\n"


@pytest.mark.parametrize(
    "change", [{"spec": {"nodes": 2}}, {"metadata": {"labels": {"team": "a"}}}], ids=["spec", "labels"]
)
def test_what_differs_is_changed(cluster, files, said, change):
    before = training_document("small")
    submit(cluster, checked_files(files(before)))
    said()
    after = {**before, **{part: {**before[part], **fields} for part, fields in change.items()}}
    submit(cluster, checked_files(files(after)))
    assert said() == "BioNeMoTraining small in lab changed\n"


def test_it_is_applied_on_the_servers_side_in_the_users_name(api, cluster, files):
    document = training_document("small")
    document["metadata"] |= {"resourceVersion": "7", "annotations": {"why": "try"}, "labels": {}}
    submit(cluster, checked_files(files({**document, "status": {}})))
    *_, (method, path, query, sent) = api.requests
    assert (method, path) == ("PATCH", TRAININGS.path("lab", "small"))
    assert query == {"fieldManager": "bionemo", "force": "true"}
    assert sent["metadata"] == {"name": "small", "namespace": "lab", "annotations": {"why": "try"}}
    assert set(sent) == {"apiVersion", "kind", "metadata", "spec"}


def test_a_namespace_in_the_file_counts(cluster, files, said):
    document = training_document("small")
    document["metadata"]["namespace"] = "team"
    submit(cluster, checked_files(files(document)))
    assert said() == "BioNeMoTraining small in team created\n"


def test_two_different_namespaces_are_a_problem(api, cluster, files):
    document = training_document("small")
    document["metadata"]["namespace"] = "team"
    with pytest.raises(ConfigError) as caught:
        submit(Cluster(client=cluster.client, namespace="mine", is_chosen=True), checked_files(files(document)))
    assert str(caught.value).endswith(
        "all.yaml: metadata.namespace: 'team' is not mine, which -n names; leave out one of the two."
    )
    assert writes(api) == []


def test_nothing_is_applied_when_the_api_server_refuses_one(api, cluster, files):
    for name in ("a", "b"):
        api.failures["PATCH", TRAININGS.path("lab", name)] = (422, f"spec of {name} is fixed")
    items = checked_files(files(training_document("a"), training_document("b"), training_document("c")))
    with pytest.raises(ConfigError) as caught:
        submit(cluster, items)
    first, second = str(caught.value).splitlines()
    assert first.endswith(
        "all.yaml: 'BioNeMoTraining a' is refused by the API server (422: spec of a is fixed); "
        "correct it; where a field is fixed, write a new object under another name."
    )
    assert "all.yaml#2: 'BioNeMoTraining b' is refused" in second
    assert writes(api) == [("PATCH", "All")] * 3


def test_files_are_checked_before_a_cluster_is_asked(files, tmp_path):
    wrong = files(training_document("small", nodes=0), preprocess_document("zinc15", workers=0))
    with pytest.raises(ConfigError) as caught:
        submit_files(wrong, Access(kubeconfig=str(tmp_path / "none")))
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == ["spec.nodes", "spec.workers"]
