"""What a pass over a training sees: its jobs and pods, its dataset, the run it resumes, and what rank 0 says."""

import time
from dataclasses import replace
from datetime import timedelta

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.api.training_status import TrainingStatus
from bionemo_operator.cluster.client import Body, Client
from bionemo_operator.cluster.kinds import PODS, PREPROCESSES, PYTORCH_JOBS, TRAININGS, Kind
from bionemo_operator.cluster.nodes import NodeReader
from bionemo_operator.cluster.progress import ProgressReader
from bionemo_operator.cluster.store import Key, Store
from bionemo_operator.controller.reporter import StatusReporter
from bionemo_operator.controller.resource_controller import ResourceController, now
from bionemo_operator.errors import MissingError
from bionemo_operator.planning import names
from bionemo_operator.planning.attempts import next_number
from bionemo_operator.planning.causes import suspect_of
from bionemo_operator.planning.lifetime import is_over
from bionemo_operator.planning.observed import Job, Node, Pod, Reading, job_of, uid_of_controller
from bionemo_operator.planning.starting import standing_of
from bionemo_operator.planning.training_pass import reported, training_pass
from bionemo_operator.planning.training_view import CreateJob, Decision, Said, TrainingView
from bionemo_trainer.errors import ConfigError

READ_AT_MOST_EVERY_SECONDS = 5.0
"""Events of pods come in bursts; rank 0 is not asked again for each."""
REPORT_PROGRESS_EVERY_SECONDS = 15.0
"""The API server is not the place for figures that change every second."""


class TrainingController(ResourceController[BioNeMoTraining, TrainingView, TrainingStatus]):
    """Passes over trainings."""

    kind = TRAININGS
    jobs = PYTORCH_JOBS

    def __init__(
        self, client: Client, store: Store, reporter: StatusReporter, image: str, reader: ProgressReader
    ) -> None:
        super().__init__(client, store, reporter, image)
        self._reader = reader
        self._nodes = NodeReader(client)
        self._suspects: dict[Key, tuple[str, Node | None]] = {}
        """The node that was asked about a PyTorchJob's failure, by its UID; by training."""
        self._asked: dict[Key, tuple[str, float]] = {}
        """Which PyTorchJob's rank 0 was asked last, by UID, and when; by training."""

    def observe(self, resource: BioNeMoTraining) -> TrainingView:
        """Everything that a pass decides on."""
        namespace, spec = resource.metadata.namespace or "", resource.spec
        source, origin = spec.dataset.preprocess_ref, spec.resume_from
        older = origin.training if origin else None
        status = resource.status or TrainingStatus()
        view = TrainingView(
            training=resource,
            status=status,
            reported=status,
            preprocess=self._resource(PREPROCESSES, namespace, source.name, BioNeMoPreprocess) if source else None,
            older=self._resource(TRAININGS, namespace, older, BioNeMoTraining) if older else None,
            jobs=self.jobs_of(resource),
            pods=self.pods_of(resource),
            now=now(),
            image=self.image,
        )
        view = replace(view, jobs=self._confirmed(view))
        view = replace(view, pods=self._evidence(view))
        name = names.attempt_name(resource.metadata.name, next_number(view))
        return replace(
            view,
            taken=frozenset([name] if self.is_taken(resource, name) else ()),
            reading=self._reading(view),
            node=self._suspect(view),
            gpu_memory_bytes=self._gpu_memory_bytes(view),
        )

    def decide(self, view: TrainingView) -> tuple[TrainingStatus, Decision]:
        """The status that follows, and what to do."""
        return training_pass(view)

    def may_report_later(self, view: TrainingView, decision: Decision) -> bool:
        """Whether it is the first job that was made: the status follows from it, and the jobs of other trainings come first."""
        return view.reported.recovery is None and any(isinstance(action, CreateJob) for action in decision.actions)

    def refuse(self, view: TrainingView, said: Said) -> TrainingStatus:
        """The status when nothing could begin."""
        return reported(view, Decision(said=(said,)), standing_of(view))

    def forget(self, key: Key) -> None:
        """The training is gone."""
        self._asked.pop(key, None)
        self._suspects.pop(key, None)

    def is_worth_reporting(self, view: TrainingView, before: Body, after: Body) -> bool:
        """Whether anything but figures has changed, or these are due."""
        if before == after:
            return False
        last = view.status.progress.update_time if view.status.progress else None
        if last is None or view.now - last >= timedelta(seconds=REPORT_PROGRESS_EVERY_SECONDS):
            return True
        return _without_figures(before) != _without_figures(after)

    def _confirmed(self, view: TrainingView) -> tuple[Job, ...]:
        """The PyTorchJobs by attempt. A watch that lags must not be taken for a deletion: what is missing is asked for."""
        jobs = {job.number: job for job in view.jobs}
        current = view.current
        if current is not None and current.number not in jobs:
            metadata = view.training.metadata
            try:
                body = self.client.get(
                    PYTORCH_JOBS, metadata.namespace or "", names.attempt_name(metadata.name, current.number)
                )
            except MissingError:
                return view.jobs
            if uid_of_controller(body) == metadata.uid:
                self.store.put(PYTORCH_JOBS, body)
                jobs[current.number] = job_of(body)
        return tuple(jobs[number] for number in sorted(jobs))

    def _evidence(self, view: TrainingView) -> tuple[Pod, ...]:
        """The pods. When a job failed, and of none of its pods the end was seen, their watch may lag: they are asked for."""
        job = _just_failed(view)
        if job is None or any(pod.has_failed for pod in view.pods_of(job.name)):
            return view.pods
        namespace = view.training.metadata.namespace or ""
        for body in self.client.list(PODS, namespace, f"{names.JOB_NAME}={job.name}")["items"]:
            self.store.put(PODS, body)
        return self.pods_of(view.training)

    def _resource[R: (BioNeMoTraining, BioNeMoPreprocess)](
        self, kind: Kind, namespace: str, name: str, model: type[R]
    ) -> R | None:
        """Another resource of the namespace; None when there is none that can be understood."""
        body = self.store.get(kind, (namespace, name))
        if body is None:
            return None
        try:
            found = parse_resource(body)
        except ConfigError:
            return None
        return found if isinstance(found, model) else None

    def _reading(self, view: TrainingView) -> Reading | None:
        """What rank 0 of the newest attempt says, if it runs and was not asked just now."""
        job = view.jobs[-1] if view.jobs else None
        if job is None or job.outcome is not None:
            return None
        first = next((pod for pod in view.pods_of(job.name) if pod.index == 0 and pod.is_running), None)
        if first is None or first.address is None:
            return None
        key, now_seconds = _key_of(view), time.monotonic()
        uid, asked_at = self._asked.get(key, ("", 0.0))
        if uid == job.uid and now_seconds - asked_at < READ_AT_MOST_EVERY_SECONDS:
            return None
        self._asked[key] = (job.uid, now_seconds)
        return self._reader.read(first.address)

    def _suspect(self, view: TrainingView) -> Node | None:
        """The node that may be to blame for a failure that is not recorded yet; asked for once."""
        job = _just_failed(view)
        if job is None:
            return None
        key = _key_of(view)
        uid, node = self._suspects.get(key, ("", None))
        if uid != job.uid:
            name = suspect_of(view.pods_of(job.name))
            node = self._nodes.get(name) if name else None
            self._suspects[key] = (job.uid, node)
        return node

    def _gpu_memory_bytes(self, view: TrainingView) -> int | None:
        """What the next attempt can get; of no interest while one is there, whose GPUs are what they are, or when all is over."""
        spec = view.training.spec
        if view.current is not None or is_over(view.status.conditions) or spec.gpus_per_node == 0:
            return None
        return self._nodes.gpu_memory_bytes(spec.template.node_selector or {})


def _key_of(view: TrainingView) -> Key:
    metadata = view.training.metadata
    return metadata.namespace or "", metadata.name


def _just_failed(view: TrainingView) -> Job | None:
    """The newest job when it has failed and its end is in no status yet, though its beginning may not be either."""
    job = view.jobs[-1] if view.jobs else None
    if job is None or job.outcome != "Failed":
        return None
    last = view.last
    is_recorded = last is not None and (
        last.number > job.number or (last.number == job.number and last.end_time is not None)
    )
    return None if is_recorded else job


def _without_figures(status: Body) -> dict[str, object]:
    kept = {key: value for key, value in status.items() if key != "progress"}
    recovery = kept.get("recovery")
    if isinstance(recovery, dict):
        figures = ("goodput", "productiveSeconds")
        kept["recovery"] = {key: value for key, value in recovery.items() if key not in figures}
    return kept
