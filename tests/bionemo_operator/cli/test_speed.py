"""What `bionemo check` says of speed: an estimate that names what it assumes, and takes what the user knows."""

import pytest

from bionemo_operator.cli.speed import Assumptions, speed_facts
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.speed.gpus import GpuName
from testkit.real_data import prepare_examples

ESM2 = "protein/esm2nv/pretrain_esm2_650M"
LARGE = "model.micro_batch_size=64"


def facts(*overrides, recipe=ESM2, nodes=1, devices=1, label="", dataset=None, **known):
    places = [f"trainer.num_nodes={nodes}", f"trainer.devices={devices}", "trainer.precision=bf16-mixed"]
    config = load_recipe(recipe, [*places, *overrides]).config
    return list(speed_facts(config, Assumptions(**known), node_label=label, dataset=dataset))


def test_one_gpu_has_rates_parts_and_assumptions():
    assert facts("trainer.max_steps=1000", "model.enable_cuda_graph=False") == [
        (
            "speed",
            "about 12 samples/s, 3,000 tokens/s; 170 ms a step, 2m53s or 0.002 GPU-days for 1000 steps",
        ),
        (
            "",
            "of a step: starting kernels 170 ms, GPU 15 ms; starting kernels holds it back, so larger micro batches cost "
            "little time",
        ),
        (
            "",
            "an estimate, no measurement, without start, validation, saving and restarts: GPU H100 (assumed; --gpu names "
            "another), sequences of 264 tokens (assumed; --mean-length says)",
        ),
    ]


def test_many_gpus_have_communication_and_scaling_too():
    (_, rates), (_, parts), (_, words) = facts(LARGE, nodes=4, devices=8)
    assert rates == "about 13,000 samples/s, 3,400,000 tokens/s; 160 ms a step, 22h14m or 30 GPU-days for 500000 steps"
    assert parts == (
        "of a step: starting kernels 13 ms, GPU 150 ms, communication 10 ms (10 ms of it exposed), scaling 98%; "
        "the GPU holds it back"
    )
    assert "400 Gbit/s of each to other nodes" in words


def test_what_the_user_knows_is_not_assumed():
    _, _, (_, words) = facts(nodes=2, gpu=GpuName.A100, network_gbit=100, mean_length=512.0)
    assert words == (
        "an estimate, no measurement, without start, validation, saving and restarts: GPU A100, 100 Gbit/s of each to "
        "other nodes, sequences of 512 tokens"
    )


def test_no_sequence_is_longer_than_the_model_reads():
    assert "sequences of 1024 tokens" in facts(mean_length=5000.0)[2][1]


def test_a_dataset_on_this_machine_tells_its_lengths(tmp_path):
    prepare_examples(tmp_path)
    assert facts(dataset=tmp_path / "proteins")[2][1].endswith("sequences of 324 tokens (by the dataset's manifest)")


def test_a_dataset_elsewhere_has_assumed_ones(tmp_path):
    words = facts(dataset=tmp_path / "nowhere")[2][1]
    assert words.endswith("sequences of 264 tokens (assumed; --mean-length says)")


@pytest.mark.parametrize(
    ("label", "gpu", "words"),
    [
        pytest.param("NVIDIA-A100-SXM4-80GB", None, "GPU A100,", id="what nodes are asked for"),
        pytest.param("NVIDIA-A100-SXM4-80GB", GpuName.H200, "GPU H200,", id="unless the command line says"),
        pytest.param("Radeon", None, "GPU H100 (assumed; --gpu names another),", id="an unknown GPU is not guessed"),
    ],
)
def test_the_gpu_is_that_of_the_nodes_that_a_training_asks_for(label, gpu, words):
    assert words in facts(label=label, gpu=gpu)[2][1]


def test_a_pipeline_has_its_bubble():
    _, (_, parts), _ = facts(LARGE, "model.pipeline_model_parallel_size=3", devices=3)
    assert "bubble 120 ms" in parts


def test_a_host_that_holds_back_shared_layers_is_told_so():
    _, (_, parts), _ = facts("model.tensor_model_parallel_size=4", devices=4)
    assert parts.endswith("so larger micro batches cost little time and fewer tensor-parallel ranks none")


def test_a_layout_that_mostly_sends_is_advised_to_send_less():
    _, (_, parts), _ = facts(LARGE, "model.tensor_model_parallel_size=20", nodes=20, network_gbit=10)
    assert parts.endswith("communication holds it back, so fewer tensor-parallel ranks or larger batches gain most")


def test_long_steps_are_told_in_seconds():
    assert (
        "; 6.1 s a step" in facts("model.micro_batch_size=1000", "model.global_batch_size=3000", gpu=GpuName.H200)[0][1]
    )


def test_on_cpus_there_is_no_word_about_speed():
    assert facts("trainer.accelerator=cpu") == []


def test_a_precision_that_was_not_measured_is_told():
    assert facts("trainer.precision=32") == [("speed", "no estimate: nothing was measured in precision 32")]


def test_a_gpu_that_has_no_eight_bit_is_named():
    assert facts("trainer.precision=fp8-mixed", label="NVIDIA-A100-SXM4-80GB") == [
        ("speed", "no estimate: fp8-mixed needs GPUs from Hopper on, such as H100; A100 is none of them")
    ]
