"""`model`: size, layout and batches of a network, with its data and optimizer, per model family."""

from typing import Annotated, Literal

from pydantic import Field

from bionemo_trainer.config.schema.base import (
    DropoutProbability,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Section,
    Text,
)
from bionemo_trainer.config.schema.data import (
    DownstreamValidation,
    HuggingFaceTokenizerConfig,
    MaskedProteinData,
    MoleculeData,
    RegexTokenizerConfig,
    SentencePieceTokenizerConfig,
    SpanCorruptionData,
)
from bionemo_trainer.config.schema.optim import OptimConfig


class ModelConfig(Section):
    """What all families share."""

    name: Text
    """Name of the model in file names and loggers."""

    micro_batch_size: PositiveInt = 1
    """Sequences that a model replica holds at once; with `seq_length` it bounds the tokens of a micro batch."""
    global_batch_size: PositiveInt | None = None
    """Samples per step over all replicas; null means `micro_batch_size` times the data-parallel size."""
    tensor_model_parallel_size: PositiveInt = 1
    """GPUs that share each layer."""
    pipeline_model_parallel_size: PositiveInt = 1
    """Groups of GPUs that hold successive layers; above 1 for the BERT families only."""
    sequence_parallel: bool = False
    """Also split the parts between the tensor-parallel layers; needs a tensor-parallel size above 1."""
    resume_from_checkpoint: Text | None = None
    """A checkpoint of this very training to go on from, instead of the newest in its folder."""

    seq_length: PositiveInt
    """Longest sequence in tokens."""
    max_position_embeddings: PositiveInt
    """Rows of the table of learned positions; at least `seq_length`."""
    num_layers: PositiveInt
    """Transformer layers of the encoder, and as many of a decoder."""
    hidden_size: PositiveInt
    """Width of the residual stream."""
    ffn_hidden_size: PositiveInt
    """Width inside a feed-forward block; usually four times `hidden_size`."""
    num_attention_heads: PositiveInt
    """Attention heads per layer."""
    kv_channels: PositiveInt | None = None
    """Width of a head; null means `hidden_size / num_attention_heads`."""
    init_method_std: PositiveFloat = 0.02
    """Standard deviation of the initial weights."""
    hidden_dropout: DropoutProbability = 0.1
    """Dropout after the attention and feed-forward blocks and on the embeddings."""
    attention_dropout: DropoutProbability = 0.1
    """Dropout of the attention weights."""
    layernorm_epsilon: PositiveFloat = 1e-5
    """Added to the variance in layer normalisation."""
    bias: bool = True
    """Whether linear layers have biases."""
    activation: Literal["gelu"] = "gelu"
    """Activation of the feed-forward blocks, in its exact (erf) form."""
    normalization: Literal["layernorm"] = "layernorm"
    """Normalisation, before each block and at the end."""
    position_embedding_type: Literal["learned_absolute", "rope"] = "learned_absolute"
    """How positions enter: a learned table or rotary embeddings."""
    make_vocab_size_divisible_by: PositiveInt = 128
    """The vocabulary is padded to a multiple of this times the tensor-parallel size."""
    use_cpu_initialization: bool = False
    """Draw the initial weights on the CPU, so that they are the same on every device."""
    native_amp_init_scale: PositiveFloat = 2.0**32
    """First loss scale of `16-mixed`."""
    native_amp_growth_interval: PositiveInt = 1000
    """Steps without overflow after which the loss scale doubles."""
    hysteresis: PositiveInt = 2
    """Overflows that are forgiven before the loss scale halves."""
    fp32_residual_connection: bool = False
    """Keep the residual stream in 32 bit."""
    activations_checkpoint_granularity: Literal["selective", "full"] | None = None
    """What is computed again in the backward pass to save memory: attention only, whole layers, or nothing."""
    activations_checkpoint_method: Literal["uniform", "block"] | None = None
    """Which layers `full` recomputes: chunks of equal size, or the first ones."""
    activations_checkpoint_num_layers: PositiveInt | None = None
    """Layers per chunk, or number of first layers."""
    fused_kernels: bool = True
    """Train with our own kernels on GPUs in 16 bit; else with those of torch and megatron-core, which are slower, kernel by kernel."""
    compile: bool = True
    """Compile the layers on GPUs: training is faster, and its first step takes about a minute longer."""
    keep_compiled: bool = True
    """In Kubernetes, keep what is compiled for GPUs in `compiled` of `explicit_log_dir`, where later attempts find it."""
    enable_cuda_graph: bool = True
    """Launch all kernels of a micro batch together on GPUs, where layers are neither split over ranks nor recomputed."""
    seed: NonNegativeInt = 1234
    """Seed of the initial weights and of dropout."""
    optim: OptimConfig
    """Optimizer and schedule."""


class MegaMolBARTModel(ModelConfig):
    """Encoder-decoder over SMILES; encoder and decoder share the token table."""

    share_word_embeddings: Literal[True] = True
    """Encoder and decoder use one table of tokens and one of positions."""
    share_decoder_tokens_head_embeddings: bool = False
    """Whether the output layer reuses the token table."""
    tokenizer: RegexTokenizerConfig = RegexTokenizerConfig()
    """Tokenizer of SMILES."""
    data: MoleculeData
    """Molecules and how they are masked."""
    validation: DownstreamValidation = DownstreamValidation()
    """Regression tasks that judge the embeddings."""


class Esm1nvModel(ModelConfig):
    """Bidirectional encoder over proteins with learned positions."""

    tokenizer: SentencePieceTokenizerConfig = SentencePieceTokenizerConfig()
    """Tokenizer of proteins."""
    data: MaskedProteinData
    """Proteins and how they are masked."""


class Esm2nvModel(ModelConfig):
    """Bidirectional encoder over proteins with rotary positions."""

    position_embedding_type: Literal["learned_absolute", "rope"] = "rope"
    """How positions enter: a learned table or rotary embeddings."""
    embedding_token_dropout: bool = True
    """Scale embeddings by (1 - 0.12) / (1 - masked share) and zero the masked ones, as ESM-2 was trained."""
    tokenizer: HuggingFaceTokenizerConfig = HuggingFaceTokenizerConfig()
    """Tokenizer of proteins."""
    data: MaskedProteinData
    """Proteins and how they are masked."""


class ProtT5nvTokenizerConfig(SentencePieceTokenizerConfig):
    """The protein pieces with sentinels."""

    num_sentinel_tokens: Annotated[int, Field(ge=1)] = 96
    """Sentinels `<extra_id_0>`… added after the pieces; at least as many as a sequence can have masked spans."""


class ProtT5nvModel(ModelConfig):
    """Encoder-decoder over proteins; encoder, decoder and output layer share the token table."""

    share_word_embeddings: Literal[True] = True
    """Encoder and decoder use one table of tokens and one of positions."""
    share_decoder_tokens_head_embeddings: bool = True
    """Whether the output layer reuses the token table, with a bias of its own."""
    tokenizer: ProtT5nvTokenizerConfig = ProtT5nvTokenizerConfig()
    """Tokenizer of proteins."""
    data: SpanCorruptionData
    """Proteins and how spans are corrupted."""
