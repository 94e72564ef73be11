"""Nodes are asked for sparingly; what may not be read is unknown, and nothing else suffers."""

import pytest

from bionemo_operator.cluster.kinds import NODES
from bionemo_operator.cluster.nodes import KEEP_SECONDS, MOST_KEPT, NodeReader
from bionemo_operator.planning.observed import Node

pytestmark = pytest.mark.enable_socket
MIB = 2**20


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def reader(client, now):
    return NodeReader(client, clock=lambda: now[0])


def node(client, name="one", status="True", **labels):
    conditions = [{"type": "Ready", "status": status, "reason": "KubeletStoppedPosting"}]
    manifest = {"metadata": {"name": name, "labels": labels}, "spec": {}, "status": {"conditions": conditions}}
    client.create(NODES, "", manifest)


def gpus(client, name, mib, **labels):
    node(client, name, **{"nvidia.com/gpu.memory": str(mib), **labels})


def test_a_node_says_how_it_is(client, reader):
    node(client, status="Unknown")
    assert reader.get("one") == Node(name="one", trouble="its condition Ready is Unknown (KubeletStoppedPosting)")


def test_a_node_that_has_been_removed_is_in_trouble(reader):
    assert reader.get("one") == Node(name="one", trouble="it is no node of the cluster any more")


def test_the_largest_gpu_of_the_nodes_with_the_labels_counts(client, reader):
    gpus(client, "small", 16384)
    gpus(client, "large", 81920)
    gpus(client, "huge", 196608, zone="other")
    node(client, "without")
    assert reader.gpu_memory_bytes({}) == 196608 * MIB
    assert reader.gpu_memory_bytes({"zone": "other"}) == 196608 * MIB
    assert reader.gpu_memory_bytes({"zone": "none"}) is None


def test_a_selector_that_names_the_memory_asks_nobody(api, reader):
    assert reader.gpu_memory_bytes({"nvidia.com/gpu.memory": "81920"}) == 81920 * MIB
    assert api.requests == []


def test_an_answer_is_good_for_a_while(client, api, reader, now):
    assert reader.gpu_memory_bytes({}) is None
    gpus(client, "new", 81920)
    now[0] = KEEP_SECONDS - 1
    assert reader.gpu_memory_bytes({}) is None
    now[0] = KEEP_SECONDS
    assert reader.gpu_memory_bytes({}) == 81920 * MIB
    assert len(api.asked("GET", NODES)) == 2


def test_not_all_answers_are_kept_for_ever(reader):
    for number in range(MOST_KEPT + 1):
        reader.gpu_memory_bytes({"zone": str(number)})
    assert len(reader._known) == 1


def test_who_may_not_read_nodes_does_not_ask_again_for_a_while(client, api, reader, now):
    node(client)
    api.fail(403, "forbidden", path="/nodes")
    assert reader.get("one") is None
    assert reader.get("one") is None
    assert reader.gpu_memory_bytes({}) is None
    assert len(api.asked("GET", NODES)) == 1
    now[0] = KEEP_SECONDS
    assert reader.get("one") == Node(name="one", trouble="")


def test_a_server_that_does_not_answer_leaves_it_unknown(client, api, reader):
    node(client)
    api.fail(500, "down", path="/nodes", times=2)
    assert reader.get("one") is None
    assert reader.gpu_memory_bytes({}) is None
    assert reader.get("one") == Node(name="one", trouble="")


def test_a_list_of_nothing_may_be_null(api, reader):
    api.fail(200, "a document without items", path="/nodes")
    assert reader.gpu_memory_bytes({}) is None
