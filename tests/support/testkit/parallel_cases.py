"""What two ranks are asked to compute; imported by fresh processes, so it stands here and not in a test module."""

from collections.abc import Callable

import torch
from megatron.core import parallel_state
from megatron.core.tensor_parallel.random import get_cuda_rng_tracker
from torch import distributed

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.engine.process_groups import Ranks, form_model_groups
from bionemo_trainer.engine.seeds import seed_dropout
from bionemo_trainer.models.bert import Bert
from bionemo_trainer.models.build import Network, build_model
from bionemo_trainer.models.decoding import greedy_decode
from bionemo_trainer.models.encoder_decoder import EncoderDecoder
from bionemo_trainer.tokenizers.vocabulary import megamolbart_vocabulary
from testkit.fresh_processes import Findings
from testkit.networks import CPU, ENCODERS, ESM2NV, FAMILIES, MEGAMOLBART, NO_DROPOUT, batch_for, small_config
from testkit.training import gradients_of, losses_of_training

TENSOR = ("trainer.devices=2", "model.tensor_model_parallel_size=2")
SEQUENCE = (*TENSOR, "model.sequence_parallel=True")
PIPELINE = ("trainer.devices=2", "model.pipeline_model_parallel_size=2")
LAYOUTS = {"alone": ("trainer.devices=2",), "tensor": TENSOR, "sequence": SEQUENCE}
GRANULARITIES = ("null", "selective", "full")
NUM_STEPS = 5


def all_cases() -> Findings:
    """Every finding by its name; each case forms its own groups."""
    findings: Findings = {}
    for layout, overrides in LAYOUTS.items():
        for recipe in FAMILIES:
            findings[f"losses {layout} {recipe}"] = _losses(recipe, *overrides)
        findings[f"decoded {layout}"] = _decoded(*overrides)
        findings[f"correct {layout}"] = _num_correct(*overrides)
        for granularity in GRANULARITIES:
            findings[f"gradients {layout} {granularity}"] = _gradient_norms(granularity, *overrides)
    for recipe in ENCODERS:
        findings[f"pipeline {recipe}"] = _pipelined_loss(recipe)
        findings[f"pipeline gradients {recipe}"] = _pipelined_loss(recipe, reading=_table_gradient)
        findings[f"one stage {recipe}"] = _loss_of_one_stage(recipe)
        findings[f"one stage gradients {recipe}"] = _loss_of_one_stage(recipe, reading=_table_gradient)
    findings["dropout tensor"] = _dropout(*TENSOR)
    findings["shards"] = _global_shapes(*TENSOR)
    findings["replicas of the table"] = _replicas_of_the_table(*PIPELINE)
    findings["whole"] = _global_shapes(*LAYOUTS["alone"])
    return findings


def _formed(recipe: str, *overrides: str) -> Network:
    config = small_config(recipe, *NO_DROPOUT, *overrides)
    form_model_groups(layout_of(config))
    return build_model(config, CPU)


def _losses(recipe: str, *overrides: str) -> list[float]:
    network = _formed(recipe, *overrides)
    batches = [batch_for(recipe, seed=seed) for seed in range(NUM_STEPS)]
    return losses_of_training(network, batches, NUM_STEPS, learning_rate=1e-3)


def _decoded(*overrides: str) -> list[list[int]]:
    network = _formed(MEGAMOLBART, *overrides)
    assert isinstance(network, EncoderDecoder)
    sources = batch_for(MEGAMOLBART, lengths=(4, 9, 6)).encoder  # type: ignore[union-attr]  # of this family
    ids, offsets = greedy_decode(network, sources, megamolbart_vocabulary(), max_tokens=12)
    return [ids.tolist(), offsets.tolist()]


def _num_correct(*overrides: str) -> int:
    losses = _formed(MEGAMOLBART, *overrides).eval()(batch_for(MEGAMOLBART, lengths=(40, 60)))
    return int(losses.num_correct)


def _loss_of_one_stage(recipe: str, reading: Callable[[Bert], object] | None = None) -> object:
    network = _formed(recipe, *LAYOUTS["alone"])
    losses = network(batch_for(recipe))
    losses.loss_sum.backward()
    assert isinstance(network, Bert)
    return reading(network) if reading else losses.loss_sum.item()


def _pipelined_loss(recipe: str, reading: Callable[[Bert], object] | None = None) -> object:
    """The loss of two stages, handed from one to the other by hand, as megatron-core's schedules do."""
    network = _formed(recipe, *PIPELINE)
    assert isinstance(network, Bert)
    batch = batch_for(recipe)
    is_last = parallel_state.is_pipeline_last_stage()
    hidden = torch.empty(batch.inputs.num_tokens, 1, 32, requires_grad=is_last)  # type: ignore[union-attr]
    if is_last:
        distributed.recv(hidden.data, 0)
        network.set_input_tensor([hidden])
        loss = network(batch).loss_sum
        loss.backward()
        assert hidden.grad is not None, "the first stage waits for it"
        distributed.send(hidden.grad, 0)
    else:
        hidden = network(batch)
        distributed.send(hidden.detach(), 1)
        gradient = torch.empty_like(hidden)
        distributed.recv(gradient, 1)
        hidden.backward(gradient)
        loss = torch.zeros(())
    distributed.broadcast(loss.data, 1)
    return reading(network) if reading else loss.item()


def _table_gradient(network: Bert) -> list[float]:
    table = network.shared_embedding_or_output_weight()
    assert table is not None, "both stages hold the table"
    assert table.grad is not None, "the loss depends on it"
    gradient = table.grad.clone()
    if parallel_state.get_pipeline_model_parallel_world_size() > 1:
        distributed.all_reduce(gradient, group=parallel_state.get_embedding_group())
    return gradient.norm(dim=1).tolist()


def _gradient_norms(granularity: str, *overrides: str) -> list[float]:
    """With dropout, which the backward pass has to repeat when it computes layers again."""
    config = small_config(MEGAMOLBART, *overrides, f"model.activations_checkpoint_granularity={granularity}")
    form_model_groups(layout_of(config))
    network = build_model(config, CPU)
    seed_dropout(1, 2, _ranks())
    return [gradient.norm().item() for gradient in gradients_of(network, batch_for(MEGAMOLBART)).values()]


def _ranks() -> Ranks:
    """Where this process stands in the groups as they are now."""
    return Ranks(
        world=distributed.get_rank(),
        data=parallel_state.get_data_parallel_rank(),
        tensor=parallel_state.get_tensor_model_parallel_rank(),
        pipeline=parallel_state.get_pipeline_model_parallel_rank(),
        device=CPU,
    )


def _dropout(*overrides: str) -> dict[str, list[float]]:
    """Whether ranks that share layers drop alike what both hold, and differently what each holds a part of."""
    form_model_groups(layout_of(small_config(ESM2NV, *overrides)))
    seed_dropout(1, 2, _ranks())
    shared = torch.rand(1)
    with get_cuda_rng_tracker().fork():
        split = torch.rand(1)
    return {"shared": _of_both_ranks(shared), "split": _of_both_ranks(split)}


def _of_both_ranks(value: torch.Tensor) -> list[float]:
    values = [torch.empty_like(value) for _ in range(2)]
    distributed.all_gather(values, value)
    return [found.item() for found in values]


def _global_shapes(*overrides: str) -> dict[str, tuple[int, ...]]:
    """The whole tensors that a checkpoint would hold."""
    network = _formed(MEGAMOLBART, *overrides)
    shards = network.sharded_state_dict()
    return {key: shard.global_shape for key, shard in shards.items() if hasattr(shard, "global_shape")}


def _replicas_of_the_table(*overrides: str) -> list[object]:
    """Which copy of the token table each rank would save; a checkpoint takes the one of zeros."""
    shard = _formed(ESM2NV, *overrides).sharded_state_dict()["embedding.tokens.weight"]
    replicas: list[object] = [None, None]
    distributed.all_gather_object(replicas, shard.replica_id)
    return replicas
