"""The real training operator makes pods and services of PyTorchJobs and concludes from how the pods fare."""

import pytest

from testkit.cluster_kubectl import KubectlError
from testkit.cluster_waiting import eventually

PODS = ["job-worker-0", "job-worker-1"]


def pytorch_job(container="pytorch"):
    """Two workers without a master, as our operator runs attempts."""
    template = {"spec": {"containers": [{"name": container, "image": "trainer", "command": ["true"]}]}}
    worker = {"replicas": 2, "restartPolicy": "Never", "template": template}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "job"},
        "spec": {"runPolicy": {"cleanPodPolicy": "Running"}, "pytorchReplicaSpecs": {"Worker": worker}},
    }


def names_of(kubectl, kind, namespace):
    return [found["metadata"]["name"] for found in kubectl.get(kind, f"--namespace={namespace}")["items"]]


def conditions_of(kubectl, namespace):
    status = kubectl.get("pytorchjob", "job", f"--namespace={namespace}").get("status", {})
    return [condition["type"] for condition in status.get("conditions", ()) if condition["status"] == "True"]


@pytest.fixture
def job(kubectl, namespace):
    """A job whose pods have been made; gives its namespace."""
    eventually(lambda: "default" in names_of(kubectl, "serviceaccount", namespace))
    kubectl.apply(pytorch_job(), f"--namespace={namespace}")
    assert eventually(lambda: names_of(kubectl, "pod", namespace) == PODS)
    return namespace


def test_a_job_becomes_a_pod_and_a_service_for_each_worker(kubectl, job):
    assert eventually(lambda: names_of(kubectl, "service", job) == PODS)


def test_a_job_that_the_webhook_does_not_like_is_refused(kubectl, namespace):
    with pytest.raises(KubectlError, match="admission webhook") as caught:
        kubectl.apply(pytorch_job(container="trainer"), f"--namespace={namespace}")

    assert "must have at least one container with name pytorch" in caught.value.said


def test_a_deleted_job_takes_its_pods_and_services_with_it(kubectl, job):
    kubectl("delete", "pytorchjob", "job", f"--namespace={job}")

    assert eventually(lambda: not names_of(kubectl, "pod", job) and not names_of(kubectl, "service", job))


def test_a_job_succeeds_with_all_its_workers(kubectl, kubelet, job):
    kubelet.succeed("job-worker-0")
    assert "Succeeded" not in conditions_of(kubectl, job)

    kubelet.succeed("job-worker-1")

    assert eventually(lambda: "Succeeded" in conditions_of(kubectl, job))


def test_a_job_fails_with_the_first_worker_and_keeps_the_evidence(kubectl, kubelet, job):
    kubelet.bind("job-worker-1", "node-0")
    kubelet.run("job-worker-1")

    kubelet.fail("job-worker-0", exit_code=3)

    assert eventually(lambda: "Failed" in conditions_of(kubectl, job))
    kubectl("wait", "--for=jsonpath={.metadata.deletionTimestamp}", "pod/job-worker-1", f"--namespace={job}")
    kubelet.remove("job-worker-1")
    assert names_of(kubectl, "pod", job) == ["job-worker-0"]


def test_jobs_are_refused_while_the_training_operator_is_away(plane, namespace):
    plane.stop_training_operator()

    with pytest.raises(KubectlError, match="failed calling webhook"):
        plane.kubectl.apply(pytorch_job(), f"--namespace={namespace}")

    plane.start_training_operator()
    plane.kubectl.apply(pytorch_job(), f"--namespace={namespace}")
    assert eventually(lambda: names_of(plane.kubectl, "pod", namespace) == PODS)
