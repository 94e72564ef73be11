"""A key waits once, is worked on once at a time, and comes again when asked for; failures make it come ever later."""

import threading
import time

import pytest

from bionemo_operator.controller.work_queue import Taken, WorkQueue
from testkit.clock import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(clock):
    return WorkQueue(clock)


def test_a_key_that_is_woken_often_waits_once(queue):
    queue.wake("a")
    queue.wake("a")
    assert queue.depth == 1
    assert queue.take() == Taken(key="a", waited_seconds=0.0)
    assert queue.depth == 0


def test_the_earliest_wish_counts(queue, clock):
    queue.wake("a", 50)
    queue.wake("a", 10)
    queue.wake("a", 30)
    clock.passes(12)
    assert queue.take() == Taken(key="a", waited_seconds=2.0)
    assert queue.depth == 0


def test_a_key_that_is_worked_on_waits_for_the_end_of_it(queue):
    queue.wake("a")
    queue.take()
    queue.wake("a")
    queue.wake("b")
    assert queue.take().key == "b"
    queue.succeeded("a")
    assert queue.take().key == "a"


def test_a_key_comes_again_when_asked_for(queue, clock):
    queue.wake("a")
    queue.take()
    queue.succeeded("a", again_after_seconds=15)
    assert queue.depth == 0
    clock.passes(15)
    assert queue.take().key == "a"


def test_a_key_that_comes_again_at_once_lets_others_go_first(queue, clock):
    for key in "ab":
        queue.wake(key)
    queue.take()
    queue.succeeded("a", again_after_seconds=0.0)
    clock.passes(1)
    queue.wake("c")
    assert [queue.take() for _ in "bca"] == [
        Taken(key="b", waited_seconds=1.0),
        Taken(key="c", waited_seconds=0.0),
        Taken(key="a", waited_seconds=0.0),
    ]


def test_it_lets_others_go_first_for_a_while_only(queue, clock):
    queue.wake("a")
    queue.take()
    queue.succeeded("a", again_after_seconds=0.0)
    clock.passes(6)
    queue.wake("b")
    assert queue.take() == Taken(key="a", waited_seconds=1.0)


def test_failures_in_a_row_wait_ever_longer_up_to_a_limit(queue, clock):
    waits = []
    queue.wake("a")
    for _ in range(10):
        queue.take()
        queue.failed("a")
        waits.append(queue._due["a"] - clock.now)
        clock.passes(waits[-1])
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 64, 120, 120]


def test_a_success_ends_the_row(queue, clock):
    queue.wake("a")
    for _ in range(3):
        queue.take()
        queue.failed("a")
        clock.passes(10)
    queue.take()
    queue.succeeded("a")
    queue.wake("a")
    queue.take()
    queue.failed("a")
    clock.passes(0.5)
    assert queue.depth == 1


def test_keys_come_in_the_order_in_which_they_are_due(queue, clock):
    for key, seconds in (("late", 2), ("soon", 1), ("now", 0)):
        queue.wake(key, seconds)
    clock.passes(2)
    assert [queue.take().key for _ in range(3)] == ["now", "soon", "late"]


def test_an_earlier_wish_leaves_no_second_one_behind(queue, clock):
    queue.wake("a", 5)
    queue.wake("a", 1)
    queue.wake("b", 6)
    clock.passes(1)
    assert queue.take().key == "a"
    queue.succeeded("a")
    clock.passes(5)
    assert queue.take().key == "b"
    assert queue.depth == 0


def test_the_api_server_may_ask_for_more(queue, clock):
    queue.wake("a")
    queue.take()
    queue.failed("a", least_seconds=30)
    clock.passes(29)
    assert queue.depth == 0
    clock.passes(1)
    assert queue.depth == 1


def test_the_age_of_the_oldest_work_is_told(queue, clock):
    assert queue.longest_work_seconds == 0.0
    for key in ("a", "b"):
        queue.wake(key)
        queue.take()
        clock.passes(7)
    assert queue.longest_work_seconds == 14.0
    queue.succeeded("a")
    assert queue.longest_work_seconds == 7.0


def test_a_closed_queue_lets_everybody_go():
    queue = WorkQueue()
    taken = []
    worker = threading.Thread(target=lambda: taken.append(queue.take()))
    worker.start()
    queue.close()
    worker.join(timeout=5)
    assert taken == [None]


def test_a_worker_waits_until_a_key_is_due():
    queue = WorkQueue()
    began_at = time.monotonic()
    queue.wake("a", 0.05)
    assert queue.take().key == "a"
    assert time.monotonic() - began_at >= 0.05
