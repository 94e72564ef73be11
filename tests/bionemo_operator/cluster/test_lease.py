"""One replica leads at a time; another takes over when it falls silent, and at once when it says good-bye."""

import pytest

from bionemo_operator.cluster.client import Client
from bionemo_operator.cluster.kinds import LEASES
from bionemo_operator.cluster.lease import Leadership, LeasePlace
from bionemo_operator.errors import LeadershipLostError
from testkit.clock import Clock

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def candidate(client, clock):
    """Makes a candidate by its name."""

    def make(identity, told=None):
        place = LeasePlace(namespace="default", name="bionemo-operator", identity=identity, seconds=10)
        return Leadership(client, place, [].append if told is None else told.append, clock)

    return make


def spec_of(client):
    return client.get(LEASES, "default", "bionemo-operator")["spec"]


def test_the_first_candidate_makes_the_lease_and_leads(client, candidate):
    told = []
    one = candidate("one", told)
    assert not one.is_leading
    one.turn()
    assert one.is_leading
    assert told == [True]
    spec = spec_of(client)
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("one", 10, 0)
    assert spec["acquireTime"] == spec["renewTime"]


def test_a_second_candidate_waits(client, candidate, clock):
    one, two = candidate("one"), candidate("two")
    for _ in range(10):
        one.turn()
        two.turn()
        clock.passes(2)
    assert (one.is_leading, two.is_leading) == (True, False)
    assert spec_of(client)["holderIdentity"] == "one"


def test_a_renewal_keeps_the_time_at_which_the_lease_was_taken(client, candidate, clock):
    one = candidate("one")
    one.turn()
    before = spec_of(client)
    clock.passes(2)
    one.turn()
    after = spec_of(client)
    assert (after["acquireTime"], after["leaseTransitions"]) == (before["acquireTime"], 0)
    assert after["renewTime"] > before["renewTime"]


def test_a_renewal_is_one_request(api, candidate, clock):
    one = candidate("one")
    one.turn()
    asked = len(api.requests)
    clock.passes(2)
    one.turn()
    assert [request.method for request in api.requests[asked:]] == ["PUT"]


@pytest.mark.parametrize("status", [404, 409], ids=["deleted", "written by somebody else"])
def test_a_lease_that_is_not_as_it_was_left_is_looked_at(api, candidate, clock, status):
    one = candidate("one")
    one.turn()
    api.fail(status, "not as it was left", method="PUT")
    clock.passes(7)
    one.turn()
    clock.passes(7)
    assert one.is_leading
    assert [request.method for request in api.requests[-3:]] == ["PUT", "GET", "PUT"]


def test_a_silent_leader_is_followed_when_its_lease_has_run_out(client, candidate, clock):
    one, two = candidate("one"), candidate("two")
    one.turn()
    two.turn()
    clock.passes(9.9)
    two.turn()
    assert not two.is_leading
    clock.passes(0.1)
    two.turn()
    assert two.is_leading
    assert (spec_of(client)["holderIdentity"], spec_of(client)["leaseTransitions"]) == ("two", 1)


def test_a_leader_stops_before_anybody_else_may_begin(api, candidate, clock):
    told = []
    one = candidate("one", told)
    one.turn()
    api.fail(500, "down", times=100)
    clock.passes(7.9)
    one.turn()
    assert one.is_leading
    clock.passes(0.1)
    one.turn()
    assert not one.is_leading
    assert told == [True, False]


def test_a_leader_that_was_followed_leads_no_more(candidate, clock):
    one, two = candidate("one"), candidate("two")
    one.turn()
    two.turn()
    clock.passes(10)
    two.turn()
    one.turn()
    assert (one.is_leading, two.is_leading) == (False, True)


@pytest.mark.parametrize(
    ("method", "spec"), [("POST", None), ("PUT", {"holderIdentity": ""})], ids=["made anew", "taken over"]
)
def test_of_two_that_are_equally_fast_one_leads(client, api, candidate, method, spec):
    if spec:
        client.create(LEASES, "default", {"metadata": {"name": "bionemo-operator"}, "spec": spec})
    two = candidate("two")
    api.fail(409, "somebody was faster", method=method)
    two.turn()
    assert not two.is_leading
    two.turn()
    assert two.is_leading


def test_a_lease_that_is_given_back_is_taken_at_once(client, candidate):
    one, two = candidate("one"), candidate("two")
    one.turn()
    one.stop()
    assert not one.is_leading
    assert (spec_of(client)["holderIdentity"], spec_of(client)["leaseDurationSeconds"]) == ("", 1)
    two.turn()
    assert two.is_leading


def test_who_does_not_lead_gives_nothing_back(candidate, api):
    candidate("one").turn()
    two = candidate("two")
    two.turn()
    asked = len(api.requests)
    two.stop()
    assert len(api.requests) == asked


def test_a_lease_that_somebody_else_holds_is_not_given_back(client, candidate):
    one = candidate("one")
    one.turn()
    client.merge(LEASES, "default", "bionemo-operator", {"spec": {"holderIdentity": "two"}})
    one.stop()
    assert spec_of(client)["holderIdentity"] == "two"


def test_a_lease_that_can_not_be_given_back_runs_out_by_itself(api, candidate, caplog):
    caplog.set_level("INFO")
    one = candidate("one")
    one.turn()
    api.fail(503, "down")
    one.stop()
    assert not one.is_leading
    assert caplog.messages[-1].startswith("the lease runs out by itself: get /apis/coordination.k8s.io/v1/")


def test_it_renews_by_itself_until_it_is_stopped(api, client):
    told = []
    place = LeasePlace(namespace="default", name="bionemo-operator", identity="one", seconds=3)
    one = Leadership(client, place, told.append)
    one.start()
    api.objects.await_that(lambda: len(api.asked("PUT", LEASES)) >= 1)
    one.stop()
    assert told == [True]
    assert spec_of(client)["holderIdentity"] == ""


def test_a_client_writes_only_while_its_replica_leads(api, candidate, clock):
    one = candidate("one")
    one.turn()
    connection = api.connection()
    writing = Client(connection, may_write=lambda: one.is_leading)
    assert writing.merge(LEASES, "default", "bionemo-operator", {"metadata": {"labels": {"a": "b"}}})
    clock.passes(8)
    assert not one.is_leading
    with pytest.raises(LeadershipLostError, match="not sent, because another replica leads now"):
        writing.merge(LEASES, "default", "bionemo-operator", {"metadata": {"labels": {"a": "c"}}})
    connection.pool.clear()
