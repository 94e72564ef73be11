"""The chart as a whole: its lint, its golden files, what it refuses, what it says, and what a real API server says to it."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from testkit.chart_shapes import SHAPES
from testkit.cluster_helm import CHART, KUBERNETES, PROMETHEUS, HelmError
from testkit.cluster_kubectl import FIELD_MANAGER

GOLDEN = Path(__file__).parents[1] / "golden" / "chart"
WITHOUT_OTHERS_FILES = {"crds": {"enabled": False}}
REFUSED = {
    "at the top": ({"replica": 1}, "additional properties 'replica' not allowed"),
    "in a group": ({"rbac": {"node": False}}, "at '/rbac': additional properties 'node' not allowed"),
    "in a list": ({"tolerations": [{"keys": "a"}]}, "at '/tolerations/0': additional properties 'keys' not allowed"),
    "deep in an affinity": (
        {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKeys": "a"}]}}},
        "additional properties 'topologyKeys' not allowed",
    ),
    "a label of Helm's own": (
        {"commonLabels": {"app.kubernetes.io/name": "a"}},
        "at '/commonLabels/app.kubernetes.io~1name'",
    ),
    "a digest that is none": ({"image": {"digest": "sha256:12"}}, "at '/image/digest'"),
    "a namespace twice": ({"watchNamespaces": ["a", "a"]}, "at '/watchNamespaces'"),
    "a place of runbooks that nobody can open": (
        {"monitoring": {"prometheusRule": {"runbooksUrl": "docs/runbooks"}}},
        "at '/monitoring/prometheusRule/runbooksUrl'",
    ),
    "a lease too short": ({"settings": {"leaseSeconds": 1}}, "at '/settings/leaseSeconds'"),
}


def test_the_chart_has_no_lint(helm):
    assert "1 chart(s) linted, 0 chart(s) failed" in helm(
        "lint", "--strict", f"--kube-version={KUBERNETES}", str(CHART)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_rendered_as_reviewed(helm, chart, matches_golden, shape):
    values, apis = SHAPES[shape]
    text = helm.rendered({**values, **WITHOUT_OTHERS_FILES}, chart=chart, apis=apis)
    assert matches_golden(text, GOLDEN / f"{shape}.yaml")


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_value_is_refused(helm, case):
    values, message = REFUSED[case]
    with pytest.raises(HelmError) as raised:
        helm.rendered(values)
    assert message in raised.value.said


def test_an_old_kubernetes_is_refused(helm):
    with pytest.raises(HelmError, match="requires kubeVersion"):
        helm("template", "a", str(CHART), "--kube-version=1.29.0")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_real_api_server_accepts_every_object(helm, kubectl, shape):
    values, apis = SHAPES[shape]
    for namespace in ("bionemo-system", "team-a", "team-b", "grafana"):
        kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    objects = helm.objects(values, apis=apis)
    known = [each for each in objects if each["apiVersion"] != PROMETHEUS]  # whose definitions this server lacks
    strict = ("--server-side", "--dry-run=server", "--validate=strict", f"--field-manager={FIELD_MANAGER}")
    said = kubectl("apply", *strict, "--filename=-", stdin=yaml.safe_dump_all(known))
    assert said.count("serverside-applied (server dry run)") == len(known)


def test_the_notes_say_what_is_missing_and_what_comes_next(helm, kubectl):
    installing = replace(helm, kubeconfig=kubectl.kubeconfig)
    place = ("bionemo-operator", str(CHART), "--namespace=bionemo-system", "--dry-run=server")
    said = installing("install", *place, values={"crds": {"enabled": False}}).partition("NOTES:")[2]
    assert "in all namespaces" in said
    assert "MISSING: the API bionemo.dev/v1alpha1" in said
    assert "MISSING: the API kubeflow.org/v1" not in said  # this server has it
    assert "Left out: ServiceMonitor, PodMonitor and PrometheusRule" in said
    assert "helm test bionemo-operator --namespace bionemo-system" in said
