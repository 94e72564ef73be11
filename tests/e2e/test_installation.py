"""The life of an installation: tested, upgraded under a training, limited to a namespace, removed, and installed again."""

import json
import shutil

import pytest

from testkit.cluster_examples import (
    EXAMPLES,
    PATIENCE_SECONDS,
    ended,
    example_claims,
    preparation,
    status_of,
    step_of,
    strict_namespace,
    training_of,
)
from testkit.cluster_helm import CHART
from testkit.cluster_operator import (
    OPERATOR_NAMESPACE,
    RELEASE,
    WITHIN,
    install_operator,
    logs_of,
    operator_values,
    uninstall_operator,
)
from testkit.cluster_waiting import eventually

TINY = {
    "trainer.log_every_n_steps": 1,
    "trainer.limit_val_batches": 1,
    "model.num_layers": 1,
    "model.micro_batch_size": 1,
}
COLUMN = "    - name: Status\n"


def training(name, steps):
    warm_up = {"model.optim.sched.warmup_steps": 1, "model.optim.sched.constant_steps": 1}
    changes = {**TINY, **warm_up, "trainer.max_steps": steps, "trainer.val_check_interval": steps}
    checkpoint = {"intervalSteps": steps, "keep": 1}
    return training_of(EXAMPLES / "proteins/esm1nv.yaml", changes, name, checkpoint=checkpoint)


def prepare(kubectl, namespace):
    kubectl.apply(preparation("proteins"), f"--namespace={namespace}")
    assert ended(kubectl, namespace, "bnp", "proteins", PATIENCE_SECONDS)[0] == "Succeeded"


def tables_on(claims):
    folder = claims.folder("bionemo-data")
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.csv"))


@pytest.fixture
def installed(helm, kubectl):
    """The operator for all namespaces, from this tree, whatever a test before has left."""
    install_operator(helm, kubectl, operator_values())
    yield
    install_operator(helm, kubectl, operator_values())


@pytest.fixture
def next_chart(tmp_path):
    """A later build of the chart, whose trainings are listed with another column."""
    chart = shutil.copytree(CHART, tmp_path / "chart")
    about = chart / "Chart.yaml"
    about.write_text(about.read_text().replace("\nversion: 0.1.0", "\nversion: 0.1.1"))
    crd = chart / "files/crds/bionemo.dev_bionemotrainings.yaml"
    crd.write_text(crd.read_text().replace(COLUMN, COLUMN.replace("Status", "State"), 1))
    return chart


@pytest.mark.usefixtures("installed")
def test_helm_test_finds_all_replicas_well_and_one_that_leads(helm):
    said = helm("test", RELEASE, f"--namespace={OPERATOR_NAMESPACE}", WITHIN)
    assert "Phase:          Succeeded" in said


@pytest.mark.usefixtures("installed", "claims")
def test_an_upgrade_disturbs_no_training_and_upgrades_the_definitions(helm, kubectl, namespace, next_chart):
    prepare(kubectl, namespace)
    kubectl.apply(training("steady", 300), f"--namespace={namespace}")
    assert eventually(lambda: step_of(kubectl, namespace, "steady", 1) > 5, PATIENCE_SECONDS)

    values = operator_values(podAnnotations={"build": "next"}, settings={"leaseSeconds": 5, "workers": 8})
    install_operator(helm, kubectl, values, next_chart)
    step_after_upgrade = step_of(kubectl, namespace, "steady", 1)

    assert 0 < step_after_upgrade < 300
    assert kubectl("get", "bnt", f"--namespace={namespace}").split()[1] == "STATE"
    phase, text = ended(kubectl, namespace, "bnt", "steady", PATIENCE_SECONDS)
    assert phase == "Succeeded", text
    assert json.loads(text)["recovery"]["restarts"] == 0
    assert len(json.loads(text)["recovery"]["attempts"]) == 1


@pytest.mark.usefixtures("installed")
def test_uninstalling_leaves_resources_and_results_which_the_next_installation_takes_up(
    helm, kubectl, namespace, claims
):
    prepare(kubectl, namespace)
    written = tables_on(claims)
    before = kubectl.get("bnp", "proteins", f"--namespace={namespace}")

    uninstall_operator(helm, kubectl)
    kubectl.apply(training("later", 5), f"--namespace={namespace}")

    assert kubectl.get("bnp", "proteins", f"--namespace={namespace}")["status"] == before["status"]
    assert tables_on(claims) == written != []
    left = kubectl(
        "get", "clusterroles,clusterrolebindings", f"--selector=app.kubernetes.io/instance={RELEASE}", "-oname"
    )
    assert left == ""
    install_operator(helm, kubectl, operator_values())
    assert ended(kubectl, namespace, "bnt", "later", PATIENCE_SECONDS)[0] == "Succeeded"


@pytest.mark.usefixtures("installed", "claims")
def test_an_operator_of_one_namespace_works_there_without_any_right_on_the_cluster(helm, kubectl, namespace, tmp_path):
    uninstall_operator(helm, kubectl)
    nothing_of_the_cluster = {
        "watchNamespaces": [namespace],
        "crds": {"enabled": False},
        "rbac": {"nodes": False, "aggregateToUserRoles": False},
    }
    with strict_namespace(kubectl) as elsewhere, strict_namespace(kubectl) as home:
        example_claims(kubectl, elsewhere, tmp_path / "elsewhere")
        kubectl.apply(preparation("proteins"), f"--namespace={elsewhere}")
        install_operator(helm, kubectl, operator_values(**nothing_of_the_cluster), namespace=home)
        prepare(kubectl, namespace)
        kubectl.apply(training("here", 5), f"--namespace={namespace}")
        phase, text = ended(kubectl, namespace, "bnt", "here", PATIENCE_SECONDS)

        assert phase == "Succeeded", text
        assert status_of(kubectl, elsewhere, "bnp", "proteins") == {}
        assert "forbidden" not in logs_of(kubectl, home).lower()
        bindings = kubectl.get("clusterrolebindings")["items"]
        assert home not in {each.get("namespace") for one in bindings for each in one.get("subjects", ())}
        uninstall_operator(helm, kubectl, home)
