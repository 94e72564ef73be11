"""What a cluster's failures mean for a user, and that commands without a cluster do not load its client."""

import json
import subprocess
import sys

import pytest
import yaml
from typer.testing import CliRunner

from bionemo_operator.cli import main
from bionemo_operator.cli.app import app
from bionemo_operator.cli.cluster_access import Access, meaning_of, reached
from bionemo_operator.errors import ConflictError, cluster_error
from bionemo_trainer.errors import MissingInputError

REQUEST = "get /apis/bionemo.dev/v1alpha1/bionemotrainings"


@pytest.fixture
def kubeconfig(tmp_path):
    """A kubeconfig whose address nobody answers at."""
    path = tmp_path / "config"
    entries = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
            {"name": "two", "context": {"cluster": "c", "user": "u"}},
        ],
    }
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "one", **entries}))
    return str(path)


@pytest.mark.parametrize(
    ("status", "message", "exit_code", "words"),
    [
        pytest.param(
            422, "spec.nodes: Invalid\nvalue", 64,
            "was refused (422: spec.nodes: Invalid value); correct what it names, or ask an administrator for the right to do "
            "this.",
            id="refused",
        ),
        pytest.param(
            404, "page not found", 66,
            "found nothing (404: page not found); create what is missing, install the operator's chart, or name another "
            "cluster with --context.",
            id="missing",
        ),
        pytest.param(401, "Unauthorized", 74, "failed (401: Unauthorized); log in to the cluster again.", id="unknown user"),
        pytest.param(503, "busy", 74, "failed (503: busy); try again.", id="busy"),
        pytest.param(409, "changed", 74, "failed (409: changed); try again.", id="conflict"),
        pytest.param(
            0, "refused", 74,
            "failed (no answer: refused); check the address and the network, or name another cluster with --context.",
            id="no answer",
        ),
    ],
)  # fmt: skip
def test_a_failed_request_is_one_line_with_a_mend(status, message, exit_code, words):
    error = meaning_of(cluster_error(REQUEST, status, message))
    assert (error.exit_code, str(error)) == (exit_code, f"cluster: '{REQUEST}' {words}")


def test_options_come_before_the_kubeconfig(kubeconfig):
    found = []
    for access in (Access(), Access(context="two"), Access(namespace="mine")):
        with reached(Access(kubeconfig=kubeconfig, namespace=access.namespace, context=access.context)) as cluster:
            found.append((cluster.namespace, cluster.is_chosen))
    assert found == [("team", False), ("default", False), ("mine", True)]


def test_errors_within_a_command_are_translated_in_one_place(kubeconfig):
    with pytest.raises(MissingInputError, match="found nothing"), reached(Access(kubeconfig=kubeconfig)):
        raise cluster_error(REQUEST, 404, "no such kind")


def test_a_conflict_is_no_success():
    assert meaning_of(ConflictError(REQUEST, 409, "changed")).exit_code == 74


def test_no_kubeconfig_is_said(tmp_path):
    result = CliRunner().invoke(app, ["resume", "x", "--kubeconfig", str(tmp_path / "none")])
    assert str(result.exception).startswith("kubeconfig: no cluster is configured (")


@pytest.mark.enable_socket
def test_a_cluster_that_does_not_answer_ends_with_code_74_and_one_line(kubeconfig, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bionemo", "suspend", "small", "--kubeconfig", kubeconfig])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 74
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "error: cluster: 'GET /apis/bionemo.dev/v1alpha1/namespaces/team/bionemotrainings/small' failed ("
    )


def test_help_loads_no_client_of_kubernetes():
    program = (
        "import json, sys; from typer.testing import CliRunner; from bionemo_operator.cli.app import app;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "print(json.dumps(sorted({'kubernetes', 'kopf', 'urllib3', 'pydantic', 'torchx'} & set(sys.modules))))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert json.loads(output) == []


def test_users_write_under_their_own_name(cluster):
    assert cluster.client.manager == "bionemo"
