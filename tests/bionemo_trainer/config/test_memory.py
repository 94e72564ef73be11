"""The memory estimate counts states exactly and moves the right way with every setting."""

import pytest

from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.memory import GIB, MemoryEstimate, estimate_memory, memory_with
from bionemo_trainer.config.parameters import num_parameters

ESM2 = "protein/esm2nv/pretrain_esm2_650M"


def estimate(*overrides, recipe=ESM2):
    return estimate_memory(load_recipe(recipe, overrides).config)


def test_full_precision_keeps_sixteen_bytes_per_parameter():
    parameters = num_parameters(load_recipe(ESM2).config.model)
    full = estimate()
    assert (full.weights_bytes, full.gradients_bytes, full.optimizer_bytes) == (
        4 * parameters,
        4 * parameters,
        8 * parameters,
    )


def test_mixed_precision_adds_a_32_bit_copy_of_the_weights():
    parameters = num_parameters(load_recipe(ESM2).config.model)
    mixed = estimate("trainer.precision=bf16-mixed")
    assert (mixed.weights_bytes, mixed.optimizer_bytes) == (2 * parameters, 12 * parameters)


def test_eight_bit_products_add_two_8_bit_copies_of_the_weights():
    parameters = num_parameters(load_recipe(ESM2).config.model)
    assert estimate("trainer.precision=fp8-mixed").weights_bytes == 4 * parameters


def test_replicas_share_the_optimizer_states():
    assert estimate("trainer.num_nodes=4").optimizer_bytes == estimate().optimizer_bytes // 4


def test_tensor_parallel_ranks_share_everything():
    alone = estimate()
    half = estimate("trainer.devices=2", "model.tensor_model_parallel_size=2")
    assert half.weights_bytes == pytest.approx(alone.weights_bytes / 2, rel=0.01)
    assert half.activations_bytes < alone.activations_bytes


@pytest.mark.parametrize(
    "setting",
    [
        "model.activations_checkpoint_granularity=full",
        "model.micro_batch_size=1",
        "model.seq_length=512",
        "trainer.precision=bf16-mixed",
    ],
)
def test_a_setting_that_saves_memory_lowers_the_activations(setting):
    extra = ["model.data.max_seq_length=512"] if "seq_length" in setting else []
    assert estimate(setting, *extra).activations_bytes < estimate().activations_bytes


def test_sequence_parallelism_splits_what_tensor_parallelism_leaves_whole():
    layout = ["trainer.devices=2", "model.tensor_model_parallel_size=2"]
    assert estimate(*layout, "model.sequence_parallel=True").activations_bytes < estimate(*layout).activations_bytes


@pytest.mark.parametrize(
    ("setting", "layers"),
    [
        pytest.param([], 1, id="one GPU"),
        pytest.param(["trainer.devices=3", "model.pipeline_model_parallel_size=3"], 0, id="a stage before the last"),
        pytest.param(["model.activations_checkpoint_granularity=full"], 0, id="what layers begin with"),
    ],
)
def test_a_last_layer_that_few_tokens_pass_whole_takes_no_room(setting, layers):
    light, whole = (estimate(f"model.data.modify_percent={share}", *setting) for share in (0.15, 1.0))
    per_layer = (whole.activations_bytes - estimate("model.num_layers=30").activations_bytes) / 4
    assert whole.activations_bytes - light.activations_bytes == pytest.approx(layers * per_layer, rel=0.01)


def test_what_is_dropped_takes_no_room():
    assert estimate("model.hidden_dropout=0.1") == estimate()


@pytest.mark.parametrize("recipe", ["molecule/megamolbart/pretrain_base", "protein/prott5nv/base_config"])
def test_a_decoder_takes_room(recipe):
    assert estimate(recipe=recipe).activations_bytes > 0


@pytest.mark.parametrize(
    ("recipe", "precision", "tokens", "peak_gib"),
    [
        ("molecule/megamolbart/pretrain_small_span_aug", "bf16-mixed", (51_200, 62_464), 13.85),
        ("protein/esm1nv/pretrain_small", "bf16-mixed", (65_536, 0), 9.42),
        ("protein/prott5nv/pretrain_small", "bf16-mixed", (32_768, 10_240), 17.30),
        (ESM2, "bf16-mixed", (32_768, 0), 57.14),
        (ESM2, "fp8-mixed", (32_768, 0), 58.35),
        ("protein/esm2nv/pretrain_esm2_3B", "bf16-mixed", (16_384, 0), 98.97),
    ],
)
def test_measured_peaks_are_met_within_a_tenth(recipe, precision, tokens, peak_gib):
    # The fullest micro batches of a run on one H200 (trainer/LOG.md, 2026-11-30); what torch had reserved is not in the peak.
    one_gpu = ("trainer.num_nodes=1", "trainer.devices=1", "model.tensor_model_parallel_size=1")
    config = load_recipe(recipe, (*one_gpu, f"trainer.precision={precision}")).config
    found = memory_with(config, encoder_tokens=tokens[0], decoder_tokens=tokens[1])
    assert (found.total_bytes - found.reserved_bytes) / GIB == pytest.approx(peak_gib, rel=0.1)


def test_full_micro_batches_need_more_than_those_of_real_lengths():
    config = load_recipe(ESM2).config
    assert estimate_memory(config) == memory_with(config, encoder_tokens=2048, decoder_tokens=0)
    assert memory_with(config, encoder_tokens=528, decoder_tokens=0).total_bytes < estimate_memory(config).total_bytes


def test_the_estimate_is_printed_with_its_parts():
    size = MemoryEstimate(
        weights_bytes=GIB, gradients_bytes=2 * GIB, optimizer_bytes=3 * GIB, activations_bytes=4 * GIB
    )
    assert str(size) == (
        "11.5 GiB per GPU (weights 1.00, gradients 2.00, optimizer 3.00, activations 4.00, reserved 1.50)"
    )
