"""The cluster for tests is a real one: nodes that run pods and can die, names, Services, admission, the training operator."""

import pytest

from testkit.cluster_kubectl import KubectlError
from testkit.cluster_lock import ClusterTakenError
from testkit.cluster_programs import cache_folder
from testkit.cluster_under_test import OPERATOR_IMAGE, TRAINER_IMAGE
from testkit.cluster_volumes import claim_folder
from testkit.cluster_waiting import eventually
from testkit.cluster_with_nodes import OTHER_NODE, STEADY_NODE, cluster_with_nodes
from testkit.cluster_workloads import create_pod, outcome_of, pod_spec

ALL_REDUCE = """
import torch, torch.distributed as group
group.init_process_group("gloo")
total = torch.tensor([group.get_rank() + 1.0])
group.all_reduce(total)
print("sum of ranks", total.item())
assert total.item() == 3.0
"""
SERVE = ["python", "-m", "http.server", "8000", "--directory", "/etc"]
NODES = pytest.mark.parametrize(("server", "client"), [(STEADY_NODE, OTHER_NODE), (OTHER_NODE, STEADY_NODE)])


def service(name, namespace, port):
    spec = {"selector": {"app": name}, "ports": [{"port": port, "targetPort": 8000}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def all_reduce_job(name, namespace):
    address = f"{name}-worker-0.{namespace}.svc"
    command = ["python3", "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", "-m", "all_reduce"]
    spec = pod_spec(TRAINER_IMAGE, command)
    container = spec["containers"][0] | {
        "name": "pytorch",
        "env": [
            {"name": "PYTHONPATH", "value": "/script"},
            {"name": "PET_MASTER_ADDR", "value": address},
            {"name": "PET_MASTER_PORT", "value": "23456"},
            {"name": "PET_NODE_RANK", "valueFrom": {"fieldRef": {"fieldPath": RANK}}},
        ],
        "resources": {"limits": {"nvidia.com/gpu": 1}},
    }
    container["volumeMounts"] = [*container["volumeMounts"], {"name": "script", "mountPath": "/script"}]
    volumes = [*spec["volumes"], {"name": "script", "configMap": {"name": "all-reduce"}}]
    apart = {"labelSelector": {"matchLabels": {"app": name}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}}
    pod = spec | {"containers": [container], "volumes": volumes, "affinity": affinity}
    del pod["restartPolicy"]
    template = {"metadata": {"labels": {"app": name}}, "spec": pod}
    worker = {"replicas": 2, "restartPolicy": "Never", "template": template}
    policy = {"cleanPodPolicy": "None"}
    metadata = {"name": name, "namespace": namespace}
    spec = {"runPolicy": policy, "pytorchReplicaSpecs": {"Worker": worker}}
    return {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": metadata, "spec": spec}


pytestmark = pytest.mark.usefixtures("cluster")
RANK = "metadata.labels['training.kubeflow.org/replica-index']"


def test_both_nodes_are_ready_and_have_gpus(cluster, kubectl):
    assert [cluster.is_ready(name) for name in (STEADY_NODE, OTHER_NODE)] == [True, True]
    nodes = kubectl.get("nodes")["items"]
    assert [node["status"]["allocatable"]["nvidia.com/gpu"] for node in nodes] == ["8", "8"]


@pytest.mark.usefixtures("cluster")
def test_a_second_cluster_is_refused(tmp_path):
    with pytest.raises(ClusterTakenError) as raised, cluster_with_nodes(tmp_path):
        pass
    assert str(raised.value) == (
        f"{cache_folder() / 'lock'} is locked: another cluster for tests runs on this host, and one is all that its network has "
        "room for. End it (tests/cluster/cluster down, or the tests that hold it) and try again."
    )


@NODES
def test_a_pod_reaches_a_pod_of_the_other_node_by_the_name_of_its_service(kubectl, namespace, server, client):
    create_pod(kubectl, namespace, "web", pod_spec(OPERATOR_IMAGE, SERVE, server))
    kubectl.create(service("web", namespace, 80))
    kubectl("wait", "--for=condition=Ready", "pod/web", f"--namespace={namespace}", "--timeout=30s")
    script = f"""
import time, urllib.request, urllib.error
for attempt in range(50):
    try:
        print(urllib.request.urlopen("http://web.{namespace}.svc.cluster.local/hostname", timeout=2).read().decode())
        break
    except urllib.error.URLError as error:
        print(error)
        time.sleep(0.2)
"""
    create_pod(kubectl, namespace, "client", pod_spec(OPERATOR_IMAGE, ["python", "-c", script], client))
    phase, said = outcome_of(kubectl, namespace, "client")
    assert (phase, said.split()[-1]) == ("Succeeded", "web")


def test_a_pod_that_wants_to_be_root_is_not_admitted_where_that_is_forbidden(kubectl, namespace):
    spec = pod_spec(OPERATOR_IMAGE, ["true"], user=0) | {"securityContext": {"runAsUser": 0}}
    with pytest.raises(KubectlError, match='violates PodSecurity "restricted:latest"'):
        create_pod(kubectl, namespace, "root", spec)


def test_pods_of_both_nodes_write_to_one_claim(kubectl, namespace, tmp_path):
    folder = claim_folder(kubectl, namespace, "shared", tmp_path / "shared")
    for node in (STEADY_NODE, OTHER_NODE):
        spec = pod_spec(OPERATOR_IMAGE, ["sh", "-c", f"echo {node} >/data/{node}"], node)
        spec["volumes"].append({"name": "data", "persistentVolumeClaim": {"claimName": "shared"}})
        spec["containers"][0]["volumeMounts"].append({"name": "data", "mountPath": "/data"})
        create_pod(kubectl, namespace, f"writer-{node}", spec)
    outcomes = [outcome_of(kubectl, namespace, f"writer-{node}") for node in (STEADY_NODE, OTHER_NODE)]
    assert [phase for phase, _ in outcomes] == ["Succeeded", "Succeeded"]
    assert {path.name: path.read_text().strip() for path in folder.iterdir()} == {
        STEADY_NODE: STEADY_NODE,
        OTHER_NODE: OTHER_NODE,
    }


def test_a_pytorch_job_of_two_nodes_succeeds(kubectl, namespace):
    script = {"all_reduce.py": ALL_REDUCE}
    metadata = {"name": "all-reduce", "namespace": namespace}
    kubectl.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": script})
    kubectl.create(all_reduce_job("sum", namespace))

    def ends():
        status = kubectl.get("pytorchjob", "sum", f"--namespace={namespace}").get("status") or {}
        true = {one["type"] for one in status.get("conditions") or () if one["status"] == "True"}
        return true & {"Succeeded", "Failed"}

    assert eventually(ends, 120) == {"Succeeded"}
    pods = kubectl.get("pods", f"--namespace={namespace}")["items"]
    assert {pod["spec"]["nodeName"] for pod in pods} == {STEADY_NODE, OTHER_NODE}


def test_a_node_that_is_killed_is_noticed_and_runs_pods_again_when_it_is_back(cluster, kubectl, namespace):
    create_pod(kubectl, namespace, "victim", pod_spec(OPERATOR_IMAGE, SERVE, OTHER_NODE))
    kubectl("wait", "--for=condition=Ready", "pod/victim", f"--namespace={namespace}", "--timeout=30s")
    cluster.kill_node(OTHER_NODE)
    try:
        assert eventually(lambda: not cluster.is_ready(OTHER_NODE), 30)
        assert cluster.is_ready(STEADY_NODE)
    finally:
        cluster.revive_node(OTHER_NODE)
    create_pod(kubectl, namespace, "heir", pod_spec(OPERATOR_IMAGE, ["true"], OTHER_NODE))
    assert outcome_of(kubectl, namespace, "heir") == ("Succeeded", "")
