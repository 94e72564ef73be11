"""A stage of a preparation as the Indexed Job that is made for it."""

import json
from pathlib import Path

import pytest
import yaml

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.planning.preparation_job import MOST_COMPLETIONS, document_of, output_of, preparation_job
from testkit.documents import preprocess_document

GOLDEN = Path(__file__).parents[2] / "golden" / "jobs"


def preprocess(**spec):
    document = preprocess_document("zinc", **{"workers": 16, **spec})
    document["metadata"] |= {"namespace": "lab", "uid": "u-1"}
    return parse_resource(document)


def test_a_stage_of_many_tasks(matches_golden):
    job = preparation_job(preprocess(), "map", 40, "trainer:1")
    assert matches_golden(yaml.safe_dump(job, sort_keys=False, width=120), GOLDEN / "preparation-map.yaml")


@pytest.mark.parametrize(
    ("stage", "tasks", "completions", "parallelism"),
    [
        pytest.param("map", 40, 40, 16, id="as many pods at once as there are workers"),
        pytest.param("map", 3, 3, 3, id="no more pods than tasks"),
        pytest.param("settle", 1, 1, 1, id="one pod for a stage of one task"),
        pytest.param("map", 10**6, MOST_COMPLETIONS, 16, id="no more completions than Kubernetes takes"),
    ],
)
def test_tasks_are_shared_out(stage, tasks, completions, parallelism):
    spec = preparation_job(preprocess(), stage, tasks, "trainer:1")["spec"]
    assert (spec["completions"], spec["parallelism"]) == (completions, parallelism)
    assert spec["template"]["spec"]["containers"][0]["command"][-1] == f"--shares={completions}"


def test_a_queue_admits_it():
    job = preparation_job(preprocess(queue={"name": "cpu", "priorityClass": "low"}), "list", 1, "trainer:1")
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "cpu"
    assert job["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "low"


def test_an_image_of_its_own_is_taken():
    job = preparation_job(preprocess(image="mine:2"), "list", 1, "trainer:1")
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "mine:2"


def test_folders_are_where_the_pods_see_them():
    document = json.loads(document_of(preprocess()))
    assert (document["source"]["path"], document["output"]) == ("/source/zinc15", "/data/zinc15")


def test_without_a_claim_no_source_is_mounted():
    of = preprocess(source={"urls": ["https://example.com/a.txt"]})
    pod = preparation_job(of, "fetch", 1, "trainer:1")["spec"]["template"]["spec"]
    claims = [one for one in pod["volumes"] if "persistentVolumeClaim" in one]
    assert [one["persistentVolumeClaim"]["claimName"] for one in claims] == ["bionemo-data"]


@pytest.mark.parametrize(
    ("change", "is_another"),
    [
        pytest.param({"workers": 2}, False, id="the workers"),
        pytest.param({"split": {"seed": 7}}, True, id="the seed"),
        pytest.param({"output": {"claim": {"name": "else"}, "path": "zinc15"}}, True, id="the volume"),
    ],
)
def test_a_digest_tells_outputs_apart(change, is_another):
    assert (output_of(preprocess(**change)) != output_of(preprocess())) is is_another
