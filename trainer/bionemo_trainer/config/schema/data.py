"""`model.data` and `model.tokenizer`: which files a run reads and how a sample is made of a row, per model family."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from bionemo_trainer.config.schema.base import NonNegativeInt, PositiveInt, Probability, Section, Text


class SplitRanges(Section):
    """Files of each split in BioNeMo's range grammar, for example `x[000..049]`; without extension."""

    train: Text
    """Files to learn from."""
    val: Text
    """Files for validation while training."""
    test: Text
    """Files for the test after training."""


Share = Annotated[str, Field(pattern=r"^([0-9]{1,12}|[0-9]{1,2}([.][0-9]{1,4})?%)$")]
"""A share of the records, or a number of them: `0.5%`, `5000`."""


class PreprocessingConfig(Section):
    """How `do_training=False` prepares the dataset; read by preparation only."""

    validation: Share | None = None
    """Share or number of records for validation; null is BioNeMo's, 0.5% for molecules and 5000 for proteins."""
    test: Share | None = None
    """Share or number of records for the test; null is BioNeMo's, 0.5% for molecules and 1000000 for proteins."""
    files: PositiveInt | None = None
    """Files of each split; null asks for one per million records."""
    seed: NonNegativeInt = 0
    """Selects another split and another order of the same records."""

    @field_validator("validation", "test", mode="before")
    @classmethod
    def _count_as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value


class DataConfig(Section):
    """What all families read the same way."""

    dataset_path: Text
    """Folder with `train`, `val` and `test` and, when we prepared it, `manifest.json`."""
    dataset: SplitRanges
    """Which files of each split."""
    data_col: NonNegativeInt
    """Column of the sequence or SMILES, counted from 0."""
    data_sep: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """Separator of columns; there is no quoting."""
    header_lines: NonNegativeInt = 1
    """Lines at the top of each file that are not data."""
    num_workers: NonNegativeInt = 10
    """Loader processes per rank; 0 loads in the training process."""
    preprocessing: PreprocessingConfig = PreprocessingConfig()
    """How `do_training=False` prepares the dataset."""
    index_mapping_dir: Text | None = None
    """Where line indexes are kept; null keeps them beside the files, or in the user's cache when those are read-only."""
    seed: NonNegativeInt = 1234
    """Seed of the order of samples, of augmentation and of masking."""


class MoleculeData(DataConfig):
    """MegaMolBART: SMILES, randomised and span-masked anew in every epoch."""

    data_col: NonNegativeInt = 1
    """Column of the SMILES, counted from 0."""
    links_file: Text | None = None
    """File that lists the addresses of ZINC tranches, one a line; read by preparation only."""
    encoder_augment: bool = True
    """Give the encoder a random SMILES of the molecule instead of the canonical one."""
    encoder_mask: bool = True
    """Mask spans of the encoder's tokens."""
    decoder_augment: bool = True
    """Ask the decoder for a second random SMILES; off, it is asked for the encoder's own."""
    decoder_mask: Literal[False] = False
    """The decoder's tokens are never masked."""
    canonicalize_input: bool = True
    """Parse molecules and write them canonically before augmentation; off trusts that the dataset is canonical."""
    mask_scheme: Literal["span"] = "span"
    """Whole spans become one mask token."""
    mask_prob: Probability = 0.1
    """Chance that a span starts at a token."""
    span_lambda: Annotated[float, Field(ge=0.01, le=700.0)] = 3.0
    """Mean length of a span in tokens (Poisson); near 0 almost every draw is empty, and a draw is repeated until it is not."""
    max_seq_length: PositiveInt
    """Longest sequence in tokens, with the begin and end tokens; the recipes give `model.seq_length`."""


class MaskedProteinData(DataConfig):
    """ESM-1nv and ESM-2: protein sequences, with some residues to guess."""

    data_col: NonNegativeInt = 3
    """Column of the sequence, counted from 0."""
    data_url: Text | None = None
    """Address or path of the FASTA file; read by preparation only."""
    modify_percent: Probability = 0.15
    """Share of the tokens that are targets."""
    perturb_percent: Probability = 0.1
    """Share of the targets that are replaced by another residue."""
    mask_percent: Probability | None = None
    """Share of the targets that become the mask token; null means all that are neither perturbed nor kept, and a number
    must say the same."""
    identity_percent: Probability = 0.0
    """Share of the targets that stay as they are."""
    max_seq_length: PositiveInt
    """Longest sequence in tokens, with the begin and end tokens; the recipes give `model.seq_length`."""


class SpanCorruptionData(DataConfig):
    """ProtT5nv: protein sequences, with spans replaced by sentinels that the decoder fills in."""

    data_col: NonNegativeInt = 3
    """Column of the sequence, counted from 0."""
    data_url: Text | None = None
    """Address or path of the FASTA file; read by preparation only."""
    seq_length_dec: PositiveInt = 256
    """Longest decoder sequence in tokens."""
    masked_lm_prob: Probability = 0.15
    """Share of the residues that are masked."""
    max_ngram_size: PositiveInt = 1
    """Longest masked span in residues; 1 makes every masked residue a span of its own."""
    mean_ngram_size: PositiveInt | None = None
    """Mean span length of the geometric draw before it is cut at `max_ngram_size`; null means 5, as in SpanBERT."""
    geometric_dist: bool = True
    """Draw span lengths from a geometric distribution; off weights a length n by 1/n."""


class RegexTokenizerConfig(Section):
    """The SMILES tokenizer with MegaMolBART's 523 tokens, which is built in."""

    library: Literal["regex"] = "regex"
    """Names this tokenizer."""


class SentencePieceTokenizerConfig(Section):
    """The 30 protein pieces of ESM-1nv and ProtT5nv, which are built in."""

    library: Literal["sentencepiece"] = "sentencepiece"
    """Names this tokenizer."""
    num_sentinel_tokens: NonNegativeInt = 0
    """Sentinels `<extra_id_0>`… added after the pieces; only ProtT5nv has them."""


class HuggingFaceTokenizerConfig(Section):
    """The 33 tokens of ESM-2, which are built in; nothing is fetched."""

    library: Literal["huggingface"] = "huggingface"
    """Names this tokenizer."""


class DownstreamDataset(Section):
    """One table that small regressors are trained on to judge the embeddings."""

    name: Text
    """Name in the metrics."""
    kind: Literal["MLPValidationCallback"] = Field(default="MLPValidationCallback", alias="class")
    """The regressor; written `class`, as in BioNeMo's files."""
    enabled: bool = True
    """Whether this table is used."""
    csv_path: Text
    """The table, with a header."""
    smis_column: Text
    """Column of the SMILES."""
    target_column: Text
    """Column of the number to predict."""
    num_epochs: PositiveInt = 50
    """Passes over the table."""
    test_fraction: Probability = 0.25
    """Share of the rows that is held out."""
    batch_size: PositiveInt = 32
    """Rows per step of the regressor."""
    learning_rate: Annotated[float, Field(gt=0.0)] = 0.001
    """Learning rate of the regressor."""
    loss_func: Literal["MSELoss"] = "MSELoss"
    """Loss of the regressor."""
    optimizer: Literal["Adam"] = "Adam"
    """Optimizer of the regressor."""
    check_val_every_n_epoch: PositiveInt = 10
    """Passes between two looks at the held-out rows."""


class DownstreamValidation(Section):
    """Tables on which a model's embeddings are judged at every validation."""

    validation_enabled: bool = False
    """Whether any table is used."""
    datasets: tuple[DownstreamDataset, ...] = ()
    """The tables."""

    @field_validator("datasets")
    @classmethod
    def _distinct_names(cls, datasets: tuple[DownstreamDataset, ...]) -> tuple[DownstreamDataset, ...]:
        names = [dataset.name for dataset in datasets]
        if len(set(names)) < len(names):
            raise ValueError("must have distinct names; rename one of them")
        return datasets
