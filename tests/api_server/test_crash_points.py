"""An operator that dies before or after any request of a training's life is taken over without a trace in the end."""

import pytest

from bionemo_operator.cluster.client import Client
from bionemo_operator.cluster.credentials import connect
from bionemo_operator.cluster.kinds import PODS, PYTORCH_JOBS, TRAININGS
from bionemo_operator.cluster.progress import ProgressReader
from bionemo_operator.cluster.store import Store
from bionemo_operator.controller.controller import owner_of
from bionemo_operator.controller.reporter import StatusReporter
from bionemo_operator.controller.training_controller import TrainingController
from bionemo_operator.errors import ConflictError
from testkit.cluster_waiting import eventually
from testkit.documents import training_document

STOPPED = '{"exitCode": 75, "rank": 0, "message": "stopped on request", "step": 40}'
POINTS = 9
"""Fewest requests of the life below that change something: one more tells a pod's end that the job does not show yet."""


class Death(BaseException):
    """The operator's process is gone."""


class MortalClient(Client):
    """Dies around one of its changes."""

    def __init__(self, connection, dies_at, is_sent):
        super().__init__(connection)
        self.changes = 0
        self.dies_at = dies_at
        self.is_sent = is_sent

    def _request(self, verb, method, path, body=None, **more):
        if verb in ("get", "list"):
            return super()._request(verb, method, path, body, **more)
        self.changes += 1
        is_last = self.changes == self.dies_at
        if is_last and not self.is_sent:
            raise Death
        answer = super()._request(verb, method, path, body, **more)
        if is_last:
            raise Death
        return answer


class Life:
    """A training, the operators that look after it one after the other, and the kubelet."""

    def __init__(self, plane, namespace, kubelet, dies_at=0, is_sent=False):
        self.kubectl, self.kubelet = plane.kubectl, kubelet
        self.namespace, self.place = namespace, f"--namespace={namespace}"
        self.client = MortalClient(connect(kubeconfig=str(plane.kubeconfig)), dies_at, is_sent)
        self.told = []
        """Events, which are written behind the work: a death may lose them, and nothing else depends on them."""
        self.deaths = 0
        self.begin_anew()

    def begin_anew(self):
        """Another process, which knows nothing."""
        self.store = Store(index_by=owner_of)
        reporter = StatusReporter(self.client, self.store, self.told.append, TRAININGS, "test")
        self.passes = TrainingController(self.client, self.store, reporter, "trainer:1", ProgressReader(19465, 0.1))

    def settle(self):
        """Passes, until one changes nothing."""
        before = -1
        while before != self.client.changes:
            before = self.client.changes
            for kind in (TRAININGS, PYTORCH_JOBS, PODS):
                self.store.take_list(kind, self.client.list(kind, self.namespace), self.namespace)
            try:
                self.passes.run((self.namespace, "small"))
            except Death:
                self.deaths += 1
                self.begin_anew()
            except ConflictError:
                before = -1  # the job is there already; look again

    def becomes(self, question):
        """Passes until something is so."""

        def asked():
            self.settle()
            return question()

        assert eventually(asked)

    def names(self, kind):
        return [found["metadata"]["name"] for found in self.kubectl.get(kind, self.place)["items"]]

    def status(self):
        return self.kubectl.get("bnt", "small", self.place).get("status", {})

    def run(self):
        """The whole of it: one attempt is stopped, the next one is done."""
        claim = {"claim": {"name": "data"}}
        document = training_document(
            "small", recipe="molecule/megamolbart/pretrain_xsmall_span_aug", nodes=1, gpusPerNode=1, dataset=claim
        )
        self.kubectl.apply(document, self.place)
        self.becomes(lambda: self.names("pod") == ["small-1-worker-0"])
        self.kubelet.bind("small-1-worker-0", "node-0")
        self.kubelet.run("small-1-worker-0")
        self.becomes(lambda: self.status()["phase"] == "Running")
        self.kubelet.fail("small-1-worker-0", 75, STOPPED)
        self.becomes(lambda: "small-2-worker-0" in self.names("pod"))
        self.kubelet.bind("small-2-worker-0", "node-0")
        self.kubelet.run("small-2-worker-0")
        self.becomes(lambda: self.status()["phase"] == "Running")
        self.kubelet.succeed("small-2-worker-0")
        self.becomes(lambda: self.status()["phase"] == "Succeeded")

    def outcome(self):
        """What is left of it, but for times."""
        status = self.status()
        attempts = [(one["number"], one.get("cause"), one.get("endStep")) for one in status["recovery"]["attempts"]]
        return status["phase"], attempts, status["recovery"]["restarts"], self.names("pytorchjob")


EXPECTED = ("Succeeded", [(1, "Stopped", 40), (2, None, 40)], 1, ["small-2"])


def test_a_life_without_death(plane, namespace, kubelet):
    life = Life(plane, namespace, kubelet)
    life.run()
    assert life.outcome() == EXPECTED
    assert life.client.changes >= POINTS


@pytest.mark.parametrize("is_sent", [False, True], ids=["before it is sent", "before its answer is read"])
@pytest.mark.parametrize("dies_at", range(1, POINTS + 1))
def test_a_life_with_a_death_comes_to_the_same(plane, namespace, kubelet, dies_at, is_sent):
    life = Life(plane, namespace, kubelet, dies_at, is_sent)
    life.run()
    assert life.deaths == 1
    assert life.outcome() == EXPECTED
