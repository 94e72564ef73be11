"""What validation measures, under BioNeMo's names. Called by `module`, once per validation batch and once at its end."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import distributed

from bionemo_trainer.config.schema.root import MegaMolBARTConfig, TrainConfig
from bionemo_trainer.data.collators.from_config import tokenizer_of
from bionemo_trainer.data.molecules import canonical_smiles
from bionemo_trainer.engine.stepping import Evaluation, Trainee
from bionemo_trainer.models.batch import EncoderDecoderBatch
from bionemo_trainer.models.decoding import greedy_decode
from bionemo_trainer.models.encoder_decoder import EncoderDecoder
from bionemo_trainer.models.freight import Freight
from bionemo_trainer.run_folder import Record

NUM_EXAMPLES = 64
"""Molecules of a validation that are kept to be looked at."""
LONGEST_OUTPUT_RATIO = 2
"""Outputs are cut at this times the longest target of their batch: a molecule has several SMILES, few of them twice as long,
and an untrained network would write up to the last position."""
LONGEST_RESIDUE = 1
"""Characters of a token that is a residue."""


@dataclass(slots=True, kw_only=True)
class Reconstructions:
    """How well molecules were written again."""

    num_exact: int = 0
    """Whose canonical SMILES is that of the input."""
    num_invalid: int = 0
    """That RDKit refuses."""
    num_molecules: int = 0
    examples: list[Record] = field(default_factory=list)
    """The first ones of this rank."""

    def add(self, step: int, source: str, target: str, output: str) -> None:
        """Judges one molecule."""
        canonical = canonical_smiles(output) if output else None
        self.num_molecules += 1
        self.num_invalid += canonical is None
        self.num_exact += canonical == target
        if len(self.examples) < NUM_EXAMPLES:
            self.examples.append({"step": step, "input": source, "target": target, "output": output})

    def reduce(self, device: torch.device) -> None:
        """Sums over all ranks; ranks that share a model found the same, so shares stay as they are."""
        counts = torch.tensor([self.num_exact, self.num_invalid, self.num_molecules], device=device)
        distributed.all_reduce(counts)
        self.num_exact, self.num_invalid, self.num_molecules = counts.tolist()


class Evaluator:
    """Collects one validation or test."""

    def __init__(self, config: TrainConfig, trainee: Trainee, step: int) -> None:
        self.config, self.trainee, self.step = config, trainee, step
        self.tokenizer = tokenizer_of(config)
        self.sums = Evaluation.nothing(trainee.network.rows.padded, trainee.ranks.device)
        self.reconstructions = Reconstructions()

    def add(self, batches: Sequence[Freight]) -> None:
        """Evaluates this rank's share of a batch."""
        self.sums.merge(self.trainee.evaluate(batches))
        if isinstance(self.config, MegaMolBARTConfig):
            for batch in batches:
                self._reconstruct(batch)

    def metrics(self) -> dict[str, float]:
        """Sums over all ranks, as shares; every rank must call it together, once, at the end."""
        self.sums.reduce()
        num_targets = self.sums.total_V.sum().item()
        loss = self.sums.loss_sum.item() / max(num_targets, 1.0)
        accuracy = self.sums.correct_V.sum().item() / max(num_targets, 1.0)
        metrics = {"loss": loss, "reduced_loss": loss, "perplexity": math.exp(min(loss, 700.0))}
        if not isinstance(self.config, MegaMolBARTConfig):
            return {**metrics, "residue_accuracy": accuracy}
        self.reconstructions.reduce(self.trainee.ranks.device)
        found = self.reconstructions
        num_molecules = max(found.num_molecules, 1)
        return {
            **metrics,
            "character_accuracy": accuracy,
            "molecular_accuracy": found.num_exact / num_molecules,
            "percent_invalid": found.num_invalid / num_molecules,
        }

    def residues(self) -> Iterator[Record]:
        """Accuracy and mean loss by residue, for families of proteins; after `metrics`."""
        losses, totals, corrects = (sums_V.tolist() for sums_V in self.sums.tensors())
        by_token = zip(self.tokenizer.vocabulary.tokens, losses, totals, corrects, strict=False)
        for token, loss, total, correct in by_token:  # ids that only pad the table have no token
            if total and len(token) == LONGEST_RESIDUE and token.isalpha():
                counts = {"correct": int(correct), "total": int(total)}
                yield {"step": self.step, "residue": token, **counts, "loss": loss / total}

    def _reconstruct(self, batch: Freight) -> None:
        network = self.trainee.network
        assert isinstance(network, EncoderDecoder), "the family says so"
        pair = batch.to(self.trainee.ranks.device)
        assert isinstance(pair, EncoderDecoderBatch), "the family says so"
        longest = LONGEST_OUTPUT_RATIO * pair.decoder.max_seqlen
        ids, offsets = greedy_decode(network, pair.encoder, self.tokenizer.vocabulary, max_tokens=longest)
        outputs = self.tokenizer.decode_batch(ids, offsets)
        tokens, bounds = batch.sources
        inputs = self.tokenizer.decode_batch(tokens, bounds.astype("int64"))
        for source, target, output in zip(inputs, batch.target_smiles, outputs, strict=True):
            assert target is not None, "batches of validation carry their molecules"
            self.reconstructions.add(self.step, source, target, output)
