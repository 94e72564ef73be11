"""Which trainings replay their micro batches; what a replay computes is compared in `tests/gpu`."""

import pytest

from bionemo_trainer.config.cuda_graph import obstacle_to_graphs
from bionemo_trainer.config.load import load_recipe

ON_GPU = ("trainer.accelerator=gpu", "trainer.precision=bf16-mixed")


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (ON_GPU, None),
        ((*ON_GPU, "model.enable_cuda_graph=False"), "model.enable_cuda_graph is False"),
        ((*ON_GPU, "model.fused_kernels=False"), "model.fused_kernels is False"),
        (("trainer.accelerator=cpu", "trainer.precision=bf16-mixed"), "trainer.accelerator is not gpu"),
        (("trainer.accelerator=gpu", "trainer.precision=32"), "trainer.precision is 32"),
        (
            (*ON_GPU, "model.hidden_size=320", "model.ffn_hidden_size=320", "model.num_attention_heads=2"),
            "heads are wider than 128",
        ),
        ((*ON_GPU, "trainer.devices=2", "model.tensor_model_parallel_size=2"), "layers are split over ranks"),
        ((*ON_GPU, "model.activations_checkpoint_granularity=full"), "activations are recomputed"),
    ],
)
def test_what_waits_for_the_host_is_no_graph(overrides, reason):
    assert obstacle_to_graphs(load_recipe("molecule/megamolbart/pretrain_xsmall_span_aug", overrides).config) == reason
