"""An attempt of a training as the PyTorchJob that is made for it."""

from pathlib import Path

import pytest
import yaml

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.planning.pod_template import Mounted
from bionemo_operator.planning.pytorch_job import Equipment, pytorch_job
from bionemo_operator.planning.training_plan import Attempt, plan_for
from testkit.documents import GOLDEN_RESOURCES, documents_in
from testkit.observations import training

GOLDEN = Path(__file__).parents[2] / "golden" / "jobs"
ATTEMPT = Attempt(number=3, config_file=Path("/etc/bionemo/config.yaml"), metrics_port=9464, grace_seconds=300)
CLAIMS = (Mounted(claim="data", path="/data"), Mounted(claim="results", path="/results"))


def job_of(of, claims=CLAIMS, **equipment):
    placed = Equipment(
        config="trainer: {}", image="trainer:1", claims=claims, compiled="/results/run/compiled", **equipment
    )
    return pytorch_job(of, plan_for(of, ATTEMPT), ATTEMPT.number, placed)


def pod_of(job):
    return job["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]


def container_of(job):
    (container,) = pod_of(job)["spec"]["containers"]
    return container


def environment_of(job):
    return {variable["name"]: variable.get("value") for variable in container_of(job)["env"]}


def rendered(job):
    return yaml.safe_dump(job, sort_keys=False, width=120)


def with_every_field():
    (document,) = documents_in(GOLDEN_RESOURCES / "accepted" / "training-with-every-field.yaml")
    document["metadata"] |= {"namespace": "lab", "uid": "u-1"}
    return parse_resource(document)


def elsewhere(*hosts):
    return {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(hosts)}


def test_a_training_on_cpu(matches_golden):
    job = job_of(training(gpusPerNode=0, processesPerNode=4))
    assert matches_golden(rendered(job), GOLDEN / "training-on-cpu.yaml")


def test_a_training_with_every_field(matches_golden):
    job = job_of(with_every_field(), avoided_nodes=("node-7",))
    assert matches_golden(rendered(job), GOLDEN / "training-with-every-field.yaml")


def test_two_folders_of_one_claim_are_one_volume():
    shared = (Mounted(claim="all", path="/data"), Mounted(claim="all", path="/results"))
    job = job_of(training(), claims=shared)
    claims = [one for one in pod_of(job)["spec"]["volumes"] if "persistentVolumeClaim" in one]
    assert [one["persistentVolumeClaim"]["claimName"] for one in claims] == ["all"]
    mounts = [one["mountPath"] for one in container_of(job)["volumeMounts"] if one["name"] == claims[0]["name"]]
    assert mounts == ["/data", "/results"]


def test_variables_of_users_win_over_those_of_nccl():
    job = job_of(training(template={"env": [{"name": "NCCL_DEBUG", "value": "INFO"}]}))
    names = [variable["name"] for variable in container_of(job)["env"]]
    assert names.count("NCCL_DEBUG") == 1
    assert environment_of(job)["NCCL_DEBUG"] == "INFO"


CACHES = {"TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"}


def test_what_gpus_run_is_compiled_once_for_all_attempts():
    environment = environment_of(job_of(training(gpusPerNode=1)))
    assert environment["TORCHINDUCTOR_CACHE_DIR"] == "/results/run/compiled/inductor"
    assert environment["TRITON_CACHE_DIR"] == "/results/run/compiled/triton"


def test_users_keep_what_is_compiled_where_they_like():
    template = {"env": [{"name": "TRITON_CACHE_DIR", "value": "/fast"}]}
    assert environment_of(job_of(training(gpusPerNode=1, template=template)))["TRITON_CACHE_DIR"] == "/fast"


def test_nothing_is_compiled_for_cpus():
    assert not CACHES & environment_of(job_of(training(gpusPerNode=0))).keys()


def test_who_must_run_as_root_may():
    security = pod_of(job_of(training(template={"securityContext": {"runAsUser": 0}})))["spec"]["securityContext"]
    assert (security["runAsUser"], "runAsNonRoot" in security) == (0, False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(None, [{"matchExpressions": [elsewhere("a", "b")]}], id="on its own"),
        pytest.param(
            [{"matchExpressions": [{"key": "x", "operator": "Exists"}]}, {"matchFields": []}],
            [
                {"matchExpressions": [{"key": "x", "operator": "Exists"}, elsewhere("a", "b")]},
                {"matchFields": [], "matchExpressions": [elsewhere("a", "b")]},
            ],
            id="in each alternative of the user's",
        ),
    ],
)
def test_nodes_are_avoided(given, expected):
    required = {"nodeSelectorTerms": given}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}} if given else None
    job = job_of(training(template={"affinity": affinity} if given else {}), avoided_nodes=("a", "b"))
    found = pod_of(job)["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert found["nodeSelectorTerms"] == expected
