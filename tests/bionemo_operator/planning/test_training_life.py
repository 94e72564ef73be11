"""Whatever happens to a training, in whatever order, and wherever the operator dies: its promises hold, and it gets to an end."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from bionemo_operator.planning.training_view import CreateJob
from testkit.observations import World, pod, reading, training

BUDGET = 3


def happen(world, event):
    """Lets one thing happen; what can't happen now does not."""
    number = max(world.jobs, default=0)
    if event in WHENEVER:
        WHENEVER[event](world)
    elif number > 0 and world.jobs[number].outcome is None:
        WHILE_LIVE[event](world, number)


def suspend_or_resume(world):
    world.training = training(suspend=not world.training.spec.suspend, recovery={"maxRestarts": BUDGET})


def wait(world):
    world.now += timedelta(seconds=97)


def run(world, number):
    if f"small-{number}-worker-0" not in world.pods:
        world.runs(number)


def step(world, number):
    if f"small-{number}-worker-0" in world.pods:
        reached = (world.status.checkpoint.step if world.status.checkpoint else 0) + 5
        one_pass(world, reading=reading(reached, attempt=number, saved_step=reached))


def remove(world, number, reason):
    gone = pod(0, number, disruption=reason, is_gone=True)
    world.pods[gone.name] = gone
    world.jobs[number] = replace(world.jobs[number], outcome="Failed", ended_at=world.now)


def delete(world, number):
    attempts = world.status.recovery.attempts if world.status.recovery else ()
    leaves_a_trace = any(one.job == f"small-{number}" for one in world.pods.values()) or any(
        attempt.number == number for attempt in attempts
    )
    if not leaves_a_trace:
        world.created.remove(number)  # nobody can know of it, and nothing of it is in the way
    del world.jobs[number]
    world.pods = {name: replace(one, is_gone=True) for name, one in world.pods.items()}


def one_pass(world, **how):
    """A pass, and the promises that hold after each one."""
    step = world.status.checkpoint.step if world.status.checkpoint else 0
    decision = world.passes(**how)
    assert len([job for job in world.jobs.values() if job.outcome is None]) <= 1, "never two live attempts"
    assert sum(isinstance(action, CreateJob) for action in decision.actions) <= 1
    recovery = world.status.recovery
    assert recovery is None or recovery.restarts_in_window <= BUDGET + 1, "never a restart over budget"
    assert (world.status.checkpoint.step if world.status.checkpoint else 0) >= step, "never a lost checkpoint step"


WHENEVER = {
    "pass": one_pass,
    "pass and die": partial(one_pass, reports=False),
    "suspend or resume": suspend_or_resume,
    "wait": wait,
}
WHILE_LIVE = {
    "run": run,
    "step": step,
    "succeed": lambda world, number: world.ends(number, "Succeeded"),
    "crash": lambda world, number: world.ends(number, "Failed", 1),
    "stop": lambda world, number: world.ends(number, "Failed", 75),
    "preempt": partial(remove, reason="PreemptionByScheduler"),
    "lose a node": partial(remove, reason="DeletionByTaintManager"),
    "delete": delete,
}
EVENTS = st.sampled_from([*WHENEVER, *WHILE_LIVE])


@given(events=st.lists(EVENTS, max_size=40))
def test_any_life_keeps_the_promises_and_reaches_an_end(events):
    world = World(training=training(recovery={"maxRestarts": BUDGET}))
    for event in events:
        happen(world, event)
    world.training = training(recovery={"maxRestarts": BUDGET})
    for _ in range(8):
        world.now += timedelta(seconds=700)
        one_pass(world)
        happen(world, "run")
        happen(world, "succeed")
    one_pass(world)
    assert world.status.phase in ("Succeeded", "Failed")
    assert world.created == sorted(set(world.created)), "attempts have one number each"


@given(events=st.lists(EVENTS, max_size=30))
def test_a_pass_after_a_pass_has_nothing_to_do(events):
    world = World(training=training(recovery={"maxRestarts": BUDGET}))
    for event in events:
        happen(world, event)
    for _ in range(4):
        world.passes()
    settled = world.status
    decision = world.passes()
    assert not any(isinstance(action, CreateJob) for action in decision.actions)
    assert world.status == settled
