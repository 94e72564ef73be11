"""The store keeps the newest version of each object, knows whose it is, and remembers for a while what was removed."""

import pytest

from bionemo_operator.cluster.kinds import PODS
from bionemo_operator.cluster.store import REMEMBER_SECONDS, Store, key_of, version_of
from testkit.clock import Clock

OWNER, OTHER = ("lab", "small"), ("lab", "other")


def pod(name="a", version=1, uid="u", owner="small", namespace="lab"):
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": uid,
        "resourceVersion": str(version),
        "labels": {"o": owner},
    }
    return {"metadata": metadata}


def owner_of(body):
    owner = body["metadata"]["labels"]["o"]
    return (body["metadata"]["namespace"], owner) if owner else None


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    return Store(owner_of, clock)


def test_the_newer_version_stays_in_whichever_order_they_come(store):
    assert store.put(PODS, pod(version=5))
    assert not store.put(PODS, pod(version=4))
    assert store.get(PODS, ("lab", "a")) == pod(version=5)
    assert store.put(PODS, pod(version=10))
    assert store.all(PODS) == (pod(version=10),)


def test_an_object_made_anew_under_the_same_name_is_another_one(store):
    store.put(PODS, pod(version=5, uid="old"))
    assert store.put(PODS, pod(version=8, uid="new"))
    store.remove(PODS, pod(version=7, uid="old"))
    assert store.get(PODS, ("lab", "a")) == pod(version=8, uid="new")


def test_late_news_of_an_earlier_object_of_the_same_name_are_none(store):
    store.put(PODS, pod(version=8, uid="new"))
    assert not store.put(PODS, pod(version=6, uid="old"))
    assert store.get(PODS, ("lab", "a")) == pod(version=8, uid="new")


def test_a_name_that_went_to_another_owner_is_no_member_of_the_first(store):
    store.put(PODS, pod(version=1))
    store.remove(PODS, pod(version=2))
    store.put(PODS, pod(version=3, uid="new", owner="other"))
    assert store.members(PODS, OWNER) == ()
    assert store.members(PODS, OTHER) == (pod(version=3, uid="new", owner="other"),)


def test_members_are_found_by_their_owner(store):
    store.put(PODS, pod("b", owner="other"))
    store.put(PODS, pod("a"))
    assert store.members(PODS, OWNER) == (pod("a"),)
    store.put(PODS, pod("a", version=2, owner="other"))
    assert store.members(PODS, OWNER) == ()
    assert len(store.members(PODS, OTHER)) == 2


def test_what_was_removed_is_remembered_and_does_not_come_back(store):
    store.put(PODS, pod())
    store.remove(PODS, pod(version=2))
    assert store.members(PODS, OWNER) == ()
    assert store.gone_members(PODS, OWNER) == (pod(version=2),)
    assert not store.put(PODS, pod(version=1))


def test_what_was_removed_long_ago_is_forgotten(store, clock):
    store.put(PODS, pod("a"))
    store.put(PODS, pod("b"))
    store.remove(PODS, pod("a"))
    clock.passes(REMEMBER_SECONDS)
    store.remove(PODS, pod("b"))
    assert store.gone_members(PODS, OWNER) == (pod("a"), pod("b"))
    clock.passes(1)
    store.remove(PODS, pod("c", owner=""))
    assert store.gone_members(PODS, OWNER) == (pod("b"),)


def test_nothing_is_left_of_an_owner_whose_last_member_is_long_gone(store, clock):
    for body in (pod("a"), pod("free", owner="")):
        store.put(PODS, body)
        store.remove(PODS, body)
    clock.passes(REMEMBER_SECONDS + 1)
    store.remove(PODS, pod("c", owner=""))
    assert store.gone_members(PODS, OWNER) == ()


def test_a_successor_stays_a_member_when_its_predecessor_is_forgotten(store, clock):
    store.put(PODS, pod(version=1))
    store.remove(PODS, pod(version=2))
    store.put(PODS, pod(version=3, uid="new"))
    clock.passes(REMEMBER_SECONDS + 1)
    store.remove(PODS, pod("c", owner=""))
    assert store.members(PODS, OWNER) == (pod(version=3, uid="new"),)


def test_a_list_takes_out_what_it_does_not_hold_unless_that_is_newer(store):
    store.put(PODS, pod("old", version=1))
    store.put(PODS, pod("newer", version=9))
    store.put(PODS, pod("elsewhere", version=1, namespace="other"))
    answer = {
        "apiVersion": "v1",
        "kind": "PodList",
        "metadata": {"resourceVersion": "5"},
        "items": [pod("a", version=3)],
    }
    news = store.take_list(PODS, answer, "lab")
    assert [body["metadata"]["name"] for body in news] == ["a", "old"]
    assert news[0]["kind"] == "Pod"
    assert {body["metadata"]["name"] for body in store.all(PODS)} == {"a", "newer", "elsewhere"}


def test_what_a_list_repeats_is_no_news(store):
    listed = {"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "5"}, "items": [pod(version=3)]}
    store.put(PODS, pod(version=3))
    assert store.take_list(PODS, listed) == []


def test_without_an_index_there_are_no_members():
    store = Store()
    store.put(PODS, pod())
    assert store.members(PODS, OWNER) == ()


def test_objects_of_no_namespace_have_keys_too():
    assert key_of({"metadata": {"name": "node-1"}}) == ("", "node-1")


def test_a_version_that_is_no_number_counts_as_old():
    assert version_of({"metadata": {"resourceVersion": "x"}}) == 0
    assert version_of({"metadata": {}}) == 0


def test_what_nobody_reads_is_not_kept(store):
    seen = pod(version=5)
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "kept"}
    seen["metadata"] |= {"managedFields": [{"manager": "somebody"}], "annotations": applied}
    store.put(PODS, seen)
    slim = pod(version=5)
    slim["metadata"]["annotations"] = {"note": "kept"}
    assert store.get(PODS, ("lab", "a")) == slim
    store.remove(PODS, seen)
    assert store.gone_members(PODS, OWNER) == (slim,)
    assert seen["metadata"]["managedFields"], "the watch's own object is left alone"
