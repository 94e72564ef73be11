"""What can't work is refused before a device is taken, with the numbers that clash and the mend."""

import pytest

from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.errors import ConfigError

MOLECULES = "molecule/megamolbart/pretrain_small_span_aug"
ESM1 = "protein/esm1nv/pretrain_small"
T5 = "protein/prott5nv/pretrain_small"
TENSOR = "model.tensor_model_parallel_size"
PIPELINE = "model.pipeline_model_parallel_size"
SCHED = "model.optim.sched"


def refused(recipe, *overrides):
    with pytest.raises(ConfigError) as caught:
        load_recipe(recipe, overrides)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("recipe", "overrides", "messages"),
    [
        pytest.param(
            MOLECULES,
            ["trainer.num_nodes=1", "trainer.devices=6", f"{TENSOR}=4"],
            [
                (
                    f"{TENSOR} x {PIPELINE}: 4 does not divide the 6 ranks (1 x 6, trainer.num_nodes x trainer.devices); "
                    "choose a product out of 1, 2, 3, 6."
                )
            ],
            id="ranks",
        ),
        pytest.param(
            MOLECULES,
            ["trainer.devices=3", f"{TENSOR}=3"],
            [
                f"{TENSOR}: 3 does not divide model.num_attention_heads (8); choose a tensor size that divides it, out of 1, 2, 4, 8.",
                f"{TENSOR}: 3 does not divide model.ffn_hidden_size (2048); choose a tensor size that divides it, out of 1, 2, 4, 8.",
            ],
            id="heads and width",
        ),
        pytest.param(
            MOLECULES,
            ["trainer.precision=fp8", "trainer.num_nodes=1", "trainer.devices=2", f"{TENSOR}=2"],
            [
                (
                    f"trainer.precision: 'fp8-mixed' needs whole layers on every rank, and {TENSOR} is 2; "
                    "set it to bf16-mixed, or the tensor-parallel size to 1."
                )
            ],
            id="layers in 8 bit are whole",
        ),
        pytest.param(
            MOLECULES,
            ["trainer.precision=fp8-mixed", "model.hidden_size=40", "model.ffn_hidden_size=72"],
            [
                f"model.{name}: {width} must be a multiple of 16 with trainer.precision=fp8-mixed; "
                "change it, or set the precision to bf16-mixed."
                for name, width in (
                    ("hidden_size", 40),
                    ("ffn_hidden_size", 72),
                    ("num_attention_heads x the width of a head", 40),
                )
            ],
            id="widths in 8 bit",
        ),
        pytest.param(
            ESM1,
            ["trainer.devices=4", f"{PIPELINE}=4"],
            [f"{PIPELINE}: 4 does not divide model.num_layers (6); choose one of 1, 2, 3, 6."],
            id="layers",
        ),
        pytest.param(
            T5,
            [f"{PIPELINE}=2"],
            [
                (
                    f"{PIPELINE}: 2 must be 1 for an encoder-decoder model, since megatron-core 0.19 no longer pipelines these; "
                    f"set it to 1 and use {TENSOR} to spread a large model."
                )
            ],
            id="pipeline of an encoder-decoder model",
        ),
        pytest.param(
            ESM1,
            ["model.sequence_parallel=True"],
            [
                f"model.sequence_parallel: True needs {TENSOR} above 1; set it to False, or raise the tensor-parallel size."
            ],
            id="sequence parallelism alone",
        ),
        pytest.param(
            MOLECULES,
            ["model.global_batch_size=32"],
            [
                (
                    "model.global_batch_size: 32 is smaller than the data-parallel size (64), so some replicas would have no sample; "
                    "give at least 64, or null for model.micro_batch_size x 64."
                )
            ],
            id="BioNeMo's own global batch",
        ),
        pytest.param(
            ESM1,
            ["model.num_attention_heads=7"],
            [
                (
                    "model.num_attention_heads: 7 does not divide model.hidden_size (768); "
                    "choose a divisor, or set model.kv_channels."
                )
            ],
            id="heads of uneven width",
        ),
        pytest.param(
            ESM1,
            ["model.max_position_embeddings=256"],
            [
                "model.max_position_embeddings: 256 is smaller than model.seq_length (512); raise it to model.seq_length."
            ],
            id="positions",
        ),
        pytest.param(
            ESM1,
            ["model.data.max_seq_length=1024"],
            [
                "model.data.max_seq_length: 1024 is larger than model.seq_length (512); lower it, or raise model.seq_length."
            ],
            id="samples longer than sequences",
        ),
        pytest.param(
            T5,
            ["model.data.seq_length_dec=100"],
            [
                (
                    "model.data.seq_length_dec: 100 can't hold 76 masked residues with their sentinels "
                    "(model.seq_length x model.data.masked_lm_prob x 2 + 1); raise it to at least 153."
                )
            ],
            id="decoder length",
        ),
        pytest.param(
            T5,
            ["model.tokenizer.num_sentinel_tokens=50"],
            [
                (
                    "model.tokenizer.num_sentinel_tokens: 50 is less than the 76 spans that a full sequence can have; "
                    "raise it to at least 76."
                )
            ],
            id="sentinels",
        ),
        pytest.param(
            ESM1,
            ["model.data.mask_percent=0.8"],
            [
                (
                    "model.data.mask_percent + perturb_percent + identity_percent: 1.3 must be 1: each target is masked, replaced or kept; "
                    "set model.data.mask_percent=null to mask all that are neither replaced nor kept."
                )
            ],
            id="shares above one",
        ),
        pytest.param(
            ESM1,
            ["model.data.identity_percent=0.6"],
            [
                (
                    "model.data.mask_percent + perturb_percent + identity_percent: 1.1 must be 1: each target is masked, replaced or kept; "
                    "set model.data.mask_percent=null to mask all that are neither replaced nor kept."
                )
            ],
            id="no share left for masks",
        ),
        pytest.param(
            MOLECULES,
            [f"{SCHED}.warmup_ratio=0.1"],
            [f"{SCHED}.warmup_ratio: 0.1 is given beside warmup_steps (8000); set one of them to null."],
            id="warm-up said twice",
        ),
        pytest.param(
            ESM1,
            ["trainer.max_steps=50500"],
            [
                (
                    f"{SCHED}.warmup_steps + constant_steps: 50500 leaves no step of the schedule's 50500 to anneal over; "
                    f"shorten it, or lengthen {SCHED}.max_steps or trainer.max_steps."
                )
            ],
            id="no step to anneal over",
        ),
        pytest.param(
            MOLECULES,
            [f"{SCHED}.max_steps=100"],
            [
                (
                    f"{SCHED}.warmup_steps: 8000 leaves no step of the schedule's 100 to anneal over; "
                    f"shorten it, or lengthen {SCHED}.max_steps or trainer.max_steps."
                )
            ],
            id="warm-up longer than the schedule",
        ),
        pytest.param(
            ESM1,
            ["trainer.accelerator=cpu"],
            ["trainer.precision: '16-mixed' needs a GPU, and trainer.accelerator is cpu; set it to bf16-mixed or 32."],
            id="half precision on a CPU",
        ),
        pytest.param(
            ESM1,
            ["model.activations_checkpoint_method=uniform"],
            [
                (
                    "model.activations_checkpoint_method: 'uniform' belongs to model.activations_checkpoint_granularity=full; "
                    "set the granularity to full, or this to null."
                )
            ],
            id="recomputation by halves",
        ),
        pytest.param(
            ESM1,
            ["exp_manager.checkpoint_callback_params.monitor=val_molecular_accuracy"],
            [
                (
                    "exp_manager.checkpoint_callback_params.monitor: 'val_molecular_accuracy' is not measured for esm1nv; "
                    "choose one of val_loss, val_reduced_loss, reduced_train_loss, val_perplexity."
                )
            ],
            id="a metric of another family",
        ),
        pytest.param(
            ESM1,
            ["model.data.dataset.val='x[000-003]'"],
            ["model.data.dataset.val: 'x[000-003]' has a hyphen, which names no range; write two dots: 000..003."],
            id="a range that names nothing",
        ),
    ],
)
def test_what_cannot_work_is_refused(recipe, overrides, messages):
    assert refused(recipe, *overrides) == messages


def test_all_clashes_are_named_at_once():
    assert (
        len(refused(ESM1, "model.num_attention_heads=7", "trainer.accelerator=cpu", "model.data.dataset.val='x['")) == 3
    )


@pytest.mark.parametrize(
    ("recipe", "overrides"),
    [
        pytest.param(ESM1, ["model.num_attention_heads=7", "model.kv_channels=64"], id="given head width"),
        pytest.param(
            ESM1,
            ["model.position_embedding_type=rope", "model.max_position_embeddings=1"],
            id="rotary positions need no table",
        ),
        pytest.param(
            ESM1,
            ["trainer.devices=6", f"{PIPELINE}=3", f"{TENSOR}=2", "model.sequence_parallel=True"],
            id="all parallelisms",
        ),
        pytest.param(ESM1, ["trainer.accelerator=cpu", "trainer.precision=32"], id="full precision on a CPU"),
        pytest.param(
            ESM1,
            ["model.activations_checkpoint_granularity=full", "model.activations_checkpoint_method=block"],
            id="full recomputation",
        ),
        pytest.param(MOLECULES, ["model.global_batch_size=100"], id="a batch that nothing divides"),
        pytest.param(MOLECULES, [f"{SCHED}.warmup_steps=null"], id="no warm-up"),
    ],
)
def test_what_can_work_is_accepted(recipe, overrides):
    assert load_recipe(recipe, overrides).config
