"""Each situation of a training leads to the right decision, and its conditions say so."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.training_status import TrainingStatus
from bionemo_operator.planning.observed import Node
from bionemo_operator.planning.training_pass import training_pass
from bionemo_operator.planning.training_view import CreateJob, DeleteJob, DeleteResource, ForceDeletePod
from bionemo_trainer.contract import ExitCode
from testkit.observations import NOON, World, ended, job, message_of, pod, reading, reason_of, training, view


def begun_world(**spec):
    world = World(training=training(**spec))
    world.passes()
    return world


def running_world(**spec):
    world = begun_world(**spec)
    world.runs(1)
    world.passes()
    return world


def test_the_first_pass_starts_the_first_attempt():
    world = begun_world()
    assert world.created == [1]
    assert world.status.start_time == NOON
    assert world.status.results_path == "runs/small-u-1"
    assert world.status.resolved is not None
    assert (world.status.resolved.nodes, world.status.resolved.gpus) == (2, 2)
    assert reason_of(world.status, "Running") == "Starting"
    assert reason_of(world.status, "Accepted") == "Valid"
    assert world.status.phase == "Pending"


def test_another_pass_changes_nothing():
    world = begun_world()
    status = world.status
    decision = world.passes()
    assert decision.actions == ()
    assert world.status == status


def test_a_pass_that_could_not_report_is_made_good():
    world = World(training=training())
    world.passes(reports=False)
    world.passes()
    assert world.created == [1]
    assert world.status.recovery is not None
    assert [attempt.number for attempt in world.status.recovery.attempts] == [1]


def test_all_pods_run():
    world = running_world()
    assert message_of(world.status, "Running") == "Attempt 1 runs on 2 nodes."
    assert world.status.phase == "Running"


def test_pods_that_are_done_before_their_job_says_so_do_not_start_again():
    world = running_world()
    world.pods = {name: replace(one, phase="Succeeded", last_words=ended(0)) for name, one in world.pods.items()}
    world.passes()
    assert (reason_of(world.status, "Running"), world.status.phase) == ("AllNodesRunning", "Running")


def test_a_changed_spec_waits_for_the_next_attempt():
    world = running_world()
    world.training = training(overrides=["trainer.max_steps=7"])
    world.passes()
    assert message_of(world.status, "Running").endswith("A changed spec takes effect with the next attempt.")


def test_progress_is_told():
    world = running_world()
    world.passes(reading=reading(0, "Starting"))
    world.now += timedelta(seconds=30)
    world.passes(
        reading=reading(
            10, at_seconds=30, train_loss=2.34567891, samples_per_second=512.0, eta_seconds=90.5, saved_step=8
        )
    )
    progress, checkpoint = world.status.progress, world.status.checkpoint
    assert progress is not None
    assert (progress.step, progress.train_loss, progress.samples_per_second) == (10, "2.3457", "512")
    assert progress.estimated_completion_time == NOON + timedelta(seconds=120)
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.path) == (8, "runs/small-u-1/checkpoints/step=8.ckpt")
    world.now += timedelta(seconds=30)
    world.passes(reading=reading(20, at_seconds=60))
    assert world.status.recovery is not None
    assert (world.status.recovery.productive_seconds, world.status.recovery.goodput) == (30, "0.500")


def test_a_loss_that_is_no_number_is_left_out():
    world = running_world()
    world.passes(reading=reading(10, train_loss=float("nan")))
    assert world.status.progress is not None
    assert world.status.progress.train_loss is None


def test_a_finished_training_is_done_and_its_job_stays_as_evidence():
    world = running_world()
    world.ends(1, "Succeeded")
    decision = world.passes()
    assert (world.status.phase, world.status.completion_time) == ("Succeeded", NOON)
    assert decision.actions == ()
    assert world.passes().actions == ()


def test_a_finished_training_goes_after_its_time():
    world = running_world(ttlSecondsAfterFinished=60)
    world.ends(1, "Succeeded")
    world.passes()
    assert world.passes().wake_after_seconds == 60
    world.now += timedelta(seconds=60)
    assert DeleteResource() in world.passes().actions


def test_a_final_failure_ends_the_training():
    world = running_world()
    world.ends(1, "Failed", 65)
    world.passes()
    assert world.status.phase == "Failed"
    assert "with Data: Pod small-1-worker-0 ended with exit code 65." in message_of(world.status, "Succeeded")
    assert world.created == [1]


def test_a_crash_is_recorded_cleared_away_waited_out_and_repeated():
    world = running_world()
    world.passes(reading=reading(40, saved_step=30))
    world.now += timedelta(seconds=100)
    world.ends(1, "Failed", 1)
    world.passes()
    assert reason_of(world.status, "Running") == "Ending"
    assert 1 in world.jobs, "its end must be in the status first"
    world.passes()
    assert 1 not in world.jobs
    world.passes()
    assert message_of(world.status, "Running").startswith(
        "Attempt 1 ended: Crash: Pod small-1-worker-0 ended with exit code 1."
    )
    assert "from step 30" in message_of(world.status, "Running")
    assert world.created == [1]
    world.now += timedelta(seconds=10)
    world.passes()
    assert world.created == [1, 2]
    world.runs(2)
    world.now += timedelta(seconds=20)
    world.passes(reading=reading(33, attempt=2, at_seconds=130, start_step=32))
    recovery = world.status.recovery
    assert recovery is not None
    assert (recovery.restarts, recovery.restarts_in_window, recovery.steps_lost, recovery.downtime_seconds) == (
        1,
        1,
        8,
        30,
    )
    assert [(count.cause, count.count) for count in recovery.causes] == [("Crash", 1)]


def test_the_delay_doubles_with_each_restart():
    world = running_world()
    delays = []
    for number in (1, 2, 3):
        world.ends(number, "Failed", 1)
        world.passes()
        world.passes()
        delays.append(world.passes().wake_after_seconds)
        world.now += timedelta(seconds=delays[-1])
        world.passes()
        world.runs(number + 1)
        world.passes()
    assert delays == [10, 20, 40]


def test_the_budget_ends_it():
    world = running_world(recovery={"maxRestarts": 0})
    world.ends(1, "Failed", 1)
    world.passes()
    assert reason_of(world.status, "Succeeded") == "RestartBudgetExhausted"
    assert world.status.phase == "Failed"


def test_restarts_outside_the_window_do_not_count():
    world = running_world(recovery={"maxRestarts": 1, "windowSeconds": 60})
    for number in (1, 2):
        world.ends(number, "Failed", 1)
        world.passes()
        world.passes()
        world.now += timedelta(seconds=61)
        world.passes()
        world.runs(number + 1)
        world.passes()
    assert world.created == [1, 2, 3]


def test_a_preemption_is_free_and_repeated_at_once():
    world = running_world(recovery={"maxRestarts": 0})
    world.pods["small-1-worker-0"] = pod(disruption="PreemptionByScheduler", phase="Failed")
    world.jobs[1] = replace(world.jobs[1], outcome="Failed")
    world.passes()
    world.passes()
    world.passes()
    assert world.created == [1, 2]
    assert world.status.recovery is not None
    assert world.status.recovery.restarts_in_window == 0


def test_a_stop_before_any_step_counts():
    world = running_world(recovery={"maxRestarts": 0})
    world.ends(1, "Failed", 75)
    world.passes()
    assert reason_of(world.status, "Succeeded") == "RestartBudgetExhausted"


def test_the_next_attempt_waits_for_the_pods_of_the_last_one():
    status = training_pass(view())[0]
    late = NOON + timedelta(seconds=100)
    stuck = pod(deletion_deadline=NOON, phase="Running")
    failed = view(status=status, jobs=(job(outcome="Failed"),), pods=(pod(1, last_words=ended(1)),))
    status = training_pass(failed)[0]
    status, decision = training_pass(view(status=status, pods=(stuck,), at_seconds=20))
    assert reason_of(status, "Running") == "Ending"
    assert decision.actions == ()
    status, decision = training_pass(view(status=status, pods=(stuck,), at_seconds=(late - NOON).total_seconds()))
    assert decision.actions == (ForceDeletePod(name="small-1-worker-0"),)


def test_a_node_that_fails_twice_is_avoided():
    world = running_world()
    for number in (1, 2):
        world.ends(number, "Failed", 1)
        world.passes()
        world.passes()
        world.now += timedelta(seconds=700)
        decision = world.passes()
        world.runs(number + 1)
        world.passes()
    assert world.status.recovery is not None
    assert world.status.recovery.avoided_nodes == ("node-0",)
    (create,) = decision.actions
    assert isinstance(create, CreateJob)
    pod_spec = create.manifest["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]
    (term,) = pod_spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert term["matchExpressions"] == [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-0"]}]


def test_a_hang_is_ended():
    world = running_world()
    world.passes(reading=reading(40))
    world.passes(reading=reading(40, stalled_seconds=901.0))
    assert world.status.recovery is not None
    assert world.status.recovery.attempts[0].cause == "Hang"
    assert world.passes().actions == (DeleteJob(name="small-1", uid="job-1"),)


@pytest.mark.parametrize("phase", ["Starting", "Validating", "Saving"])
def test_what_takes_long_beside_stepping_is_no_hang(phase):
    world = running_world()
    world.passes(reading=reading(40, phase, stalled_seconds=9000.0))
    assert reason_of(world.status, "Running") == "AllNodesRunning"


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        pytest.param({"is_schedulable": False, "node": None, "message": "no room"}, "Unschedulable", id="no room"),
        pytest.param({"waiting": "ImagePullBackOff", "message": "not found"}, "ImagePull", id="no image"),
        pytest.param({}, "Unschedulable", id="no reason given"),
    ],
)
def test_what_does_not_start_in_time_is_ended(facts, cause):
    status = training_pass(view())[0]
    pods = (pod(0, phase="Pending", **facts), pod(1))
    status, _ = training_pass(view(status=status, jobs=(job(),), pods=pods, at_seconds=1800))
    assert status.recovery is not None
    assert status.recovery.attempts[0].cause == cause


def test_what_keeps_an_attempt_from_starting_is_told():
    status = training_pass(view())[0]
    pods = (pod(0, phase="Pending", waiting="ErrImagePull", message="not found"), pod(1))
    status, _ = training_pass(view(status=status, jobs=(job(),), pods=pods))
    assert message_of(status, "Running") == "1 of 2 nodes run attempt 1. small-1-worker-0: ErrImagePull: not found"


def test_a_missing_claim_is_told():
    status = training_pass(view())[0]
    message = 'persistentvolumeclaim "data" not found'
    pods = (pod(0, phase="Pending", is_schedulable=False, message=message),)
    status, _ = training_pass(view(status=status, jobs=(job(),), pods=pods))
    assert reason_of(status, "DataReady") == "ClaimMissing"


@pytest.mark.parametrize(
    ("layout", "nodes", "samples"),
    [
        pytest.param({}, 3, 128, id="all that have one"),
        pytest.param({"gpusPerNode": 1, "parallelism": {"tensor": 2}}, 2, 64, id="no more than the layout allows"),
    ],
)
def test_fewer_nodes_are_taken_when_some_have_no_place(layout, nodes, samples):
    world = begun_world(nodes=4, recovery={"minNodes": 2, "pendingTimeoutSeconds": 60}, **layout)
    world.runs(1)
    world.pods["small-1-worker-3"] = pod(3, phase="Pending", is_schedulable=False, node=None)
    world.now += timedelta(seconds=60)
    world.passes()
    world.passes()
    world.passes()
    world.now += timedelta(seconds=60)
    world.passes()
    assert (world.created, world.jobs[2].nodes) == ([1, 2], nodes)
    assert world.status.resolved is not None
    assert (world.status.resolved.nodes, world.status.resolved.global_batch_size) == (nodes, samples)


def test_a_suspended_training_saves_then_pauses_then_goes_on():
    world = running_world()
    world.passes(reading=reading(40, saved_step=30))
    world.training = training(suspend=True)
    world.passes()
    assert reason_of(world.status, "Suspended") == "Saving"
    world.passes()
    assert (world.status.phase, reason_of(world.status, "Suspended")) == ("Suspended", "SuspendRequested")
    assert world.status.recovery is not None
    assert world.status.recovery.attempts[0].cause == "Stopped"
    world.training = training()
    world.passes()
    assert world.created == [1, 2]
    assert world.status.recovery.restarts_in_window == 0


def test_what_a_stop_saved_is_known_from_its_last_words():
    world = running_world()
    world.passes(reading=reading(30, saved_step=20))
    world.training = training(suspend=True)
    world.passes()
    words = ended(ExitCode.STOPPED, json.dumps({"exitCode": 75, "rank": 0, "message": "stopped", "step": 34}))
    world.pods = {
        name: replace(one, phase="Failed", last_words=words, is_gone=True) for name, one in world.pods.items()
    }
    world.passes()
    world.training = training()
    world.passes()
    world.runs(2)
    world.passes(reading=reading(36, attempt=2))
    recovery = world.status.recovery
    assert recovery is not None
    assert [(attempt.start_step, attempt.end_step) for attempt in recovery.attempts] == [(0, 34), (34, None)]
    assert recovery.steps_lost == 0


def test_a_suspended_training_does_not_begin():
    world = begun_world(suspend=True)
    assert (world.created, world.status.phase) == ([], "Suspended")


def test_a_deadline_ends_it():
    world = running_world(activeDeadlineSeconds=100)
    world.now += timedelta(seconds=100)
    assert world.passes().actions == (DeleteJob(name="small-1", uid="job-1"),)
    assert reason_of(world.status, "Succeeded") == "DeadlineExceeded"


def test_an_invalid_training_does_not_begin_and_names_every_problem():
    world = begun_world(overrides=["model.num_layers=0", "model.nonsense=1"])
    assert (world.created, world.status.phase) == ([], "Invalid")
    assert "model.nonsense" in message_of(world.status, "Accepted")
    assert "model.num_layers" in message_of(world.status, "Accepted")
    assert message_of(world.status, "Running") == "Nothing has started: Accepted is not True."


def test_an_invalid_change_leaves_the_running_attempt_alone():
    world = running_world()
    world.training = training(overrides=["model.num_layers=0"])
    assert world.passes().actions == ()
    assert reason_of(world.status, "Running") == "AllNodesRunning"
    assert reason_of(world.status, "Accepted") == "Invalid"


def test_another_global_batch_is_refused_once_it_has_begun():
    world = running_world()
    world.training = training(overrides=["model.global_batch_size=32"])
    world.passes()
    assert message_of(world.status, "Accepted") == (
        "spec.overrides: 'model.global_batch_size=32' differs from the 64 samples per step with which this training has "
        "begun; take it back, or create a new training."
    )


def test_a_name_that_is_taken_is_not_touched():
    status, decision = training_pass(view(taken=frozenset({"small-1"})))
    assert decision.actions == ()
    assert message_of(status, "Running") == (
        "There is a PyTorchJob small-1 in this namespace that belongs to something else; delete or rename it."
    )


def test_a_job_that_somebody_deleted_is_repeated():
    world = running_world()
    del world.jobs[1]
    for name, one in world.pods.items():
        world.pods[name] = replace(one, is_gone=True)
    world.passes()
    assert world.status.recovery is not None
    assert world.status.recovery.attempts[0].cause == "Evicted"


def test_a_queue_admits_it():
    world = begun_world(queue={"name": "research"})
    assert reason_of(world.status, "Running") == "Queued"
    world.jobs[1] = replace(world.jobs[1], is_suspended=True)
    world.now += timedelta(hours=9)
    world.passes()
    assert reason_of(world.status, "Running") == "Queued"
    assert 1 in world.jobs


def test_an_older_run_must_have_trained():
    world = begun_world(resumeFrom={"training": "first"})
    assert message_of(world.status, "Accepted") == (
        "spec.resumeFrom.training: 'first' is no BioNeMoTraining of this namespace; name one that has saved a checkpoint, or "
        "give claim and path of its results."
    )
    older = training("first")
    status, _ = training_pass(view(training(resumeFrom={"training": "first"}), older=older))
    assert "'first' has not trained yet" in message_of(status, "Accepted")


def test_an_older_run_is_taken_up():
    older = training("first").model_copy(update={"status": TrainingStatus(results_path="runs/first-u-0")})
    _, decision = training_pass(view(training(resumeFrom={"training": "first", "step": 500}), older=older))
    (create,) = decision.actions
    assert isinstance(create, CreateJob)
    (container,) = create.manifest["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    assert "model.resume_from_checkpoint=/resume/runs/first-u-0@500" in container["command"]


def test_a_claim_of_an_older_run_is_taken_up():
    origin = {"claim": {"name": "old", "path": "runs/x"}}
    _, decision = training_pass(view(training(resumeFrom=origin)))
    (create,) = decision.actions
    assert isinstance(create, CreateJob)
    (container,) = create.manifest["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    assert "model.resume_from_checkpoint=/resume/runs/x" in container["command"]


def waiting_view(preprocess: BioNeMoPreprocess | None):
    return view(training(dataset={"preprocessRef": {"name": "zinc"}}), preprocess=preprocess)


def test_a_training_waits_for_its_data():
    status, decision = training_pass(waiting_view(None))
    assert decision.actions == ()
    assert reason_of(status, "DataReady") == "PreprocessMissing"
    assert message_of(status, "Running") == "Nothing has started: DataReady is not True."


@pytest.mark.parametrize(
    ("last_words", "after_seconds", "causes"),
    [
        pytest.param(None, 4, [None], id="its last words may still come"),
        pytest.param(None, 6, ["NodeLost"], id="it stays silent"),
        pytest.param(ended(75), 4, ["Crash"], id="it has spoken"),
    ],
)
def test_a_dead_node_is_blamed_when_its_pod_stays_silent(last_words, after_seconds, causes):
    pods = (pod(0, last_words=ended(1), phase="Failed"), pod(1, last_words=last_words, is_ready=False))
    failed, dead = job(outcome="Failed", ended_at=NOON), Node(name="node-1", trouble="its condition Ready is Unknown")
    seen = view(status=begun_world().status, jobs=(failed,), pods=pods, node=dead, at_seconds=after_seconds)
    status, _ = training_pass(seen)
    assert status.recovery is not None
    assert [attempt.cause for attempt in status.recovery.attempts] == causes
