"""The wall between Lightning and megatron-core: one Lightning strategy that owns process groups, network and checkpoints.

Lightning's loop asks it for devices and ranks; everything that a strategy of Lightning would do to a module (wrapping, moving,
precision, optimizers, state) happens in `Trainee` instead, so the LightningModule holds no parameters.
"""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.strategies import Strategy
from torch import distributed
from torch.distributed import ReduceOp

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.engine.process_groups import Ranks, Rendezvous, join_process_groups
from bionemo_trainer.engine.stepping import Trainee


class MegatronStrategy(Strategy):
    """Ranks arranged as a configuration's layout says, each with its part of the network."""

    def __init__(self, config: TrainConfig, rendezvous: Rendezvous) -> None:
        super().__init__()
        self.config, self.rendezvous = config, rendezvous
        self.ranks: Ranks | None = None
        self._trainee: Trainee | None = None

    def join(self) -> Ranks:
        """Meets the other ranks, once; before Lightning's trainer is made, since its callbacks need to agree on things."""
        if self.ranks is None:
            self.ranks = join_process_groups(layout_of(self.config), self.rendezvous)
        return self.ranks

    @property
    def trainee(self) -> Trainee:
        """The network with its optimizer, made when it is first asked for."""
        if self._trainee is None:
            self._trainee = Trainee(self.config, self.join())
        return self._trainee

    @property
    def root_device(self) -> torch.device:
        """What this rank computes on."""
        return self.join().device

    @property
    def is_global_zero(self) -> bool:
        """Whether this rank speaks for all."""
        return self.rendezvous.rank == 0

    @property
    def global_rank(self) -> int:
        """Number of this rank among all."""
        return self.rendezvous.rank

    @property
    def local_rank(self) -> int:
        """Number of this rank on its node."""
        return self.rendezvous.local_rank

    @property
    def node_rank(self) -> int:
        """Number of this node."""
        return self.rendezvous.rank // self.config.trainer.devices

    @property
    def world_size(self) -> int:
        """Number of ranks."""
        return layout_of(self.config).world_size

    @property
    def is_distributed(self) -> bool:
        """Read by Lightning; data is shared out here, so it must not add samplers of its own."""
        return False

    def setup(self, trainer: Trainer) -> None:
        """Builds the network; Lightning calls it before fitting and before testing."""
        assert self.trainee is not None
        if trainer.state.fn == "fit":
            self.setup_optimizers(trainer)

    def connect(self, model: LightningModule) -> None:
        """Takes the module that Lightning drives."""
        self._lightning_module = model
        self.model = model

    def model_to_device(self) -> None:
        """Nothing: the network was made on its device."""

    def batch_to_device(self, batch: Any, device: torch.device | None = None, dataloader_idx: int = 0) -> Any:  # noqa: ANN401, ARG002 - Lightning's signature
        """Nothing: micro batches move one after the other, in `Trainee`."""
        return batch

    def reduce(self, tensor: torch.Tensor | Any, group: Any = None, reduce_op: Any = "mean") -> Any:  # noqa: ANN401 - Lightning's signature
        """The sum or mean of a tensor over all ranks."""
        if not isinstance(tensor, torch.Tensor):
            return tensor
        distributed.all_reduce(tensor, group=group)
        return tensor if reduce_op in ("sum", ReduceOp.SUM) else tensor / self.world_size

    def barrier(self, name: str | None = None) -> None:  # noqa: ARG002 - Lightning's signature
        """Waits for all ranks."""
        distributed.barrier()

    def broadcast[T](self, obj: T, src: int = 0) -> T:
        """What one rank has, on all."""
        values = [obj]
        distributed.broadcast_object_list(values, src)
        return values[0]

    def all_gather(self, tensor: torch.Tensor, group: Any = None, sync_grads: bool = False) -> torch.Tensor:  # noqa: ANN401, ARG002 - Lightning's signature
        """What all ranks have, stacked."""
        gathered = [torch.empty_like(tensor) for _ in range(self.world_size)]
        distributed.all_gather(gathered, tensor, group=group)
        return torch.stack(gathered)

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:  # noqa: A002 - Lightning's signature
        """Whether all ranks, or any of them, say yes."""
        votes = self.reduce(torch.tensor(int(decision), device=self.root_device), reduce_op="sum")
        return bool(votes == self.world_size) if all else bool(votes)

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Nothing: checkpoints are ours."""
        return {}

    def load_checkpoint(self, checkpoint_path: Any) -> dict[str, Any]:  # noqa: ANN401 - Lightning's signature
        """Never called: a run goes on through `training.resuming`, before Lightning's loop begins."""
        raise AssertionError(f"{checkpoint_path}: Lightning must not load checkpoints")

    def save_checkpoint(self, checkpoint: Mapping[str, Any], filepath: Any, storage_options: Any = None) -> None:  # noqa: ANN401, ARG002 - Lightning's signature
        """Never called: a run is saved by `training.checkpointing`."""
        raise AssertionError(f"{filepath}: Lightning must not save checkpoints")

    def teardown(self) -> None:
        """Nothing: a test may follow the training; whoever joined the ranks parts them."""
