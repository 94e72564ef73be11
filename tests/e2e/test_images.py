"""The images hold what they promise, and run as the strictest namespaces demand."""

import json

import pytest

from testkit.cluster_images import compressed_bytes
from testkit.cluster_under_test import OPERATOR_IMAGE, TRAINER_IMAGE
from testkit.cluster_workloads import create_pod, outcome_of, pod_spec

LIST = "import importlib.metadata as found; print(*sorted(one.name.lower() for one in found.distributions()))"
WHO = "import os; print(os.getuid(), os.access('/', os.W_OK), os.access('/opt/bionemo', os.W_OK))"


def run(kubectl, namespace, image, *command, within_seconds=60):
    create_pod(kubectl, namespace, "check", pod_spec(image, command))
    return outcome_of(kubectl, namespace, "check", within_seconds)


def test_the_operator_image_is_small(images):
    assert compressed_bytes(images[OPERATOR_IMAGE]) < 200e6


def test_the_operator_image_starts_the_operator_by_itself(kubectl, namespace):
    phase, said = run(kubectl, namespace, OPERATOR_IMAGE)
    assert phase == "Failed"  # it has no token for the cluster here, and says so
    assert said.startswith("error: ")


def test_the_operator_image_runs_as_nobody_special_with_a_root_that_it_may_not_write(kubectl, namespace):
    assert run(kubectl, namespace, OPERATOR_IMAGE, "python", "-c", WHO) == ("Succeeded", "10001 False False\n")


def test_the_operator_image_has_no_compiler_no_installer_and_nothing_that_computes(kubectl, namespace):
    phase, said = run(
        kubectl, namespace, OPERATOR_IMAGE, "sh", "-c", f'{{ command -v gcc cc uv; python -c "{LIST}"; }} || true'
    )
    assert phase == "Succeeded"
    assert {"bionemo-operator", "bionemo-trainer", "kopf"} <= set(said.split())
    assert not {"torch", "rdkit", "uv", "hatchling", "pip"} & set(said.split())
    assert "/" not in said


def test_the_operator_image_lists_its_packages_for_a_bill_of_materials(kubectl, namespace):
    phase, said = run(kubectl, namespace, OPERATOR_IMAGE, "cat", "/opt/bionemo/requirements.txt")
    assert phase == "Succeeded"
    assert any(line.startswith("kopf==") for line in said.splitlines())


@pytest.mark.parametrize("image", [OPERATOR_IMAGE, TRAINER_IMAGE])
def test_an_image_says_what_it_is(images, image):
    blobs = images[image].blobs
    manifest = json.loads(blobs[images[image].digest.removeprefix("sha256:")].read_text())
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")].read_text())["config"]
    assert config["User"].split(":")[0] == "10001"
    assert f"localhost/{config['Labels']['org.opencontainers.image.title']}:test" == image


def test_builds_of_earlier_code_have_left_no_layer_behind(images):
    needed = {blob for image in images.values() for blob in image.blobs.values()}
    (folder,) = {blob.parent for blob in needed}
    assert set(folder.iterdir()) == needed


def test_the_trainer_image_checks_a_recipe_as_nobody_special(kubectl, namespace):
    command = (
        "python3",
        "-m",
        "bionemo_trainer",
        "--check",
        "--config-name=molecule/megamolbart/pretrain_small_span_aug",
    )
    phase, said = run(kubectl, namespace, TRAINER_IMAGE, *command)
    assert (phase, "error" in said) == ("Succeeded", False), said
