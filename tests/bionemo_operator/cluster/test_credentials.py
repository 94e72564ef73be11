"""The API server is reached as a kubeconfig or a pod's service account says."""

import pytest
import urllib3
import yaml
from kubernetes.config import incluster_config

from bionemo_operator.cluster.credentials import connect
from bionemo_trainer.errors import ConfigError, MissingInputError


def kubeconfig(folder, *, user=None, cluster=None, namespace="lab"):
    """A file with two contexts, of which the first is the current one."""
    context = {"cluster": "here", "user": "me"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "first",
        "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:1/", **(cluster or {})}}],
        "users": [{"name": "me", "user": user or {}}],
        "contexts": [
            {"name": "first", "context": {**context, **({"namespace": namespace} if namespace else {})}},
            {"name": "second", "context": {**context, "namespace": "other"}},
        ],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return str(path)


@pytest.fixture
def service_account(tmp_path, monkeypatch):
    """The files and variables that a pod finds."""
    for name, text in (("token", "abc"), ("ca.crt", "a certificate"), ("namespace", "operators\n")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")


@pytest.mark.parametrize(
    ("context", "namespace"), [(None, "lab"), ("second", "other")], ids=["the current context", "another context"]
)
def test_a_kubeconfig_says_where_and_in_which_namespace(tmp_path, context, namespace):
    connection = connect(kubeconfig=kubeconfig(tmp_path), context=context)
    assert (connection.host, connection.namespace) == ("http://127.0.0.1:1", namespace)


def test_without_a_namespace_it_is_the_default_one(tmp_path):
    assert connect(kubeconfig=kubeconfig(tmp_path, namespace=None)).namespace == "default"


@pytest.mark.parametrize(
    ("user", "headers"),
    [
        pytest.param({"token": "abc"}, {"Authorization": "Bearer abc"}, id="a token"),
        pytest.param(
            {"username": "ada", "password": "secret"}, {"Authorization": "Basic YWRhOnNlY3JldA=="}, id="a password"
        ),
        pytest.param({}, {}, id="nothing"),
    ],
)
def test_a_kubeconfig_says_who_asks(tmp_path, user, headers):
    assert connect(kubeconfig=kubeconfig(tmp_path, user=user)).headers() == headers


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        pytest.param({}, "CERT_REQUIRED", id="by default"),
        pytest.param({"insecure-skip-tls-verify": True}, "CERT_NONE", id="unless told not to"),
    ],
)
def test_the_server_must_prove_who_it_is(tmp_path, cluster, expected):
    pool = connect(kubeconfig=kubeconfig(tmp_path, cluster=cluster), connections=3).pool
    assert (pool.connection_pool_kw["cert_reqs"], pool.connection_pool_kw["maxsize"]) == (expected, 3)


def test_a_server_may_prove_to_be_another_name(tmp_path):
    pool = connect(kubeconfig=kubeconfig(tmp_path, cluster={"tls-server-name": "kubernetes"})).pool
    names = pool.connection_pool_kw["server_hostname"], pool.connection_pool_kw["assert_hostname"]
    assert names == ("kubernetes", "kubernetes")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("a: [", "while parsing a flow node", id="no YAML"),
        pytest.param("only words", "'str' object", id="YAML of another shape"),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path, text, reason):
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        connect(kubeconfig=str(path))
    said = str(caught.value)
    assert said.startswith(f"kubeconfig: '{path}' is no kubeconfig: {reason}")
    assert said.endswith("; correct it, or name another with KUBECONFIG or --kubeconfig.")


def test_a_proxy_is_used(tmp_path):
    pool = connect(kubeconfig=kubeconfig(tmp_path, cluster={"proxy-url": "http://proxy.example:3128"})).pool
    assert isinstance(pool, urllib3.ProxyManager)
    assert pool.proxy.url == "http://proxy.example:3128"


@pytest.mark.parametrize("missing", ["the file", "the context"])
def test_a_kubeconfig_that_is_not_there_is_named(tmp_path, missing):
    path = str(tmp_path / "nowhere") if missing == "the file" else kubeconfig(tmp_path)
    with pytest.raises(MissingInputError) as caught:
        connect(kubeconfig=path, context="third")
    said = str(caught.value)
    assert said.startswith("kubeconfig: no cluster is configured (Invalid kube-config")
    assert said.endswith("); set KUBECONFIG, or give --kubeconfig.")


@pytest.mark.usefixtures("service_account")
def test_a_pod_uses_its_service_account():
    connection = connect()
    assert (connection.host, connection.namespace) == ("https://10.0.0.1:443", "operators")
    assert connection.headers()["Authorization"].lower() == "bearer abc"


@pytest.mark.usefixtures("service_account")
def test_a_kubeconfig_that_is_named_goes_before_the_service_account(tmp_path):
    assert connect(kubeconfig=kubeconfig(tmp_path)).host == "http://127.0.0.1:1"
