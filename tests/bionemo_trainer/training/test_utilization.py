"""Utilization sets the arithmetic of a model against what data sheets say of 16 bit."""

import pytest

from bionemo_trainer.config.flops import flops_per_token
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.training.utilization import model_flops_utilization, peak_flops

MEGAMOLBART = "molecule/megamolbart/pretrain_small_span_aug"
ESM1NV = "protein/esm1nv/pretrain_small"


@pytest.mark.parametrize(
    ("name", "precision", "peak"),
    [
        pytest.param("NVIDIA H100 80GB HBM3", "bf16-mixed", 989.5e12, id="an SXM card"),
        pytest.param("NVIDIA H100 PCIe", "bf16-mixed", 756e12, id="a slower form of it"),
        pytest.param("NVIDIA A100-SXM4-80GB", "16-mixed", 312e12, id="an older one"),
        pytest.param("NVIDIA H200", "fp8-mixed", 989.5e12, id="8 bit by the measure of 16"),
        pytest.param("NVIDIA H100 80GB HBM3", "32", None, id="a precision without a data sheet"),
        pytest.param("Radeon", "bf16-mixed", None, id="an unknown device"),
    ],
)
def test_the_peak_is_that_of_the_device_and_the_precision(name, precision, peak):
    assert peak_flops(name, precision) == peak


@pytest.mark.parametrize(
    ("recipe", "tokens_per_sample", "mean_length"),
    [pytest.param(ESM1NV, 300.0, 300.0, id="an encoder"), pytest.param(MEGAMOLBART, 80.0, 40.0, id="both")],
)
def test_the_share_is_that_of_all_gpus_together(recipe, tokens_per_sample, mean_length):
    config = load_recipe(recipe, ["trainer.precision=bf16-mixed"]).config
    share = model_flops_utilization(
        config, "NVIDIA A100-SXM4-80GB", num_ranks=16, tokens_per_second=1e6, tokens_per_sample=tokens_per_sample
    )
    assert share == flops_per_token(config, mean_length) * 1e6 / (16 * 312e12)
    assert 0 < share < 1


def test_on_other_devices_there_is_no_share():
    config = load_recipe(ESM1NV).config
    assert model_flops_utilization(config, "cpu", num_ranks=2, tokens_per_second=1e3, tokens_per_sample=100.0) is None
