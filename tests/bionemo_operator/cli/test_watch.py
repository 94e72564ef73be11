"""`bionemo watch` tells what is new until the end, and ends as the object does."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from bionemo_operator.cli.progress_view import BarView
from bionemo_operator.cli.seen import find
from bionemo_operator.cli.watch import Story, frame_of, show, watch
from bionemo_operator.cluster.kinds import TRAININGS
from bionemo_trainer.errors import MissingInputError

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SMALL = TRAININGS.path("lab", "small")


def sleeping(*happenings):
    """What happens while the watch sleeps, once each."""
    left = list(happenings)

    def sleep(_seconds):
        left.pop(0)()

    return sleep


@pytest.fixture
def restarted(api, golden_objects):
    """A running training, and a way to change its status."""
    (body,) = golden_objects("restarted")

    def change(**status):
        api.put({**body, "status": {**body["status"], **status}})

    return change


def ending(status, reason, message):
    condition = {
        "type": "Succeeded", "status": status, "observedGeneration": 1, "lastTransitionTime": "2026-11-24T11:00:00Z",
        "reason": reason, "message": message,
    }  # fmt: skip
    return {"phase": "Succeeded" if status == "True" else "Failed", "conditions": [condition]}


@pytest.mark.parametrize(("status", "reason", "code"), [("True", "Completed", 0), ("False", "FinalFailure", 1)])
def test_a_watch_ends_as_the_training_does(cluster, restarted, said, status, reason, code):
    assert watch(cluster, "small", sleeping(lambda: restarted(**ending(status, reason, "It ended.")))) == code
    lines = said().splitlines()
    assert lines[0] == "  Valid: The object is valid: 3 nodes x 2 GPUs = 6."
    assert lines[1] == "  AllNodesRunning: Attempt 3 runs on 3 nodes."
    assert lines[2].startswith(
        "  small  running  step 12000/50000  loss 2.382  val loss 2.410  5,120 samples/s  1,310,822 tokens/s"
    )
    assert lines[3] == f"  {reason}: It ended."


@pytest.mark.usefixtures("restarted")
def test_a_training_that_is_deleted_has_not_succeeded(api, cluster, said):
    assert watch(cluster, "small", sleeping(lambda: api.objects.pop(SMALL))) == 1
    assert said().splitlines()[-1] == "  BioNeMoTraining small was deleted"


def test_a_cluster_that_does_not_answer_for_a_while_is_asked_again(api, cluster, restarted, said):
    def breaks():
        api.failures["GET", SMALL] = (503, "busy")

    def mends():
        api.failures.clear()
        restarted(**ending("True", "Completed", "It ended."))

    assert watch(cluster, "small", sleeping(breaks, lambda: None, mends)) == 0
    assert said().count("the cluster does not answer; it is asked again until it does") == 1


def test_an_unknown_name_is_no_watch(cluster):
    with pytest.raises(MissingInputError):
        watch(cluster, "nobody", sleeping())


def test_a_terminal_shows_a_bar_with_figures_and_the_curve_of_the_loss(cluster, restarted):
    out = Console(file=io.StringIO(), force_terminal=True, width=200, color_system=None, soft_wrap=True)
    story = Story()
    with BarView("small", out) as view:
        for step, loss in ((100, "4.0"), (100, "9.0"), (200, "2.0"), (300, "1.0")):
            restarted(progress={"step": step, "maxSteps": 500, "consumedSamples": 1, "trainLoss": loss})
            show(view, find(cluster, "small"), story, NOON)
    assert story.losses == [4.0, 2.0, 1.0]
    written = out.file.getvalue()
    assert "step 300/500  loss 1.000" in written
    assert "█▃▁" in written


@pytest.mark.parametrize(
    ("file", "name", "expected"),
    [
        ("restarted", "small", ("running", 12000, 50000)),
        ("waiting", "waiting", ("pending", 0, None)),
        ("waiting", "uniref50", ("running", 12, 30)),
        ("new", "new", ("pending", 0, None)),
    ],
)
def test_the_bar_stands_where_the_object_is(cluster, golden_objects, file, name, expected):
    golden_objects(file)
    frame = frame_of(find(cluster, name), Story(), NOON)
    assert (frame.state, frame.done, frame.total) == expected


def test_a_preparation_shows_its_stage(cluster, golden_objects):
    golden_objects("waiting")
    assert frame_of(find(cluster, "uniref50"), Story(), NOON).figures == "map 12/30"


def test_figures_of_a_paused_training_tell_no_rate(cluster, restarted):
    restarted(phase="Suspended")
    assert frame_of(find(cluster, "small"), Story(), NOON).figures == (
        "step 12000/50000  loss 2.382  val loss 2.410  checkpoint 11500"
    )
