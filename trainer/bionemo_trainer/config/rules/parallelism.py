"""Rules about how a run is spread over devices."""

from collections.abc import Iterator

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.config.parameters import head_width
from bionemo_trainer.config.schema.model import MegaMolBARTModel, ProtT5nvModel
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.errors import Problem

EIGHT_BIT_MULTIPLE = 16
"""Widths that tensor cores multiply in 8 bit are multiples of it, by torch's check of `scaled_mm`."""


def ranks_form_whole_models(config: TrainConfig) -> Iterator[Problem]:
    """The ranks divide into whole copies of the model."""
    layout = layout_of(config)
    if layout.world_size % layout.model_parallel:
        yield Problem(
            field="model.tensor_model_parallel_size x model.pipeline_model_parallel_size",
            value=layout.model_parallel,
            rule=f"does not divide the {layout.world_size} ranks "
            f"({layout.num_nodes} x {layout.devices_per_node}, trainer.num_nodes x trainer.devices)",
            mend=f"choose a product out of {_divisors(layout.world_size)}",
        )


def layers_split_evenly(config: TrainConfig) -> Iterator[Problem]:
    """Tensor and pipeline parallelism give every rank the same work."""
    model = config.model
    tensor, pipeline = model.tensor_model_parallel_size, model.pipeline_model_parallel_size
    for name, size in (
        ("num_attention_heads", model.num_attention_heads),
        ("ffn_hidden_size", model.ffn_hidden_size),
        ("hidden_size", model.hidden_size if model.sequence_parallel else tensor),
    ):
        if size % tensor:
            mend = f"choose a tensor size that divides it, out of {_divisors(model.num_attention_heads)}"
            rule = f"does not divide model.{name} ({size})"
            yield Problem(field="model.tensor_model_parallel_size", value=tensor, rule=rule, mend=mend)
    if pipeline > 1 and isinstance(model, MegaMolBARTModel | ProtT5nvModel):
        yield Problem(
            field="model.pipeline_model_parallel_size",
            value=pipeline,
            rule="must be 1 for an encoder-decoder model, since megatron-core 0.19 no longer pipelines these",
            mend="set it to 1 and use model.tensor_model_parallel_size to spread a large model",
        )
    elif model.num_layers % pipeline:
        yield Problem(
            field="model.pipeline_model_parallel_size",
            value=pipeline,
            rule=f"does not divide model.num_layers ({model.num_layers})",
            mend=f"choose one of {_divisors(model.num_layers)}",
        )


def sequence_parallel_needs_tensor_parallel(config: TrainConfig) -> Iterator[Problem]:
    """Sequence parallelism splits what tensor parallelism leaves whole, so it needs it."""
    if config.model.sequence_parallel and config.model.tensor_model_parallel_size == 1:
        yield Problem(
            field="model.sequence_parallel",
            value=True,
            rule="needs model.tensor_model_parallel_size above 1",
            mend="set it to False, or raise the tensor-parallel size",
        )


def every_replica_has_a_sample(config: TrainConfig) -> Iterator[Problem]:
    """A step has at least one sample for every copy of the model."""
    batch, data = config.model.global_batch_size, layout_of(config).data
    if batch is not None and batch < data:
        yield Problem(
            field="model.global_batch_size",
            value=batch,
            rule=f"is smaller than the data-parallel size ({data}), so some replicas would have no sample",
            mend=f"give at least {data}, or null for model.micro_batch_size x {data}",
        )


def precision_exists_on_device(config: TrainConfig) -> Iterator[Problem]:
    """16-bit floats with loss scaling and 8-bit floats exist on GPUs only."""
    if config.trainer.accelerator == "cpu" and config.trainer.precision in ("16-mixed", "fp8-mixed"):
        yield Problem(
            field="trainer.precision",
            value=config.trainer.precision,
            rule="needs a GPU, and trainer.accelerator is cpu",
            mend="set it to bf16-mixed or 32",
        )


def eight_bit_products_fit(config: TrainConfig) -> Iterator[Problem]:
    """Products in 8 bit take whole layers, of widths that the hardware's tiles fit."""
    model = config.model
    if config.trainer.precision != "fp8-mixed":
        return
    if model.tensor_model_parallel_size > 1:
        yield Problem(
            field="trainer.precision",
            value="fp8-mixed",
            rule=f"needs whole layers on every rank, and model.tensor_model_parallel_size is {model.tensor_model_parallel_size}",
            mend="set it to bf16-mixed, or the tensor-parallel size to 1",
        )
    for name, width in (
        ("hidden_size", model.hidden_size),
        ("ffn_hidden_size", model.ffn_hidden_size),
        ("num_attention_heads x the width of a head", model.num_attention_heads * head_width(model)),
    ):
        if width % EIGHT_BIT_MULTIPLE:
            yield Problem(
                field=f"model.{name}",
                value=width,
                rule=f"must be a multiple of {EIGHT_BIT_MULTIPLE} with trainer.precision=fp8-mixed",
                mend="change it, or set the precision to bf16-mixed",
            )


def recomputation_is_whole(config: TrainConfig) -> Iterator[Problem]:
    """The method of recomputation belongs to full recomputation."""
    model = config.model
    method = model.activations_checkpoint_method
    if method is not None and model.activations_checkpoint_granularity != "full":
        yield Problem(
            field="model.activations_checkpoint_method",
            value=method,
            rule="belongs to model.activations_checkpoint_granularity=full",
            mend="set the granularity to full, or this to null",
        )


def _divisors(number: int) -> str:
    return ", ".join(str(size) for size in range(1, number + 1) if number % size == 0)
