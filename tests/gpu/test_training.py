"""Training on one GPU has the losses of training on a CPU, in every precision and with two ranks on the GPU."""

from functools import partial

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("training on a GPU needs one", allow_module_level=True)

from testkit.fresh_processes import findings_of  # noqa: E402  after the skips
from testkit.gpu_cases import gpu_cases, shared_gpu_cases  # noqa: E402
from testkit.networks import FAMILIES  # noqa: E402
from testkit.two_ranks import findings_of_two_ranks  # noqa: E402


@pytest.fixture(scope="module")
def on_gpu(datasets):
    return findings_of(gpu_cases, datasets, CUDA_VISIBLE_DEVICES="0")


@pytest.fixture(scope="module")
def shared(datasets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared-gpu")
    return findings_of_two_ranks(partial(shared_gpu_cases, datasets), folder, accelerator="gpu")


@pytest.mark.parametrize("recipe", FAMILIES)
def test_losses_are_those_of_the_cpu(on_cpu, on_gpu, recipe):
    assert on_gpu[recipe] == pytest.approx(on_cpu[recipe], rel=1e-4)


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("recipe", FAMILIES)
def test_sixteen_bit_follows_thirty_two(on_cpu, on_gpu, precision, recipe):
    assert on_gpu[f"{precision} {recipe}"] == pytest.approx(on_cpu[recipe], rel=0.03)


@pytest.mark.skipif(torch.cuda.get_device_capability() < (9, 0), reason="products in 8 bit need a GPU from Hopper on")
@pytest.mark.parametrize("recipe", FAMILIES)
def test_eight_bit_follows_thirty_two(on_cpu, on_gpu, recipe):
    assert on_gpu[f"fp8-mixed {recipe}"] == pytest.approx(on_cpu[recipe], rel=0.06)
    assert on_gpu[f"fp8-mixed {recipe}"] != on_gpu[f"bf16-mixed {recipe}"]


@pytest.mark.parametrize("layout", ["tensor", "sequence"])
@pytest.mark.parametrize("recipe", FAMILIES)
def test_two_ranks_on_one_gpu_share_layers(on_cpu, shared, layout, recipe):
    assert shared[f"{layout} {recipe}"] == pytest.approx(on_cpu[recipe], rel=1e-4)


def test_an_update_that_is_no_number_is_left_out_on_the_device(on_gpu):
    assert on_gpu["untouched"] == [True, True]
