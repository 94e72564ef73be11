"""One step of training: forward and backward over a rank's micro batches, then the update. Knows nothing of Lightning.

Owned by `strategy`. Every micro batch's loss is divided by the targets of the whole global batch, so how samples were packed
into micro batches and shared out over replicas never changes the result.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from megatron.core import parallel_state
from megatron.core.pipeline_parallel.schedules import forward_backward_pipelining_without_interleaving
from torch import Tensor, distributed

from bionemo_trainer.config.cuda_graph import obstacle_to_graphs
from bionemo_trainer.config.parameters import padded_vocabulary_size
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.engine.cpu import made_for_cuda
from bionemo_trainer.engine.flat_parameters import FlatParameters
from bionemo_trainer.engine.graphs import MicroBatchGraphs, can_replay
from bionemo_trainer.engine.loss_scale import LossScale
from bionemo_trainer.engine.optimizer import Optimizer, Update
from bionemo_trainer.engine.process_groups import Ranks
from bionemo_trainer.engine.seeds import seed_dropout
from bionemo_trainer.models.batch import EncoderBatch, EncoderDecoderBatch, Targets
from bionemo_trainer.models.build import Network, build_model
from bionemo_trainer.models.compilation import compile_layers
from bionemo_trainer.models.eight_bit import EightBitWeight, multiply_in_eight_bit, refuse_without_eight_bit
from bionemo_trainer.models.freight import Freight
from bionemo_trainer.models.losses import TokenLosses

type Batch = EncoderBatch | EncoderDecoderBatch

_log = logging.getLogger(__name__)

DTYPES = {"32": torch.float32, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16, "fp8-mixed": torch.bfloat16}
"""What the network computes with, by `trainer.precision`; in fp8-mixed projections do not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """What came of one step."""

    update: Update
    num_targets: Tensor
    """Targets of all replicas."""
    num_tokens: Tensor
    """Tokens of all replicas, of encoder and decoder together."""
    wishes_to_stop: Tensor
    """Above zero when any rank asked to stop before this step."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluation:
    """Sums over targets, 64 bit; V tokens of the padded vocabulary."""

    loss_V: Tensor
    """Losses by the token that was right, in nats."""
    total_V: Tensor
    """Targets by token."""
    correct_V: Tensor
    """Those of them that the network found likeliest."""

    @classmethod
    def nothing(cls, num_tokens: int, device: torch.device) -> "Evaluation":
        """Before the first batch."""
        zeros = [torch.zeros(num_tokens, dtype=torch.float64, device=device) for _ in range(3)]
        return cls(loss_V=zeros[0], total_V=zeros[1], correct_V=zeros[2])

    @property
    def loss_sum(self) -> Tensor:
        """In nats, a scalar."""
        return self.loss_V.sum()

    def add(self, losses: TokenLosses, targets: Targets) -> None:
        """Adds a micro batch."""
        assert losses.is_correct_N is not None, "the network is evaluating"
        self.loss_V.index_add_(0, targets.ids_N, losses.loss_N.double())
        self.total_V.add_(torch.bincount(targets.ids_N, minlength=len(self.total_V)))
        self.correct_V.add_(torch.bincount(targets.ids_N[losses.is_correct_N], minlength=len(self.total_V)))

    def merge(self, other: "Evaluation") -> None:
        """Adds what was found elsewhere."""
        for own, more in zip(self.tensors(), other.tensors(), strict=True):
            own.add_(more)

    def reduce(self) -> None:
        """Sums over all replicas; every rank must call it together, and has the sums afterwards."""
        speaks = parallel_state.get_tensor_model_parallel_rank() == 0 and parallel_state.is_pipeline_last_stage()
        for tensor in self.tensors():
            tensor.mul_(float(speaks))
            distributed.all_reduce(tensor)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """All sums."""
        return self.loss_V, self.total_V, self.correct_V


class Trainee:
    """A network with its optimizer, on one rank."""

    def __init__(self, config: TrainConfig, ranks: Ranks) -> None:
        self.config, self.ranks = config, ranks
        self.network: Network = build_model(config, ranks.device, dtype=DTYPES[config.trainer.precision])
        self.eight_bit_weights: list[EightBitWeight] = []
        if config.trainer.precision == "fp8-mixed":
            refuse_without_eight_bit(torch.cuda.get_device_capability(), torch.cuda.get_device_name())
            self.eight_bit_weights = multiply_in_eight_bit(self.network)
        self.flat = FlatParameters(self.network)
        if config.model.compile and ranks.device.type == "cuda":
            compile_layers(self.network)
        self.optimizer = Optimizer(
            self.flat, config.model, config.trainer.gradient_clip_val, LossScale.of(config, ranks.device)
        )
        self.graphs = self._make_graphs()

    def step(self, batches: Sequence[Freight], position: int, *, wish: bool) -> Step:
        """Trains on one global batch.

        Args:
            batches: This rank's share, as micro batches; may be empty.
            position: Samples consumed before this step.
            wish: Whether this rank wishes to stop.
        """
        seed_dropout(self.config.model.seed, position, self.ranks)
        self.network.train()
        self.flat.zero_gradients()
        for eight_bit_weight in self.eight_bit_weights:
            eight_bit_weight.refresh()
        counts = self._counts(batches, wish=wish)
        weight = (self.optimizer.loss_scale.scale / counts[0].clamp(min=1)).float()
        forward_backward = self.graphs.learn if self.graphs else self._forward_backward
        loss_sum = forward_backward(batches, weight)
        return Step(
            update=self.optimizer.update(loss_sum),
            num_targets=counts[0],
            num_tokens=counts[1],
            wishes_to_stop=counts[2],
        )

    @torch.no_grad()
    def evaluate(self, batches: Sequence[Freight]) -> Evaluation:
        """What this rank finds on its share of a validation batch; nothing on pipeline stages before the last."""
        self.network.eval()
        on_device = [batch.to(self.ranks.device) for batch in batches]
        found = self._forwarded(on_device) if self._num_stages() > 1 else [self.network(batch) for batch in on_device]
        evaluation = Evaluation.nothing(padded_vocabulary_size(self.config.model), self.ranks.device)
        for losses, batch in zip(found, on_device, strict=False):  # stages before the last find nothing
            evaluation.add(losses, batch.targets)
        return evaluation

    def _counts(self, batches: Sequence[Freight], *, wish: bool) -> Tensor:
        """Targets and tokens of all replicas, and how many ranks wish to stop [3]."""
        own = [sum(batch.num_targets for batch in batches), sum(batch.num_tokens for batch in batches), int(wish)]
        counts = torch.tensor(own, dtype=torch.int64)
        if self.ranks.device.type == "cuda":
            counts = counts.pin_memory().to(self.ranks.device, non_blocking=True)
        distributed.all_reduce(counts)
        counts[:2] //= self.config.model.tensor_model_parallel_size * self._num_stages()
        return counts

    def _num_stages(self) -> int:
        return self.config.model.pipeline_model_parallel_size

    def _make_graphs(self) -> MicroBatchGraphs | None:
        if not can_replay(self.config):
            _log.debug(
                "micro batches run without CUDA graphs: %s", obstacle_to_graphs(self.config) or "Triton is missing"
            )
            return None
        return MicroBatchGraphs(self.network, self._learn, self.ranks.device)

    def _forward_backward(self, freights: Sequence[Freight], weight: Tensor) -> Tensor:
        """Gradients of all micro batches; the sum of their losses."""
        on_device = [freight.to(self.ranks.device) for freight in freights]
        if self._num_stages() > 1:
            return self._pipelined(on_device, weight)
        total = torch.zeros((), device=self.ranks.device)
        for batch in on_device:
            self._learn(batch, weight, total)
        return total

    def _learn(self, batch: Batch, weight: Tensor, loss_sum: Tensor) -> None:
        losses = self.network(batch)
        (losses.loss_sum * weight).backward()
        loss_sum += losses.loss_sum.detach()

    def _pipelined(self, batches: Sequence[Batch], weight: Tensor) -> Tensor:
        """megatron-core's 1F1B schedule; all stages of a replica have the same micro batches."""
        total = torch.zeros((), device=self.ranks.device)
        for losses in self._scheduled(batches, weight, forward_only=False):
            total += losses.loss_sum.detach()
        return total

    def _forwarded(self, batches: Sequence[Batch]) -> list[TokenLosses]:
        return self._scheduled(batches, torch.ones((), device=self.ranks.device), forward_only=True)

    def _scheduled(self, batches: Sequence[Batch], weight: Tensor, *, forward_only: bool) -> list[TokenLosses]:
        """What the last stage found; nothing on others."""
        if not batches:
            return []
        with made_for_cuda(self.ranks.device):
            found: list[TokenLosses] = forward_backward_pipelining_without_interleaving(
                forward_step_func=partial(_forward_step, weight),
                data_iterator=iter(batches),
                model=self.network,
                num_microbatches=len(batches),
                seq_length=self.config.model.seq_length,
                micro_batch_size=1,
                forward_only=forward_only,
            )
        return found if parallel_state.is_pipeline_last_stage() else []


def _forward_step(weight: Tensor, batches: Iterator[Batch], network: Network) -> tuple[object, object]:
    """What megatron-core's schedule calls for each micro batch: the output, and how a loss is made of it."""
    return network(next(batches)), partial(_weighted, weight)


def _weighted(weight: Tensor, losses: TokenLosses) -> tuple[Tensor, Tensor, TokenLosses]:
    """The three values of megatron-core's per-token losses: what to differentiate, a count that is not used, the record."""
    return losses.loss_sum * weight, torch.zeros((), dtype=torch.int, device=weight.device), losses
