"""What a pass over a preparation sees: its jobs and their pods."""

from bionemo_operator.api.preprocess import BioNeMoPreprocess, PreprocessStatus
from bionemo_operator.cluster.kinds import JOBS, PREPROCESSES
from bionemo_operator.controller.resource_controller import ResourceController, now
from bionemo_operator.planning import names
from bionemo_operator.planning.preparation_pass import preparation_pass
from bionemo_operator.planning.preparation_view import PreparationView, reported
from bionemo_operator.planning.training_view import Decision, Said
from bionemo_trainer.contract import STAGES


class PreprocessController(ResourceController[BioNeMoPreprocess, PreparationView, PreprocessStatus]):
    """Passes over preparations."""

    kind = PREPROCESSES
    jobs = JOBS

    def observe(self, resource: BioNeMoPreprocess) -> PreparationView:
        """Everything that a pass decides on."""
        wanted = [names.stage_name(resource.metadata.name, stage) for stage in STAGES]
        return PreparationView(
            preprocess=resource,
            status=resource.status or PreprocessStatus(),
            jobs=self.jobs_of(resource),
            pods=self.pods_of(resource),
            taken=frozenset(name for name in wanted if self.is_taken(resource, name)),
            now=now(),
            image=self.image,
        )

    def decide(self, view: PreparationView) -> tuple[PreprocessStatus, Decision]:
        """The status that follows, and what to do."""
        return preparation_pass(view)

    def refuse(self, view: PreparationView, said: Said) -> PreprocessStatus:
        """The status when nothing could begin."""
        return reported(view, Decision(said=(said,)))
