"""`python -m bionemo_operator`: its log, and how it ends when it can't begin."""

import json
import logging

import pytest
import yaml

from bionemo_operator.__main__ import JsonFormatter, main
from testkit.api_stand_in import api_stand_in
from testkit.operator_process import OperatorProcess

RECORD = {
    "name": "bionemo_operator.x",
    "levelname": "WARNING",
    "levelno": 30,
    "msg": "%s left",
    "args": (3,),
    "created": 0.5,
}


@pytest.fixture
def logging_as_before():
    """The root logger's handlers and level are put back."""
    root, kopf = logging.getLogger(), logging.getLogger("kopf")
    before = root.handlers[:], root.level, kopf.level
    yield
    root.handlers[:], root.level, kopf.level = before


def test_a_record_is_a_line_of_json_with_its_fields():
    record = logging.makeLogRecord({**RECORD, "port": 8080, "seen": {1}})
    assert json.loads(JsonFormatter().format(record)) == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "warning",
        "logger": "bionemo_operator.x",
        "message": "3 left",
        "port": 8080,
        "seen": "{1}",
    }


def test_an_exception_comes_with_its_trace():
    error = ZeroDivisionError("by zero")
    record = logging.makeLogRecord({**RECORD, "exc_info": (type(error), error, None)})
    assert json.loads(JsonFormatter().format(record))["exception"] == "ZeroDivisionError: by zero"


def test_wrong_settings_are_answered_in_lines(monkeypatch, capsys):
    monkeypatch.setenv("BIONEMO_OPERATOR_WORKERS", "0")
    monkeypatch.setenv("BIONEMO_OPERATOR_METRICS_PORT", "x")
    assert main() == 64
    assert capsys.readouterr().err == (
        "error: environment variable BIONEMO_OPERATOR_WORKERS: '0' is wrong: "
        "Input should be greater than or equal to 1; correct or unset it.\n"
        "error: environment variable BIONEMO_OPERATOR_METRICS_PORT: 'x' is wrong: "
        "Input should be a valid integer, unable to parse string as an integer; correct or unset it.\n"
    )


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_without_a_cluster_it_says_so(monkeypatch, capsys, tmp_path, log_format):
    monkeypatch.setenv("BIONEMO_OPERATOR_LOG_FORMAT", log_format)
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    assert main() == 66
    assert capsys.readouterr().err.startswith("error: kubeconfig: no cluster is configured (")


@pytest.fixture
def api():
    with api_stand_in() as api:
        yield api


@pytest.fixture
def kubeconfig(api, tmp_path):
    """File that leads to the API server in memory."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "only",
        "clusters": [{"name": "only", "cluster": {"server": f"http://127.0.0.1:{api.port}"}}],
        "users": [{"name": "only", "user": {"token": "abc"}}],
        "contexts": [{"name": "only", "context": {"cluster": "only", "user": "only"}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.enable_socket
def test_it_runs_until_it_is_asked_to_end(api, kubeconfig):
    operator = OperatorProcess(kubeconfig=kubeconfig)
    operator.start()
    assert operator.stop() == 0
    assert {request.authorization for request in api.requests} == {"Bearer abc"}


@pytest.mark.enable_socket
def test_it_ends_by_itself_when_nobody_knows_it_any_more(api, kubeconfig):
    api.fail(401, "Unauthorized", times=10_000)
    operator = OperatorProcess(kubeconfig=kubeconfig, settings={"REFUSED_SECONDS": "1"})
    operator.start()
    assert operator.ended() == 1
