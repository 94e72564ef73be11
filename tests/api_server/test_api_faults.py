"""Whatever becomes of requests and watches, a training comes to the same end, once, and the operator's metrics tell of it.

A proxy of ours stands between the operator and the real API server. The test itself goes past it.
"""

import json

import pytest

from bionemo_operator.cluster.kinds import PODS
from bionemo_operator.handlers.events import WATCHED
from testkit.api_proxy import api_proxy
from testkit.cluster_waiting import eventually
from testkit.namespace_view import NamespaceView
from testkit.operator_process import OperatorProcess

STOPPED = '{"exitCode": 75, "rank": 0, "message": "stopped on request", "step": 40}'
EXPECTED = ("Succeeded", [(1, "Stopped", 40), (2, None, 40)], 1, ["small-2"])


@pytest.fixture(scope="module")
def proxy(plane, tmp_path_factory):
    with api_proxy(plane.kubeconfig, tmp_path_factory.mktemp("proxy")) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def operator(proxy):
    """One replica that reaches the API server through the proxy."""
    process = OperatorProcess(kubeconfig=proxy.kubeconfig)
    process.start()
    assert eventually(lambda: process.metric("bionemo_operator_leads") == 1.0)
    yield process
    assert process.stop() == 0


@pytest.fixture
def life(operator, proxy, plane, namespace, kubelet):
    assert eventually(lambda: plane.kubectl.get("serviceaccount", f"--namespace={namespace}")["items"])
    yield Life(operator, proxy, NamespaceView(kubectl=plane.kubectl, namespace=namespace), kubelet)
    proxy.heal()


class Life:
    """A training with one stop on its way, and what the operator tells meanwhile."""

    def __init__(self, operator, proxy, cluster, kubelet):
        self.operator, self.proxy, self.cluster, self.kubelet = operator, proxy, cluster, kubelet
        self.before = {}

    def begin(self):
        """Applies the training and lets its first attempt run."""
        self.cluster.apply(nodes=1)
        self.attempt(1)

    def go_on(self):
        """The first attempt is stopped, and the second one is done."""
        self.kubelet.fail("small-1-worker-0", 75, STOPPED)
        self.attempt(2)
        self.kubelet.succeed("small-2-worker-0")
        assert eventually(lambda: self.cluster.status().get("phase") == "Succeeded")

    def attempt(self, number):
        """An attempt begins and runs."""
        pod = f"small-{number}-worker-0"
        assert eventually(lambda: pod in self.cluster.names("pod"))
        self.kubelet.bind(pod, "node-0")
        self.kubelet.run(pod)
        assert eventually(lambda: self.cluster.reason("Running") == "AllNodesRunning")

    def outcome(self):
        """What is left of it, but for times."""
        status = self.cluster.status()
        attempts = [(one["number"], one.get("cause"), one.get("endStep")) for one in status["recovery"]["attempts"]]
        return status["phase"], attempts, status["recovery"]["restarts"], self.cluster.names("pytorchjob")

    def made(self):
        """PyTorchJobs that the API server has ever made here, in order."""
        folder = f"/apis/kubeflow.org/v1/namespaces/{self.cluster.namespace}/pytorchjobs/"
        return [path.removeprefix(folder) for path in self.proxy.created if path.startswith(folder)]

    def remember(self, *samples):
        """What the metrics say now."""
        self.before = {sample: self.operator.metric(sample) or 0.0 for sample in samples}

    def grown(self):
        """By how much they have grown since."""
        return {sample: (self.operator.metric(sample) or 0.0) - before for sample, before in self.before.items()}


def requests(verb, code):
    return f'bionemo_operator_api_requests_total{{code="{code}",verb="{verb}"}}'


def passes(result):
    return f'bionemo_operator_passes_total{{kind="bionemotrainings",result="{result}"}}'


def breaks(reason):
    return f'bionemo_operator_watch_breaks_total{{reason="{reason}",resource="pods"}}'


CREATE, APPLY = {"method": "POST", "path": "/pytorchjobs"}, {"method": "PATCH", "path": "/status"}
LATE = {"is_sent": True}
SLOW_DOWN = {"headers": {"Retry-After": "1"}}


@pytest.mark.parametrize(
    ("status", "fault", "request_", "result"),
    [
        pytest.param(409, CREATE, ("create", 409), "gone", id="409 to a job that is not there"),
        pytest.param(409, APPLY, ("apply", 409), "conflict", id="409 to a status"),
        pytest.param(410, APPLY, ("apply", 410), "gone", id="410 to a status"),
        pytest.param(429, CREATE | SLOW_DOWN, ("create", 429), "unavailable", id="429 to a job"),
        pytest.param(429, APPLY | SLOW_DOWN, ("apply", 429), "unavailable", id="429 to a status"),
        pytest.param(500, CREATE, ("create", 500), "unavailable", id="500 to a job"),
        pytest.param(500, CREATE | LATE, ("create", 500), "unavailable", id="500 to a job that was made"),
        pytest.param(500, APPLY | LATE, ("apply", 500), "unavailable", id="500 to a status that was written"),
        pytest.param(0, CREATE, ("create", "none"), "unavailable", id="a connection that broke before a job was made"),
        pytest.param(0, CREATE | LATE, ("create", "none"), "unavailable", id="a connection that broke after it"),
        pytest.param(0, APPLY | LATE, ("apply", "none"), "unavailable", id="a connection that broke after a status"),
    ],
)
def test_a_request_that_fails_is_made_good(life, proxy, status, fault, request_, result):
    injected = proxy.fail(status, times=2, **fault)
    life.remember(requests(*request_), passes(result))
    life.begin()
    life.go_on()
    assert (life.outcome(), life.made()) == (EXPECTED, ["small-1", "small-2"])
    assert injected.times == 0, "it has happened"
    assert min(life.grown().values()) >= 1, life.grown()


def test_a_server_that_fails_every_other_request_is_worn_down(life, proxy):
    life.remember(requests("update", 500))
    injected = proxy.fail(500, times=30)
    life.begin()
    life.go_on()
    assert (life.outcome(), life.made()) == (EXPECTED, ["small-1", "small-2"])
    assert injected.times == 0
    assert life.grown()[requests("update", 500)] >= 1, "the lease was to be renewed"


def test_slow_answers_and_watches_only_delay(life, proxy):
    life.remember(passes("ok"))
    proxy.delay_seconds = 0.7
    life.begin()
    life.go_on()
    assert (life.outcome(), life.made()) == (EXPECTED, ["small-1", "small-2"])


@pytest.mark.parametrize(
    ("injure", "reason"),
    [
        pytest.param(lambda proxy: proxy.break_watches(), "broken", id="break off"),
        pytest.param(lambda proxy: proxy.expire_watches(), "expired", id="are too old"),
    ],
)
def test_watches_that_end_are_taken_up(life, proxy, injure, reason):
    life.remember(breaks(reason))
    life.begin()
    assert injure(proxy) >= 5, "of two kinds of ours, PyTorchJobs, Jobs and pods"
    life.go_on()
    assert (life.outcome(), life.made()) == (EXPECTED, ["small-1", "small-2"])
    assert life.grown() == {breaks(reason): 1}


@pytest.mark.parametrize(("status", "reason"), [(410, "expired"), (500, "broken"), (0, "broken")])
def test_watches_that_are_refused_are_asked_for_again(life, proxy, status, reason):
    life.begin()
    life.remember(breaks(reason))
    injected = [proxy.fail(status, is_watch=True, path=f"/{kind.plural}", times=2) for kind in (*WATCHED, PODS)]
    proxy.break_watches()
    life.go_on()
    assert eventually(lambda: not any(fault.times for fault in injected))
    assert (life.outcome(), life.made()) == (EXPECTED, ["small-1", "small-2"])
    assert life.grown()[breaks(reason)] >= 1


def test_a_watch_that_falls_silent_is_told_and_goes_on(life, proxy, operator):
    life.begin()
    proxy.flows.clear()
    age = 'bionemo_operator_watch_age_seconds{resource="pods"}'
    assert eventually(lambda: operator.metric(age) > 5.0)
    assert json.loads(operator.get("/healthz")) == {"faults": {}}
    proxy.flows.set()
    life.go_on()
    assert (life.outcome(), life.made()) == (EXPECTED, ["small-1", "small-2"])


def test_credentials_that_are_refused_for_good_end_the_process(life, proxy):
    other = OperatorProcess(kubeconfig=proxy.kubeconfig, identity="operator-1", settings={"REFUSED_SECONDS": "3"})
    other.start()
    proxy.fail(401, times=10_000)
    assert other.ended() == 1
    proxy.heal()
    life.begin()
