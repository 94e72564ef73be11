"""A preparation goes through its stages, whatever is lost on the way, and makes a new dataset only for a new output."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.api.preprocess import PreprocessStatus
from bionemo_operator.planning.observed import Job
from bionemo_operator.planning.preparation_pass import preparation_pass
from bionemo_operator.planning.preparation_view import PreparationView
from bionemo_operator.planning.training_view import CreateJob, DeleteJob, DeleteResource, PauseJob
from bionemo_trainer.contract import STAGES
from testkit.documents import preprocess_document
from testkit.observations import NOON, ended, message_of, pod, reason_of

SUMMARY = {
    "records": {"train": 90, "validation": 5, "test": 5, "duplicates": 3, "rejected": 2},
    "files": 4,
    "checksum": "c" * 64,
    "fingerprint": "f" * 64,
}


def preprocess(**spec):
    document = preprocess_document("zinc", workers=3, **spec)
    document["metadata"] |= {"namespace": "lab", "uid": "u-1", "generation": 1}
    return parse_resource(document)


@dataclass(kw_only=True)
class Preparation:
    """A cluster that does at once what decisions ask for."""

    preprocess: object = field(default_factory=preprocess)
    now: object = NOON
    status: PreprocessStatus = field(default_factory=PreprocessStatus)
    jobs: dict[str, Job] = field(default_factory=dict)
    pods: list = field(default_factory=list)
    created: list[tuple[str, int, int]] = field(default_factory=list)

    def passes(self, taken=frozenset()):
        seen = PreparationView(
            preprocess=self.preprocess, status=self.status, jobs=tuple(self.jobs.values()), pods=tuple(self.pods),
            taken=taken, now=self.now, image="trainer:1",
        )  # fmt: skip
        self.status, decision = preparation_pass(seen)
        for action in decision.actions:
            match action:
                case CreateJob(manifest=manifest):
                    self._create(manifest)
                case DeleteJob(name=name):
                    del self.jobs[name]
                case PauseJob(name=name, suspend=suspend):
                    self.jobs[name] = replace(self.jobs[name], is_suspended=suspend)
        return decision

    def _create(self, manifest):
        spec, labels = manifest["spec"], manifest["metadata"]["labels"]
        job = Job(
            name=manifest["metadata"]["name"], uid=f"job-{len(self.created)}", number=0, stage=labels["bionemo.dev/stage"],
            output=labels["bionemo.dev/output"], created_at=NOON, started_at=NOON, is_deleting=False,
            is_suspended=spec["suspend"], outcome=None, ended_at=None, message="", nodes=spec["completions"], done=0, config="",
        )  # fmt: skip
        self.jobs[job.name] = job
        self.created.append((job.stage, spec["completions"], spec["parallelism"]))

    def ends(self, stage, outcome="Succeeded", words=None, exit_code=0):
        name = f"zinc-{stage}"
        self.jobs[name] = replace(self.jobs[name], outcome=outcome, done=self.jobs[name].nodes)
        said = ended(exit_code, json.dumps(words or {}))
        phase = "Succeeded" if exit_code == 0 else "Failed"
        self.pods.append(pod(name=f"{name}-0", job=name, phase=phase, last_words=said))

    def goes_through(self, *stages):
        words = {"list": {"tasks": 5}, "cut": {"tasks": 7}, "settle": {"tasks": 2}, "finish": SUMMARY}
        for stage in stages:
            self.passes()
            self.ends(stage, words=words.get(stage))


def test_the_stages_run_in_order_with_as_many_tasks_as_the_one_before_has_told():
    preparation = Preparation()
    preparation.goes_through(*STAGES)
    preparation.passes()
    assert preparation.created == [
        ("list", 1, 1), ("fetch", 5, 3), ("cut", 1, 1), ("map", 7, 3), ("settle", 1, 1), ("reduce", 2, 2), ("finish", 1, 1),
    ]  # fmt: skip


def test_a_complete_dataset_is_summed_up():
    preparation = Preparation()
    preparation.goes_through(*STAGES)
    preparation.passes()
    status = preparation.status
    assert (status.phase, status.dataset_path, status.files) == ("Succeeded", "zinc15", 4)
    assert status.records is not None
    assert (status.records.train, status.fingerprint) == (90, "f" * 64)
    assert message_of(status, "Succeeded") == "90 records to train on are in 4 files of zinc15."
    before = list(preparation.created)
    preparation.passes()
    assert preparation.created == before


def test_earlier_jobs_go_when_the_next_one_runs():
    preparation = Preparation()
    preparation.goes_through("list")
    preparation.passes()
    preparation.passes()
    assert list(preparation.jobs) == ["zinc-fetch"]


def test_work_in_progress_is_counted():
    preparation = Preparation()
    preparation.goes_through("list", "fetch", "cut")
    preparation.passes()
    preparation.jobs["zinc-map"] = replace(preparation.jobs["zinc-map"], done=4)
    preparation.passes()
    assert (preparation.status.stage, preparation.status.shards, preparation.status.shards_done) == ("map", 7, 4)
    assert message_of(preparation.status, "Running") == "4 of 7 shards of stage map are done."


def test_last_words_that_were_lost_are_made_up_for():
    preparation = Preparation()
    preparation.goes_through("list")
    preparation.pods.clear()
    preparation.passes()
    assert preparation.created[-1] == ("fetch", 3, 3)


def test_a_summary_that_was_lost_is_asked_for_again():
    preparation = Preparation()
    preparation.goes_through(*STAGES)
    preparation.pods.clear()
    preparation.jobs = {"zinc-finish": preparation.jobs["zinc-finish"]}
    preparation.passes()
    preparation.passes()
    assert [stage for stage, _, _ in preparation.created].count("finish") == 2


def test_jobs_that_were_lost_run_again():
    preparation = Preparation()
    preparation.goes_through("list", "fetch")
    preparation.jobs.clear()
    preparation.passes()
    assert preparation.created[-1][0] == "fetch"


def test_a_failed_stage_ends_the_preparation():
    preparation = Preparation()
    preparation.passes()
    preparation.ends("list", "Failed", {"message": "no such folder"}, exit_code=66)
    preparation.passes()
    assert message_of(preparation.status, "Succeeded") == (
        "1 of 1 shards failed more than spec.backoffLimitPerIndex times; the last cause was MissingInput in stage list: "
        "no such folder."
    )
    assert preparation.status.phase == "Failed"


def test_a_new_output_starts_anew_once_the_earlier_jobs_are_gone():
    preparation = Preparation()
    preparation.goes_through(*STAGES)
    preparation.passes()
    preparation.preprocess = preprocess(output={"claim": {"name": "bionemo-data"}, "path": "zinc20"})
    preparation.passes()
    assert preparation.jobs == {}
    assert preparation.status.dataset_path is None
    assert preparation.status.phase == "Pending"
    preparation.passes()
    assert preparation.created[-1][0] == "list"
    assert preparation.status.phase == "Running"


def test_a_pause_keeps_what_is_done():
    preparation = Preparation()
    preparation.goes_through("list")
    preparation.passes()
    preparation.preprocess = preprocess(suspend=True)
    preparation.passes()
    assert preparation.jobs["zinc-fetch"].is_suspended
    assert (preparation.status.phase, message_of(preparation.status, "Suspended")) == (
        "Suspended",
        "spec.suspend is true; no pods run. Set it to false to go on from stage fetch.",
    )
    preparation.preprocess = preprocess()
    preparation.passes()
    assert not preparation.jobs["zinc-fetch"].is_suspended
    assert reason_of(preparation.status, "Running") == "WorkersRunning"


def test_a_pause_before_the_start():
    preparation = Preparation(preprocess=preprocess(suspend=True))
    preparation.passes()
    assert preparation.created == []


def test_a_queue_admits_each_stage():
    preparation = Preparation(preprocess=preprocess(queue={"name": "cpu"}))
    preparation.passes()
    preparation.passes()
    assert reason_of(preparation.status, "Running") == "Queued"
    assert preparation.jobs["zinc-list"].is_suspended


def test_a_deadline_ends_it():
    preparation = Preparation(preprocess=preprocess(activeDeadlineSeconds=60))
    preparation.passes()
    preparation.now = NOON + timedelta(seconds=60)
    preparation.passes()
    assert (preparation.jobs, reason_of(preparation.status, "Succeeded")) == ({}, "DeadlineExceeded")


@pytest.mark.parametrize(("waited_seconds", "goes"), [(59, False), (60, True)])
def test_a_finished_preparation_goes_after_its_time(waited_seconds, goes):
    preparation = Preparation(preprocess=preprocess(ttlSecondsAfterFinished=60))
    preparation.goes_through(*STAGES)
    preparation.passes()
    preparation.now = NOON + timedelta(seconds=waited_seconds)
    assert (DeleteResource() in preparation.passes().actions) is goes


def test_a_name_that_is_taken_is_not_touched():
    preparation = Preparation()
    decision = preparation.passes(taken=frozenset({"zinc-list"}))
    assert decision.actions == ()
    assert message_of(preparation.status, "Running") == (
        "There is a Job zinc-list in this namespace that belongs to something else; delete or rename it."
    )
