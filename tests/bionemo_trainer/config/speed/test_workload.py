"""What a step asks of a copy of the model follows from its share of the batch and from the lengths of the data."""

import pytest

from bionemo_trainer.config.flops import flops_per_token
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.speed.workload import assumed_length, workload_of

MEGAMOLBART = "molecule/megamolbart/pretrain_small_span_aug"
ESM1NV = "protein/esm1nv/pretrain_small"
PROTT5NV = "protein/prott5nv/pretrain_small"


def config_of(recipe, *overrides):
    return load_recipe(recipe, ["trainer.num_nodes=1", "trainer.devices=2", *overrides]).config


@pytest.mark.parametrize(
    ("recipe", "overrides", "mean_length", "encoder", "decoder"),
    [
        pytest.param(ESM1NV, [], 300.0, 300.0, 0.0, id="an encoder alone"),
        pytest.param(MEGAMOLBART, [], 40.0, 32.4, 40.0, id="masked spans shorten what is read"),
        pytest.param(MEGAMOLBART, ["model.data.encoder_mask=False"], 40.0, 40.0, 40.0, id="nothing is masked"),
        pytest.param(PROTT5NV, [], 300.0, 300.0, 90.0, id="only what was cut out is written"),
        pytest.param(PROTT5NV, ["model.data.masked_lm_prob=0.1"], 300.0, 300.0, 60.0, id="of which there may be less"),
    ],
)
def test_each_side_has_its_length(recipe, overrides, mean_length, encoder, decoder):
    work = workload_of(config_of(recipe, "model.micro_batch_size=10", *overrides), mean_length)
    assert work.samples == 10
    assert (work.encoder_tokens, work.decoder_tokens) == pytest.approx((10 * encoder, 10 * decoder))
    assert work.tokens == work.encoder_tokens + work.decoder_tokens


def test_operations_are_those_that_utilization_counts():
    config = config_of(ESM1NV)
    work = workload_of(config, 300.0)
    assert work.flops == work.tokens * flops_per_token(config, 300.0)
    assert work.product_flops == pytest.approx(work.flops - work.tokens * flops_per_token(config, 0.0))


@pytest.mark.parametrize(
    ("micro_batch_size", "samples", "mean_length", "micro_batches"),
    [
        pytest.param(8, 8, 128.0, 1, id="one holds them all"),
        pytest.param(8, 64, 128.0, 3, id="each ends half a sample early"),
        pytest.param(1, 5, 500.0, 5, id="one sample fills each"),
        pytest.param(1, 5, 300.0, 5, id="two samples may not fit"),
    ],
)
def test_micro_batches_are_filled_with_what_fits(micro_batch_size, samples, mean_length, micro_batches):
    batches = [f"model.micro_batch_size={micro_batch_size}", f"model.global_batch_size={2 * samples}"]
    assert workload_of(config_of(ESM1NV, *batches), mean_length).micro_batches == micro_batches


@pytest.mark.parametrize(
    ("recipe", "overrides", "length"),
    [
        pytest.param(MEGAMOLBART, [], 38.0, id="molecules"),
        pytest.param(PROTT5NV, [], 264.0, id="proteins"),
        pytest.param(
            ESM1NV,
            ["model.seq_length=128", "model.data.max_seq_length=128"],
            128.0,
            id="no longer than the model reads",
        ),
    ],
)
def test_lengths_that_nobody_tells_are_assumed(recipe, overrides, length):
    assert assumed_length(config_of(recipe, *overrides)) == length
