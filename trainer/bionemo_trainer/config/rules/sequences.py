"""Rules about the width and length of sequences, and about how samples are made of them."""

from collections.abc import Iterator

from bionemo_trainer.config.ranges import expand_range
from bionemo_trainer.config.schema.data import MaskedProteinData
from bionemo_trainer.config.schema.model import ProtT5nvModel
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.errors import ConfigError, Problem


def heads_share_the_width(config: TrainConfig) -> Iterator[Problem]:
    """The width of the model divides into heads."""
    model = config.model
    if model.kv_channels is None and model.hidden_size % model.num_attention_heads:
        yield Problem(
            field="model.num_attention_heads",
            value=model.num_attention_heads,
            rule=f"does not divide model.hidden_size ({model.hidden_size})",
            mend="choose a divisor, or set model.kv_channels",
        )


def sequences_fit(config: TrainConfig) -> Iterator[Problem]:
    """Samples fit the sequence length, and positions and sentinels suffice for it."""
    model = config.model
    learned = model.position_embedding_type == "learned_absolute"
    if learned and model.max_position_embeddings < model.seq_length:
        yield Problem(
            field="model.max_position_embeddings",
            value=model.max_position_embeddings,
            rule=f"is smaller than model.seq_length ({model.seq_length})",
            mend="raise it to model.seq_length",
        )
    if isinstance(model, ProtT5nvModel):
        yield from _spans_fit(model)
    elif model.data.max_seq_length > model.seq_length:
        yield Problem(
            field="model.data.max_seq_length",
            value=model.data.max_seq_length,
            rule=f"is larger than model.seq_length ({model.seq_length})",
            mend="lower it, or raise model.seq_length",
        )


def _spans_fit(model: ProtT5nvModel) -> Iterator[Problem]:
    masked = int(model.seq_length * model.data.masked_lm_prob)
    needed = 2 * masked + 1
    if model.data.seq_length_dec < needed:
        yield Problem(
            field="model.data.seq_length_dec",
            value=model.data.seq_length_dec,
            rule=f"can't hold {masked} masked residues with their sentinels "
            "(model.seq_length x model.data.masked_lm_prob x 2 + 1)",
            mend=f"raise it to at least {needed}",
        )
    spans = -(-masked // model.data.max_ngram_size)
    if model.tokenizer.num_sentinel_tokens < spans:
        yield Problem(
            field="model.tokenizer.num_sentinel_tokens",
            value=model.tokenizer.num_sentinel_tokens,
            rule=f"is less than the {spans} spans that a full sequence can have",
            mend=f"raise it to at least {spans}",
        )


def masking_shares_add_up(config: TrainConfig) -> Iterator[Problem]:
    """Every target is masked, replaced or kept."""
    data = config.model.data
    if not isinstance(data, MaskedProteinData):
        return
    rest = data.perturb_percent + data.identity_percent
    total = rest + (data.mask_percent or 0.0)
    wrong = abs(total - 1.0) > 1e-6 if data.mask_percent is not None else rest > 1.0 + 1e-6
    if wrong:
        yield Problem(
            field="model.data.mask_percent + perturb_percent + identity_percent",
            value=round(total, 6),
            rule="must be 1: each target is masked, replaced or kept",
            mend="set model.data.mask_percent=null to mask all that are neither replaced nor kept",
        )


def ranges_expand(config: TrainConfig) -> Iterator[Problem]:
    """Every range of files names files."""
    for split in ("train", "val", "test"):
        try:
            expand_range(getattr(config.model.data.dataset, split), field=f"model.data.dataset.{split}")
        except ConfigError as error:
            yield from error.problems
