"""What a machine has, without a driver's tools."""

import os

import pytest

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.cli.workstation import Workstation, shortage, this_workstation
from testkit.documents import training_document


@pytest.fixture
def devices(tmp_path):
    for name in ("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    return tmp_path


def test_gpus_are_counted_by_their_device_files(devices):
    assert this_workstation({}, devices).gpus == ("0", "1")


@pytest.mark.parametrize(
    ("visible", "expected"),
    [("", ()), ("-1", ()), ("1", ("1",)), ("GPU-a, GPU-b", ("GPU-a", "GPU-b")), ("0,-1,2", ("0",))],
)
def test_gpus_are_those_that_were_made_visible(visible, expected, devices):
    assert this_workstation({"CUDA_VISIBLE_DEVICES": visible}, devices).gpus == expected


def test_cores_are_those_that_may_be_used(devices):
    assert this_workstation({}, devices).cores == len(os.sched_getaffinity(0))


def said(gpus, **spec):
    here = Workstation(cores=2, gpus=tuple(map(str, range(gpus))))
    problem = shortage(parse_resource(training_document(**spec)), here)
    return problem and str(problem)


def test_a_training_that_fits_is_no_problem():
    assert said(gpus=32) is None
    assert said(gpus=0, gpusPerNode=0) is None


def test_without_gpus_the_cpu_is_the_way_out():
    assert said(gpus=0, nodes=1) == (
        "esm2nv-650m: spec.gpusPerNode: 8 on 1 node asks for 8 GPUs, and this machine has 0; "
        "run with --gpus 0 --processes 2 to train on its CPU."
    )


def test_with_too_few_gpus_those_are_a_way_out_too():
    assert said(gpus=2) == (
        "esm2nv-650m: spec.gpusPerNode: 8 on 4 nodes asks for 32 GPUs, and this machine has 2; "
        "run with --nodes 1 --gpus 2, or with --gpus 0 --processes 2 to train on its CPU."
    )
