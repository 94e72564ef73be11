"""What kopf's watches tell reaches the controller; and kopf is given the connection that we use."""

import asyncio
import ssl

import kopf
import pytest
import urllib3
from kubernetes.client.configuration import Configuration

from bionemo_operator.cluster.credentials import Connection
from bionemo_operator.cluster.kinds import JOBS, PYTORCH_JOBS
from bionemo_operator.handlers.events import NoDiffBase, connection_info, register

OURS = {"labels": {"app.kubernetes.io/managed-by": "bionemo-operator", "bionemo.dev/name": "zinc"}}


class Listener:
    """Takes in events as a controller does."""

    def __init__(self):
        self.seen = []

    def see(self, kind, body, *, is_gone=False):
        self.seen.append((kind, body["metadata"].get("name"), is_gone))


def connection(**facts):
    configuration = Configuration()
    configuration.host = "https://api.example:6443/"
    for name, value in facts.items():
        setattr(configuration, name, value)
    return Connection(configuration=configuration, pool=urllib3.PoolManager(), namespace="lab")


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture
def registry(listener):
    registry = kopf.OperatorRegistry()
    register(registry, listener, connection())
    return registry


@pytest.fixture
def tell(registry):
    """Tells of an event of a kind, as kopf does."""
    handlers = {handler.id: handler.fn for handler in registry._watching._handlers}

    def tell(kind, type_, **metadata):
        event = {"type": type_, "object": {"metadata": {"name": "one", **metadata}}}
        asyncio.run(handlers[kind.plural](event=event))

    return tell


@pytest.mark.parametrize(
    ("type_", "is_gone"),
    [
        pytest.param(None, False, id="what is there when a watch begins"),
        pytest.param("ADDED", False, id="what is made"),
        pytest.param("MODIFIED", False, id="what changes"),
        pytest.param("DELETED", True, id="what goes"),
    ],
)
def test_an_event_is_passed_on(tell, listener, type_, is_gone):
    tell(PYTORCH_JOBS, type_)
    assert listener.seen == [(PYTORCH_JOBS, "one", is_gone)]


def test_of_jobs_only_ours_matter(tell, listener):
    tell(JOBS, "ADDED")
    assert listener.seen == []
    tell(JOBS, "ADDED", **OURS)
    assert listener.seen == [(JOBS, "one", False)]


def test_everything_but_pods_is_watched(registry):
    watched = sorted(handler.id for handler in registry._watching._handlers)
    assert watched == ["bionemopreprocesses", "bionemotrainings", "jobs", "pytorchjobs"]


def test_kopf_keeps_nothing_to_compare_with():
    body, storage = kopf.Body({"spec": {"nodes": 2}}), NoDiffBase()
    storage.store(body=body, patch=(patch := kopf.Patch()), essence={})
    assert (storage.build(body=body), storage.fetch(body=body), dict(patch)) == ({}, None, {})


def test_kopf_logs_in_with_our_connection(registry):
    (login,) = registry._activities._handlers
    assert asyncio.run(login.fn()).server == "https://api.example:6443"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, {"insecure": False, "scheme": None, "token": None}, id="nobody"),
        pytest.param({"api_key": {"authorization": "Bearer abc"}}, {"scheme": "Bearer", "token": "abc"}, id="a token"),
        pytest.param(
            {"api_key": {"BearerToken": "Basic YWRhOnNlY3JldA=="}},
            {"scheme": "Basic", "token": "YWRhOnNlY3JldA=="},
            id="a password",
        ),
        pytest.param(
            {"cert_file": "c", "key_file": "k", "ssl_ca_cert": "a"},
            {"certificate_path": "c", "private_key_path": "k", "ca_path": "a"},
            id="a certificate",
        ),
        pytest.param(
            {"verify_ssl": False, "proxy": "http://p:1"}, {"insecure": True, "proxy_url": "http://p:1"}, id="unverified"
        ),
    ],
)
def test_the_connection_is_the_same(facts, expected):
    info = connection_info(connection(**facts))
    assert (info.server, info.default_namespace) == ("https://api.example:6443", "lab")
    assert {name: getattr(info, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("wanted", "asked"), [("kubernetes", "kubernetes"), (None, "api.example")], ids=["another name", "its own name"]
)
def test_a_server_may_prove_to_be_another_name(wanted, asked):
    context = connection_info(connection(tls_server_name=wanted)).as_ssl_context()
    exchange = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=False, server_hostname="api.example")
    assert exchange.server_hostname == asked
