"""What is common to those that the trainer is compared with: networks of the same sizes on padded rows.

They compute in bf16 over 32-bit weights (autocast, or 16-bit copies as megatron-core has them), clip the gradient and update with
torch's fused AdamW. Shapes: B rows of S tokens.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from contestants import Contestant
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from bionemo_trainer.config.parameters import vocabulary_size
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.engine.process_groups import Ranks
from bionemo_trainer.engine.seeds import seed_dropout
from bionemo_trainer.models.batch import EncoderBatch, EncoderDecoderBatch, PackedTokens, Targets
from bionemo_trainer.models.freight import Freight

IGNORED = -100
"""Label of places that the loss leaves out, as torch's cross entropy has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Sequences as rows of equal length."""

    ids_BS: Tensor
    is_real_BS: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some samples."""

    sides: tuple[Side, ...]
    labels_BS: Tensor
    """Of the last side."""

    def cut(self, most: int) -> "Iterator[Rows]":
        """Into as few parts of like size as have at most so many rows."""
        num_rows = len(self.labels_BS)
        num_parts = -(-num_rows // most)
        rows = -(-num_rows // num_parts)
        for start in range(0, num_rows, rows):
            part = slice(start, start + rows)
            sides = tuple(Side(ids_BS=side.ids_BS[part], is_real_BS=side.is_real_BS[part]) for side in self.sides)
            yield Rows(sides=sides, labels_BS=self.labels_BS[part])


class Rival(Contestant):
    """A network on padded rows."""

    casts_itself = True
    """Whether operations choose their precision; else the parameters have 16 bits."""

    def __init__(self, config: TrainConfig, samples: int, device: torch.device) -> None:
        super().__init__(config, samples, device)
        self.ranks = Ranks(world=0, data=0, tensor=0, pipeline=0, device=device)
        seed_dropout(config.model.seed, 0, self.ranks)
        self.network = self.build().to(device).train()
        self.masters = self.master_weights()
        self.adamw = torch.optim.AdamW(self.masters, lr=config.model.optim.lr, fused=True)

    @abstractmethod
    def build(self) -> nn.Module:
        """The network, on the CPU."""

    @abstractmethod
    def logits(self, rows: Rows) -> Tensor:
        """Of the last side [B, S, V]."""

    @abstractmethod
    def lengths(self, longest: Sequence[int]) -> tuple[int, ...]:
        """Of the rows of each side of a batch whose longest sequences are so long."""

    def most_rows(self, lengths: Sequence[int]) -> int:
        """Of a micro batch of rows of these lengths: as many tokens, padding included, as the trainer's own may have."""
        model = self.config.model
        return max(1, model.micro_batch_size * model.seq_length // max(lengths))

    def step(self, freights: Sequence[Freight], position: int) -> Tensor:
        """One update."""
        seed_dropout(self.config.model.seed, position, self.ranks)
        self.adamw.zero_grad()
        num_targets = sum(freight.num_targets for freight in freights)
        loss = torch.zeros((), device=self.device)
        for rows in self._micro_batches(freights):
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.casts_itself):
                logits = self.logits(rows)
            labels = rows.labels_BS.flatten()
            tokens = logits.flatten(0, 1)[:, : vocabulary_size(self.config.model)]  # the rest only pads the table
            part = functional.cross_entropy(tokens.float(), labels, ignore_index=IGNORED, reduction="sum")
            torch.autograd.backward(part / num_targets)
            loss += part.detach() / num_targets
        self.update()
        return loss

    def master_weights(self) -> list[Tensor]:
        """What AdamW updates, 32 bit: the parameters themselves under autocast."""
        return list(self.network.parameters())

    def update(self) -> None:
        """Clips and updates."""
        clip_grad_norm_(self.masters, 1.0)
        self.adamw.step()

    def _micro_batches(self, freights: Sequence[Freight]) -> Iterator[Rows]:
        for freight in freights:
            batch = freight.to(self.device)
            lengths = self.lengths(freight.max_seqlens)
            packs = (batch.inputs,) if isinstance(batch, EncoderBatch) else _sides(batch)
            rows = Rows(
                sides=tuple(map(_padded, packs, lengths)), labels_BS=_labels(packs[-1], batch.targets, lengths[-1])
            )
            yield from rows.cut(self.most_rows(lengths))


def _sides(batch: EncoderDecoderBatch) -> tuple[PackedTokens, PackedTokens]:
    return batch.encoder, batch.decoder


def _padded(pack: PackedTokens, length: int) -> Side:
    """The sequences as rows; ids that only fill up are 0, and nothing looks at them."""
    rows_B = pack.cu_seqlens.diff()
    columns = torch.arange(length, device=rows_B.device)
    ids = torch.zeros(pack.num_sequences * length, dtype=torch.int64, device=rows_B.device)
    ids[_slots(pack, length)] = pack.tokens_T
    return Side(ids_BS=ids.view(-1, length), is_real_BS=columns < rows_B[:, None])


def _labels(pack: PackedTokens, targets: Targets, length: int) -> Tensor:
    labels = torch.full((pack.num_sequences * length,), IGNORED, dtype=torch.int64, device=pack.tokens_T.device)
    labels[_slots(pack, length)[targets.places_N]] = targets.ids_N
    return labels.view(-1, length)


def _slots(pack: PackedTokens, length: int) -> Tensor:
    """Index of each token in rows of that length [T]."""
    rows = torch.arange(pack.num_sequences, device=pack.cu_seqlens.device)
    return rows.repeat_interleave(pack.cu_seqlens.diff(), output_size=pack.num_tokens) * length + pack.positions_T
