"""`bionemo render` shows what the operator would make, from files alone."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from bionemo_operator.cli.app import app
from bionemo_trainer.contract import STAGES
from bionemo_trainer.errors import ConfigError
from testkit.documents import preprocess_document, training_document

GOLDEN = Path(__file__).parents[2] / "golden"
RESOURCES = GOLDEN / "crs" / "accepted"
SMALLEST = RESOURCES / "training-smallest.yaml"
PREPROCESS = RESOURCES / "preprocess-smallest.yaml"
ON_CLAIM = {"dataset": {"claim": {"name": "data"}}}


def rendered(*arguments, stdin=None):
    result = CliRunner().invoke(app, ["render", *arguments], input=stdin)
    if isinstance(result.exception, ConfigError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout.replace(str(GOLDEN), "tests/golden")


def objects_of(*documents, arguments=()):
    text = "---\n".join(yaml.safe_dump(document) for document in documents)
    return [found for found in yaml.safe_load_all(rendered("-f", "-", *arguments, stdin=text)) if found]


def refusal_of(*arguments, stdin=None):
    with pytest.raises(ConfigError) as caught:
        rendered(*arguments, stdin=stdin)
    return str(caught.value)


def test_a_training_becomes_the_job_of_its_first_attempt(matches_golden):
    text = rendered("-f", str(SMALLEST), "-f", str(PREPROCESS), "-n", "lab").split("# of BioNeMoPreprocess")[0]
    assert matches_golden(text.removesuffix("---\n"), GOLDEN / "cli" / "render-training.yaml")


def test_a_preparation_becomes_the_jobs_of_its_stages(matches_golden):
    """One of a single task and one of many; the others differ in their names only."""
    text = "---\n".join(rendered("-f", str(PREPROCESS)).split("---\n")[:3])
    assert matches_golden(text, GOLDEN / "cli" / "render-preparation.yaml")


def test_all_stages_are_there_in_their_order():
    jobs = objects_of(preprocess_document(workers=5))
    assert [job["metadata"]["name"] for job in jobs] == [f"zinc15-{stage}" for stage in STAGES]
    assert [job["spec"]["completions"] for job in jobs] == [1, 5, 1, 5, 1, 5, 1]


def test_a_training_finds_its_dataset_where_the_preparation_leaves_it():
    source = preprocess_document("uniref50", output={"claim": {"name": "other"}, "path": "in/here", "files": 3})
    job, *_ = objects_of(training_document(), source)
    pod = job["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]
    claims = {
        volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume
    }
    assert claims == {"other", "bionemo-results"}
    assert "model.data.dataset_path=/data/in/here" in pod["containers"][0]["command"]


def test_an_older_run_is_taken_as_one_that_has_saved():
    older = training_document("first", **ON_CLAIM)
    _, job = objects_of(older, training_document("second", resumeFrom={"training": "first"}, **ON_CLAIM))
    command = job["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]["containers"][0]["command"]
    assert "model.resume_from_checkpoint=/resume/first-00000000-0000-0000-0000-000000000000" in command


def test_a_suspended_training_is_shown_as_it_would_run():
    (job,) = objects_of(training_document(suspend=True, **ON_CLAIM))
    assert (job["kind"], job["metadata"]["name"]) == ("PyTorchJob", "esm2nv-650m-1")


def test_image_and_namespace_come_from_the_options_where_a_resource_names_none():
    (job,) = objects_of(training_document(**ON_CLAIM), arguments=("--image", "mine:2", "-n", "lab"))
    assert job["metadata"]["namespace"] == "lab"
    (container,) = job["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    assert container["image"] == "mine:2"


def test_what_a_resource_speaks_of_must_be_among_the_files():
    document = training_document(resumeFrom={"training": "first"})
    assert refusal_of("-f", "-", stdin=yaml.safe_dump(document)).splitlines() == [
        "standard input: spec.dataset.preprocessRef.name: 'uniref50' is in none of the files; "
        "add the file of this BioNeMoPreprocess with -f.",
        "standard input: spec.resumeFrom.training: 'first' is in none of the files; "
        "add the file of this BioNeMoTraining with -f.",
    ]


def test_files_that_the_dataset_will_not_have_are_a_problem():
    source = preprocess_document(
        "uniref50", recipe="protein/uniref50", output={**preprocess_document()["spec"]["output"], "files": 2}
    )
    training = training_document(dataset={"preprocessRef": {"name": "uniref50"}, "train": "x[000..004]"})
    text = yaml.safe_dump_all([training, source])
    assert refusal_of("-f", "-", stdin=text) == (
        "standard input: spec.dataset.train: 'x[000..004]' names x002.csv, and the dataset has x[000..001]; "
        "name files that it has, or leave the field out for all of them."
    )


def test_problems_of_all_documents_are_told_at_once(tmp_path):
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump_all([training_document(nodes=0), preprocess_document(workers=0)]))
    (tmp_path / "worse.yaml").write_text("a: [")
    said = refusal_of("-f", str(tmp_path), "-f", "nowhere.yaml").replace(str(tmp_path), "").splitlines()
    assert [line.partition(" ")[0] for line in said] == ["/worse.yaml:", "-f:", "/bad.yaml:", "/bad.yaml#2:"]


def test_a_configuration_of_bionemo_is_no_object():
    assert refusal_of("-f", "-", stdin="defaults: [protein/esm1nv/pretrain_small]\n") == (
        "standard input: kind: nothing is given, and a BioNeMo configuration is no object of a cluster; "
        "write a BioNeMoTraining with its settings as spec.overrides, or run it with python -m bionemo_trainer."
    )


def test_a_training_whose_recipe_is_wrong_is_not_rendered():
    document = training_document(overrides=["model.num_layer=3"], **ON_CLAIM)
    assert "num_layer" in refusal_of("-f", "-", stdin=yaml.safe_dump(document))


def test_nothing_to_render_is_said(tmp_path):
    assert refusal_of("-f", str(tmp_path)) == (
        "-f: nothing is described by the files; name a file with a BioNeMoTraining or a BioNeMoPreprocess."
    )


def test_rendering_needs_no_cluster_client():
    program = (
        "import sys; from bionemo_operator.cli.app import app; app(['render', '-f', sys.argv[1]], standalone_mode=False);"
        "print(sorted({'torch', 'rdkit', 'kubernetes', 'kopf'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, str(PREPROCESS)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1] == "[]"
