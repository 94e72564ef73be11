"""What each template makes of values."""

import json

import pytest
import yaml

from testkit.chart_shapes import DIGEST, EVERYTHING, NAMESPACED, kinds, one
from testkit.cluster_helm import CHART, PROMETHEUS

OF_THE_CLUSTER = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
WORKERS = {"app.kubernetes.io/managed-by": "bionemo-operator"}
ALERT = """\
groups:
  - name: trainings
    rules:
      - alert: NoProgress
        expr: 'max by (name) (bionemo_training_step{namespace=~".+"}) > 1'
        annotations: {summary: 'Training {{ $labels.name }} stands still: {{ $value | humanize }}.'}
"""
DASHBOARD = '{"title": "Fleet", "legendFormat": "{{namespace}}/{{name}}"}\n'


def operator_of(objects):
    deployment = one(objects, "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return deployment, deployment["spec"]["template"]["spec"], container


def environment_of(container):
    return {variable["name"].removeprefix("BIONEMO_OPERATOR_"): variable["value"] for variable in container["env"]}


def rights_of(role):
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_crds_are_those_of_the_repository_with_labels_and_are_kept(helm):
    made = [each for each in helm.objects({}) if each["kind"] == "CustomResourceDefinition"]
    plain = [yaml.safe_load(path.read_text()) for path in sorted(CHART.glob("files/crds/*.yaml"))]
    for crd in made:
        metadata = crd["metadata"]
        assert metadata.pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert metadata.pop("labels")["app.kubernetes.io/managed-by"] == "Helm"
    assert sorted(made, key=str) == sorted(plain, key=str)


def test_crds_go_with_the_release_when_they_need_not_be_kept(helm):
    made = helm.objects({"crds": {"keep": False}})
    assert not any("annotations" in each["metadata"] for each in made if each["kind"] == "CustomResourceDefinition")


def test_crds_are_left_to_somebody_else(helm):
    assert "CustomResourceDefinition" not in kinds(helm.objects({"crds": {"enabled": False}}))


def test_the_operator_may_work_in_the_whole_cluster_by_default(helm):
    made = helm.objects({})
    role = one(made, "ClusterRole", "bionemo-system:bionemo-operator")
    binding = one(made, "ClusterRoleBinding", "bionemo-system:bionemo-operator")
    assert ("kubeflow.org", "pytorchjobs", "create") in rights_of(role)
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "bionemo-operator", "namespace": "bionemo-system"}
    ]


def test_no_right_has_a_wildcard_or_concerns_secrets(helm):
    rights = set().union(*(rights_of(role) for role in helm.objects({}) if role["kind"] in {"ClusterRole", "Role"}))
    assert not {right for right in rights if "*" in right or "secrets" in right}


def test_only_its_own_lease_may_be_changed(helm):
    lease = one(helm.objects({}), "Role", "bionemo-operator-leader")
    names = [rule.get("resourceNames") for rule in lease["rules"] if "update" in rule["verbs"]]
    assert names == [["bionemo-operator"]]
    _, _, container = operator_of(helm.objects({}))
    assert environment_of(container)["LEASE_NAME"] == "bionemo-operator"


def test_a_namespaced_operator_needs_nothing_of_the_cluster(helm):
    made = helm.objects(NAMESPACED)
    assert not kinds(made) & OF_THE_CLUSTER
    assert sorted(
        (each["metadata"]["namespace"], each["metadata"]["name"]) for each in made if each["kind"] == "Role"
    ) == [
        ("bionemo-system", "bionemo-operator-leader"),
        ("team-a", "bionemo-operator"),
        ("team-b", "bionemo-operator"),
    ]
    assert sum(each["kind"] == "RoleBinding" for each in made) == 3
    _, _, container = operator_of(made)
    assert environment_of(container)["NAMESPACES"] == "team-a,team-b"


def test_a_namespaced_operator_has_the_rights_of_one_for_all(helm):
    everywhere = one(helm.objects({}), "ClusterRole", "bionemo-system:bionemo-operator")
    here = [each for each in helm.objects(NAMESPACED) if each["metadata"].get("namespace") == "team-a"]
    assert rights_of(one(here, "Role")) == rights_of(everywhere)


@pytest.mark.parametrize(("nodes", "expected"), [(True, {"get", "list"}), (False, set())])
def test_nodes_are_read_where_that_is_wanted(helm, nodes, expected):
    roles = [each for each in helm.objects({"rbac": {"nodes": nodes}}) if each["kind"] == "ClusterRole"]
    assert {verb for role in roles for _, resource, verb in rights_of(role) if resource == "nodes"} == expected


def test_people_who_may_view_or_edit_a_namespace_may_do_so_with_trainings(helm):
    made = helm.objects({})
    view = one(made, "ClusterRole", "bionemo-system:bionemo-operator:view")
    edit = one(made, "ClusterRole", "bionemo-system:bionemo-operator:edit")
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert {verb for _, _, verb in rights_of(view)} == {"get", "list", "watch"}
    assert {verb for _, _, verb in rights_of(edit)} == {"create", "update", "patch", "delete", "deletecollection"}


def test_no_roles_are_made_where_somebody_else_grants_them(helm):
    made = kinds(helm.objects({"rbac": {"create": False, "aggregateToUserRoles": False}}))
    assert not made & {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}


@pytest.mark.parametrize(
    ("account", "made", "used"),
    [
        ({}, True, "bionemo-operator"),
        ({"name": "mine"}, True, "mine"),
        ({"create": False, "name": "theirs"}, False, "theirs"),
        ({"create": False}, False, "default"),
    ],
    ids=["by the chart", "by a name", "somebody else's", "the namespace's own"],
)
def test_the_service_account_is_made_or_found(helm, account, made, used):
    objects = helm.objects({"serviceAccount": account})
    _, pod, _ = operator_of(objects)
    assert ("ServiceAccount" in kinds(objects), pod["serviceAccountName"]) == (made, used)


def test_the_account_has_its_annotations_and_its_token_is_for_those_who_ask(helm):
    account = one(helm.objects(EVERYTHING), "ServiceAccount", "operator")
    assert account["metadata"]["annotations"] == {"cloud.example/identity": "operator"}
    assert account["automountServiceAccountToken"] is False


def test_pods_pass_pod_security_restricted(helm):
    objects = helm.objects({})
    for pod in (operator_of(objects)[1], one(objects, "Pod")["spec"]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "bionemo-operator:0.1.0"),
        ({"repository": "a.example/b", "tag": "1"}, "a.example/b:1"),
        ({"tag": "1", "digest": DIGEST}, f"bionemo-operator@{DIGEST}"),
    ],
    ids=["of the chart's version", "by tag", "by digest"],
)
def test_an_image_is_named(helm, image, expected):
    objects = helm.objects({"image": image})
    assert operator_of(objects)[2]["image"] == expected
    assert one(objects, "Pod")["spec"]["containers"][0]["image"] == expected


def test_settings_reach_the_operator(helm):
    _, _, container = operator_of(helm.objects(EVERYTHING))
    environment = environment_of(container)
    assert environment["TRAINER_IMAGE"] == "registry.example/trainer:1.2"
    assert environment["WORKERS"] == "4"
    assert environment["PROGRESS_TIMEOUT_SECONDS"] == "0.5"
    assert environment["METRICS_PORT"] == "9090"
    assert environment["HTTPS_PROXY"] == "http://proxy.example:3128"


def test_users_of_a_pod_may_be_left_to_openshift(helm):
    _, pod, _ = operator_of(helm.objects(EVERYTHING))
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_replicas_are_placed_as_wanted(helm):
    deployment, pod, _ = operator_of(helm.objects(EVERYTHING))
    assert deployment["spec"]["replicas"] == 3
    assert pod["nodeSelector"] == {"pool": "system"}
    assert pod["tolerations"] == EVERYTHING["tolerations"]
    assert pod["affinity"] == EVERYTHING["affinity"]
    assert pod["priorityClassName"] == "system-cluster-critical"
    (spread,) = pod["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == deployment["spec"]["selector"]["matchLabels"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [1]),
        ({"podDisruptionBudget": {"maxUnavailable": "50%"}}, ["50%"]),
        ({"podDisruptionBudget": {"enabled": False}}, []),
        ({"replicas": 1}, []),
    ],
    ids=["by default", "by percentage", "off", "with one replica, whose node could not be drained"],
)
def test_evictions_leave_a_replica(helm, values, expected):
    budgets = [each for each in helm.objects(values) if each["kind"] == "PodDisruptionBudget"]
    assert [budget["spec"]["maxUnavailable"] for budget in budgets] == expected


def test_the_service_selects_the_operator_and_not_the_pod_of_the_test(helm):
    objects = helm.objects({})
    selector = one(objects, "Service")["spec"]["selector"].items()
    assert selector <= one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    assert not selector <= one(objects, "Pod")["metadata"]["labels"].items()


def test_prometheus_scrapes_the_operator_with_the_labels_of_its_series(helm):
    objects = helm.objects(EVERYTHING, apis=[PROMETHEUS])
    monitor = one(objects, "ServiceMonitor")
    labels = one(objects, "Service")["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert (endpoint["interval"], endpoint["honorLabels"]) == ("10s", True)
    assert monitor["metadata"]["labels"]["release"] == "monitoring"


@pytest.mark.parametrize(
    ("values", "expected"),
    [({}, {"any": True}), (NAMESPACED, {"matchNames": ["team-a", "team-b"]})],
    ids=["everywhere", "in some namespaces"],
)
def test_prometheus_scrapes_rank_0_of_trainings(helm, values, expected):
    spec = one(helm.objects(values, apis=[PROMETHEUS]), "PodMonitor")["spec"]
    assert spec["namespaceSelector"] == expected
    assert spec["selector"]["matchLabels"]["training.kubeflow.org/replica-index"] == "0"
    assert spec["podMetricsEndpoints"][0]["relabelings"][0]["targetLabel"] == "name"


@pytest.mark.parametrize("kind", ["serviceMonitor", "podMonitor", "prometheusRule"])
def test_what_prometheus_does_not_get_is_left_out(helm, chart, kind):
    (chart / "files/alerts/trainings.yaml").write_text(ALERT)
    name = kind[0].upper() + kind[1:]
    off = {"monitoring": {kind: {"enabled": False}}}
    assert name in kinds(helm.objects({}, chart=chart, apis=[PROMETHEUS]))
    assert name not in kinds(helm.objects({}, chart=chart))
    assert name not in kinds(helm.objects(off, chart=chart, apis=[PROMETHEUS]))


def test_alerts_are_taken_as_they_stand_from_every_file(helm, chart):
    (chart / "files/alerts/a.yaml").write_text(ALERT)
    (chart / "files/alerts/b.yaml").write_text(ALERT.replace("trainings", "operator"))
    rule = one(helm.objects({"monitoring": {"labels": {"a": "b"}}}, chart=chart, apis=[PROMETHEUS]), "PrometheusRule")
    first, second = rule["spec"]["groups"]
    assert first == yaml.safe_load(ALERT)["groups"][0]
    assert second["name"] == "operator"
    assert rule["metadata"]["labels"]["a"] == "b"


def runbooks_of(objects):
    groups = one(objects, "PrometheusRule")["spec"]["groups"]
    return {rule["alert"]: rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]}


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("", "docs/runbooks"),
        ("https://git.example.com/main/docs/runbooks", "https://git.example.com/main/docs/runbooks"),
        ("http://wiki:8080/bionemo/", "http://wiki:8080/bionemo"),
    ],
)
def test_runbooks_are_where_the_installation_has_them(helm, url, folder):
    objects = helm.objects({"monitoring": {"prometheusRule": {"runbooksUrl": url}}}, apis=[PROMETHEUS])
    assert {path.stem for path in (CHART.parents[1] / "docs/runbooks").glob("*.md")} == set(runbooks_of(objects))
    assert all(found == f"{folder}/{alert}.md" for alert, found in runbooks_of(objects).items())


def test_without_files_there_are_neither_alerts_nor_dashboards(helm, chart):
    assert not kinds(helm.objects({}, chart=chart, apis=[PROMETHEUS])) & {"PrometheusRule", "ConfigMap"}


def test_a_dashboard_is_taken_as_it_stands(helm, chart):
    (chart / "files/dashboards/fleet.json").write_text(DASHBOARD)
    made = one(helm.objects({}, chart=chart), "ConfigMap", "bionemo-operator-fleet")
    assert json.loads(made["data"]["fleet.json"]) == json.loads(DASHBOARD)
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert made["metadata"]["namespace"] == "bionemo-system"


def test_dashboards_go_where_grafana_looks(helm, chart):
    (chart / "files/dashboards/fleet.json").write_text(DASHBOARD)
    metadata = one(helm.objects(EVERYTHING, chart=chart), "ConfigMap", "bionemo-fleet")["metadata"]
    assert (metadata["namespace"], metadata["annotations"]) == ("grafana", {"folder": "BioNeMo"})
    assert metadata["labels"]["dashboard"] == "yes"
    off = {"monitoring": {"dashboards": {"enabled": False}}}
    assert "ConfigMap" not in kinds(helm.objects(off, chart=chart))


def test_there_are_no_network_policies_by_default(helm):
    assert "NetworkPolicy" not in kinds(helm.objects({}))


def test_the_operator_may_reach_the_api_server_trainings_and_what_is_named(helm):
    to_api, to_pods, extra = one(helm.objects(EVERYTHING), "NetworkPolicy", "bionemo")["spec"]["egress"]
    assert to_api == {"ports": [{"port": 6443}], "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]}
    assert to_pods == {
        "ports": [{"port": 9464}],
        "to": [{"podSelector": {"matchLabels": WORKERS}, "namespaceSelector": {}}],
    }
    assert extra == EVERYTHING["networkPolicy"]["extraEgress"][0]


def test_a_namespaced_operator_reaches_trainings_of_its_namespaces_alone(helm):
    policy = one(helm.objects({**NAMESPACED, "networkPolicy": {"enabled": True}}), "NetworkPolicy")
    (peer,) = policy["spec"]["egress"][1]["to"]
    (expression,) = peer["namespaceSelector"]["matchExpressions"]
    assert expression["values"] == ["team-a", "team-b"]


def test_metrics_are_read_by_those_who_may_and_by_the_test(helm):
    objects = helm.objects(EVERYTHING)
    (rule,) = one(objects, "NetworkPolicy", "bionemo")["spec"]["ingress"]
    prometheus, tester = rule["from"]
    assert rule["ports"] == [{"port": 9090}]
    assert prometheus == EVERYTHING["networkPolicy"]["scrapers"][0]
    assert tester["podSelector"]["matchLabels"].items() <= one(objects, "Pod")["metadata"]["labels"].items()


def test_pods_of_trainings_are_reached_by_each_other_the_operator_and_prometheus(helm):
    objects = helm.objects(EVERYTHING)
    policy = one(objects, "NetworkPolicy", "bionemo-trainings")
    each_other, progress = policy["spec"]["ingress"]
    prometheus, operator = progress["from"]
    assert policy["metadata"]["namespace"] == "team-a"
    assert each_other == {"from": [{"podSelector": {"matchLabels": WORKERS}}]}
    assert progress["ports"] == [{"port": 9464}]
    assert prometheus == EVERYTHING["networkPolicy"]["scrapers"][0]
    labels = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert operator["podSelector"]["matchLabels"].items() <= labels.items()
    assert operator["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "bionemo-system"}


def test_the_test_asks_all_replicas_by_the_name_of_the_service(helm):
    objects = helm.objects(EVERYTHING)
    pod = one(objects, "Pod")
    (container,) = pod["spec"]["containers"]
    script, *arguments = container["args"]
    assert script == (CHART / "files/check_replicas.py").read_text()
    assert arguments == ["bionemo-metrics.bionemo-system.svc", "9090", "3"]
    assert one(objects, "Service")["metadata"]["name"] == "bionemo-metrics"
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"


def test_the_pod_of_the_test_can_be_left_out(helm):
    assert "Pod" not in kinds(helm.objects({"tests": {"enabled": False}}))


def test_every_object_has_the_common_labels(helm):
    objects = helm.objects(EVERYTHING, apis=[PROMETHEUS])
    assert [each["metadata"]["name"] for each in objects if each["metadata"]["labels"].get("team") != "biology"] == []


@pytest.mark.parametrize(
    ("release", "expected"),
    [("bionemo-operator", "bionemo-operator"), ("mine", "mine-bionemo-operator"), ("x" * 53, "x" * 40)],
)
def test_names_begin_with_the_release(helm, release, expected):
    objects = yaml.safe_load_all(
        helm("template", release, str(CHART), "--kube-version=1.34.4", "--show-only=templates/deployment.yaml")
    )
    assert one(objects, "Deployment")["metadata"]["name"] == expected
