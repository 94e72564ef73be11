"""What a step asks of one copy of the model: its samples, tokens, micro batches and operations. Pure.

Lengths are those of the data, which no configuration tells: they are assumed, or given by who knows them.
"""

from dataclasses import dataclass

from bionemo_trainer.config.flops import flops_per_token, num_sides
from bionemo_trainer.config.layout import batches_of
from bionemo_trainer.config.schema.model import MegaMolBARTModel, ProtT5nvModel
from bionemo_trainer.config.schema.root import TrainConfig

MOLECULE_TOKENS = 38.0
"""Of a SMILES string with begin and end, on average: MOSES, of which the examples hold a part."""
PROTEIN_TOKENS = 264.0
"""Of a protein with begin and end, on average, cut at the length that the recipes allow: what the speed goals are set for."""
_MASKED_SPANS = 0.81
"""Of an encoder's tokens that are left when one token stands for each masked span, measured on the examples."""
_TOKENS_PER_MASKED_RESIDUE = 2
"""That ProtT5nv's decoder writes: the residue and its sentinel, as where every masked residue is a span of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Of the copy of the model with the most samples, in one step."""

    samples: int
    encoder_tokens: float
    """Of all samples."""
    decoder_tokens: float
    """Of all samples; 0 without a decoder."""
    micro_batches: int
    flops: float
    """Useful operations, as utilization counts them."""
    product_flops: float
    """Of them those of attention's products."""

    @property
    def tokens(self) -> float:
        """Of encoder and decoder."""
        return self.encoder_tokens + self.decoder_tokens


def assumed_length(config: TrainConfig) -> float:
    """Tokens of a whole sequence, where nobody says."""
    length = MOLECULE_TOKENS if isinstance(config.model, MegaMolBARTModel) else PROTEIN_TOKENS
    return min(length, config.model.seq_length)


def workload_of(config: TrainConfig, mean_length: float) -> Workload:
    """A step of the configuration's own global batch.

    Args:
        config: The run.
        mean_length: Tokens of a whole sequence with begin and end, on average.
    """
    samples = batches_of(config).samples_per_replica
    encoder, decoder = _side_lengths(config, mean_length)
    tokens = samples * (encoder + decoder)
    each = flops_per_token(config, (encoder + decoder) / num_sides(config))
    return Workload(
        samples=samples,
        encoder_tokens=samples * encoder,
        decoder_tokens=samples * decoder,
        micro_batches=_micro_batches(config, samples, max(encoder, decoder)),
        flops=tokens * each,
        product_flops=tokens * (each - flops_per_token(config, 0.0)),
    )


def _side_lengths(config: TrainConfig, mean_length: float) -> tuple[float, float]:
    match config.model:
        case MegaMolBARTModel() as model:
            return mean_length * (_MASKED_SPANS if model.data.encoder_mask else 1.0), mean_length
        case ProtT5nvModel() as model:
            return mean_length, mean_length * model.data.masked_lm_prob * _TOKENS_PER_MASKED_RESIDUE
        case _:
            return mean_length, 0.0


def _micro_batches(config: TrainConfig, samples: int, length: float) -> int:
    """How many the samples of a step fill: each ends where the next sample does not fit, half a sample early on average."""
    room = config.model.micro_batch_size * config.model.seq_length
    fitting = max(1.0, room / length - 0.5)
    return -int(-samples // fitting)
