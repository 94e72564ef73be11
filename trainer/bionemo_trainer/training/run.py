"""What the parts of one training share: its configuration, place, ranks, and where it begins. Made by `train`."""

from dataclasses import dataclass

from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.data.step_batches import Share
from bionemo_trainer.engine.strategy import MegatronStrategy
from bionemo_trainer.run_folder import RunFolder
from bionemo_trainer.training.progress import Reporter
from bionemo_trainer.training.startup import Startup


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training, on one rank."""

    config: TrainConfig
    strategy: MegatronStrategy
    folder: RunFolder
    reporter: Reporter | None
    """On rank 0 only."""
    global_batch_size: int
    """Samples per step over all ranks, the same in every part of the run."""
    attempt: int
    """Which try of the training this is, from 1."""
    start_step: int
    """Steps that were finished before this process began."""
    startup: Startup
    """How long the way to the first step takes."""

    @property
    def share(self) -> Share:
        """What this rank takes of every global batch."""
        ranks = self.strategy.join()
        model = self.config.model
        model_ranks = model.tensor_model_parallel_size * model.pipeline_model_parallel_size
        return Share(rank=ranks.data, num_ranks=self.strategy.world_size // model_ranks)
