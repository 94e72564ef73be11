"""The operator on an API server that does not know all kinds yet, or forgets one for a while, as installations have it."""

import json
import urllib.error
from pathlib import Path

import pytest

from testkit import chart_rights
from testkit.cluster_control_plane import control_plane, install_crds
from testkit.cluster_kubectl import KubectlError
from testkit.cluster_programs import built_programs
from testkit.cluster_training_operator import pytorch_job_crd
from testkit.cluster_waiting import eventually
from testkit.namespace_view import NamespaceView
from testkit.operator_process import OperatorProcess

CRDS = Path(__file__).parents[2] / "crds"
PYTORCH_JOBS = "pytorchjobs.kubeflow.org"
SETTINGS = {"LEASE_NAMESPACE": chart_rights.NAMESPACE, "LEASE_NAME": "bionemo-operator"}
"""Lists are five minutes apart: what happens sooner, watches have told."""


@pytest.fixture
def bare(tmp_path):
    """A control plane that knows nothing of ours."""
    with control_plane(tmp_path) as plane:
        yield plane


@pytest.fixture
def operator(bare):
    """One replica, which lives but has nothing to work on."""
    kubeconfig = chart_rights.grant_operator(bare.kubectl, bare.url, bare.folder)
    process = OperatorProcess(kubeconfig=kubeconfig, settings=SETTINGS)
    process.start(well="/healthz")
    yield process
    process.stop()


@pytest.fixture
def lab(bare):
    bare.kubectl("create", "namespace", "lab")
    return NamespaceView(kubectl=bare.kubectl, namespace="lab")


def readiness(operator):
    try:
        return json.loads(operator.get("/readyz"))["faults"]
    except urllib.error.HTTPError as refusal:
        return json.load(refusal)["faults"]


def missing(*kinds):
    return {"API server": f"serves no {', '.join(kinds)}; install what defines them"}


def works(lab, name):
    """Whether a new training gets its job, and another one as soon as that is gone, which only a watch tells in time."""
    lab.apply(name)
    first = f"{name}-1"
    if not eventually(lambda: first in lab.names("pytorchjob"), 60):
        return False
    uid = lab.get("pytorchjob", first)["metadata"]["uid"]
    lab.kubectl("delete", "pytorchjob", first, lab.place)
    return eventually(lambda: {uid_of(job) for job in jobs_of(lab, name)} - {uid}, 60) != set()


def jobs_of(lab, name):
    return lab.kubectl.get("pytorchjob", lab.place, f"--selector=bionemo.dev/name={name}")["items"]


def uid_of(job):
    return job["metadata"]["uid"]


def test_an_operator_that_was_there_first_begins_when_its_definitions_come(bare, operator, lab):
    ours = missing("bionemotrainings.bionemo.dev", "bionemopreprocesses.bionemo.dev")
    assert eventually(lambda: readiness(operator) == ours), readiness(operator)

    install_crds(bare.kubectl, [CRDS])

    assert eventually(lambda: readiness(operator) == {}), readiness(operator)
    assert works(lab, "small")
    assert works(lab, "another"), "no list tells of it, since the first was found in one"


def test_an_operator_goes_on_when_jobs_are_defined_again(bare, operator, lab):
    install_crds(bare.kubectl, [CRDS])
    assert eventually(lambda: readiness(operator) == {}), readiness(operator)
    assert works(lab, "before")

    bare.kubectl("delete", "customresourcedefinition", PYTORCH_JOBS)
    assert eventually(lambda: readiness(operator) == missing(PYTORCH_JOBS)), readiness(operator)
    with pytest.raises(KubectlError):
        lab.names("pytorchjob")
    install_crds(bare.kubectl, [pytorch_job_crd(built_programs())])

    assert eventually(lambda: readiness(operator) == {}), readiness(operator)
    assert works(lab, "after")
