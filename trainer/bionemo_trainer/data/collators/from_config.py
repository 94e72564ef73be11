"""The collator that a configuration asks for. Called by `data.step_batches`; the only place that joins keys and collators."""

from bionemo_trainer.config.schema.data import MaskedProteinData
from bionemo_trainer.config.schema.root import (
    Esm1nvConfig,
    Esm2nvConfig,
    MegaMolBARTConfig,
    ProtT5nvConfig,
    TrainConfig,
)
from bionemo_trainer.data.collators.masked_tokens import MaskedTokenCollator, MaskingRates
from bionemo_trainer.data.collators.span_corruption import SpanCorruption, SpanCorruptionCollator
from bionemo_trainer.data.collators.span_masking import MoleculeCollator, SpanMasking
from bionemo_trainer.tokenizers.protein import Esm2Tokenizer, ProteinTokenizer
from bionemo_trainer.tokenizers.protocol import Tokenizer
from bionemo_trainer.tokenizers.smiles import SmilesTokenizer

type Collator = MoleculeCollator | MaskedTokenCollator | SpanCorruptionCollator
"""Called with positions of the run and the texts of their rows, gives their samples, each as if it were alone."""


def tokenizer_of(config: TrainConfig) -> Tokenizer:
    """The tokenizer of a configuration's family."""
    match config:
        case MegaMolBARTConfig():
            return SmilesTokenizer()
        case Esm2nvConfig():
            return Esm2Tokenizer()
        case _:
            return ProteinTokenizer(num_sentinels=config.model.tokenizer.num_sentinel_tokens)


def collator_of(config: TrainConfig, *, with_target: bool) -> Collator:
    """How samples are made of rows.

    Args:
        config: The run.
        with_target: Whether molecules carry the SMILES that validation compares with, which costs a parse each.
    """
    tokenizer = tokenizer_of(config)
    match config:
        case MegaMolBARTConfig():
            return _molecules(config, tokenizer, with_target=with_target)
        case ProtT5nvConfig():
            return _spans(config, tokenizer)
        case Esm1nvConfig() | Esm2nvConfig():
            return _masked(config.model.data, tokenizer)


def _molecules(config: MegaMolBARTConfig, tokenizer: Tokenizer, *, with_target: bool) -> MoleculeCollator:
    data = config.model.data
    return MoleculeCollator(
        tokenizer=tokenizer,
        seed=data.seed,
        max_seq_length=data.max_seq_length,
        masking=SpanMasking(mask_prob=data.mask_prob, span_lambda=data.span_lambda) if data.encoder_mask else None,
        encoder_augment=data.encoder_augment,
        decoder_augment=data.decoder_augment,
        canonicalize_input=data.canonicalize_input,
        with_target=with_target,
    )


def _masked(data: MaskedProteinData, tokenizer: Tokenizer) -> MaskedTokenCollator:
    rates = MaskingRates(
        modify_percent=data.modify_percent,
        perturb_percent=data.perturb_percent,
        identity_percent=data.identity_percent,
    )
    return MaskedTokenCollator(tokenizer=tokenizer, rates=rates, seed=data.seed, max_seq_length=data.max_seq_length)


def _spans(config: ProtT5nvConfig, tokenizer: Tokenizer) -> SpanCorruptionCollator:
    data = config.model.data
    corruption = SpanCorruption(
        masked_lm_prob=data.masked_lm_prob,
        max_ngram_size=data.max_ngram_size,
        mean_ngram_size=data.mean_ngram_size,
        geometric_dist=data.geometric_dist,
    )
    return SpanCorruptionCollator(
        tokenizer=tokenizer,
        corruption=corruption,
        seed=data.seed,
        seq_length=config.model.seq_length,
        seq_length_dec=data.seq_length_dec,
    )
