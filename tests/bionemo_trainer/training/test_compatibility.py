"""A run goes on only from a checkpoint of the same run, and every difference is named with both values."""

from pathlib import Path

import pytest

from bionemo_trainer.errors import ConfigError
from bionemo_trainer.training.checkpoint_folder import Committed
from bionemo_trainer.training.compatibility import (
    check_same_network,
    check_same_run,
    config_fingerprint,
    identity_of,
    network_of,
    tokenizer_fingerprint,
)
from testkit.checkpoints import manifest_of
from testkit.networks import ESM1NV, ESM2NV, MEGAMOLBART, small_config

MEND = "to go on from there, or choose another folder with exp_manager.explicit_log_dir"


def checkpoint_of(config, num_training_samples=100, **changes):
    return Committed(path=Path("run/step=4.ckpt"), manifest=manifest_of(config, num_training_samples, **changes))


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param([], id="the same"),
        pytest.param(["model.global_batch_size=3"], id="the batch size that it had"),
        pytest.param(["trainer.max_steps=2000000", "model.optim.lr=1.0", "name=other"], id="other plans"),
        pytest.param(["trainer.devices=2", "model.tensor_model_parallel_size=2"], id="another layout"),
        pytest.param(["trainer.precision=bf16-mixed"], id="another precision"),
    ],
)
def test_a_run_goes_on_from_a_checkpoint_of_its_own(overrides):
    checkpoint = checkpoint_of(small_config(ESM1NV, "model.global_batch_size=null"))
    check_same_run(small_config(ESM1NV, "model.global_batch_size=null", *overrides), checkpoint, 100)


def test_every_difference_is_named_with_both_values():
    checkpoint = checkpoint_of(small_config(ESM1NV))
    other = small_config(
        ESM1NV, "model.num_layers=3", "model.kv_channels=16", "model.data.seed=7", "model.global_batch_size=4"
    )
    seed = small_config(ESM1NV).model.data.seed
    with pytest.raises(ConfigError) as refused:
        check_same_run(other, checkpoint, 101)
    assert str(refused.value).splitlines() == [
        f"model.num_layers: 3 differs from 2 in step=4.ckpt; set it to 2 {MEND}.",
        f"model.kv_channels: 16 differs from 8 in step=4.ckpt; set it to 8 {MEND}.",
        f"model.data.seed: 7 differs from {seed} in step=4.ckpt; set it to {seed} {MEND}.",
        f"samples in model.data.dataset.train: 101 differs from 100 in step=4.ckpt; set it to 100 {MEND}.",
        f"model.global_batch_size: 4 differs from 3 in step=4.ckpt; set it to 3 {MEND}.",
    ]


def test_another_vocabulary_is_refused():
    config = small_config(ESM1NV)
    with pytest.raises(ConfigError) as refused:
        check_same_run(config, checkpoint_of(config, global_batch_size=8, tokenizer="f" * 64), 100)
    assert str(refused.value) == (
        f"model.tokenizer: '{tokenizer_fingerprint(config)[:12]}' is not the vocabulary of step=4.ckpt (ffffffffffff); "
        "train with the tokenizer that it was saved with."
    )


def test_weights_are_taken_over_by_the_same_network_on_other_data():
    checkpoint = checkpoint_of(small_config(ESM1NV))
    check_same_network(small_config(ESM1NV, "model.data.seed=7", "model.global_batch_size=4"), checkpoint)


def test_weights_of_another_network_are_refused():
    with pytest.raises(ConfigError) as refused:
        check_same_network(small_config(ESM1NV, "model.bias=False"), checkpoint_of(small_config(ESM1NV)))
    assert str(refused.value) == f"model.bias: False differs from True in step=4.ckpt; set it to True {MEND}."


def test_a_setting_that_the_checkpoint_does_not_know_differs():
    config = small_config(ESM1NV)
    identity = identity_of(config, 100)
    del identity["model.activation"]
    with pytest.raises(ConfigError) as refused:
        check_same_network(config, checkpoint_of(config, model=identity))
    assert str(refused.value) == (
        f"model.activation: '{config.model.activation}' differs from None in step=4.ckpt; set it to None {MEND}."
    )


def test_the_identity_of_a_run_is_its_network_and_the_order_of_its_data():
    config = small_config(MEGAMOLBART)
    identity = identity_of(config, 100)
    assert {**network_of(config), "model.data.seed": config.model.data.seed} == {
        name: value for name, value in identity.items() if name != "samples in model.data.dataset.train"
    }
    assert identity["family"] == "megamolbart"


def test_each_tokenizer_has_a_fingerprint_of_its_own():
    recipes = (ESM1NV, ESM2NV, MEGAMOLBART)
    assert len({tokenizer_fingerprint(small_config(recipe)) for recipe in recipes}) == 3


def test_the_fingerprint_of_a_configuration_changes_with_any_setting():
    assert config_fingerprint(small_config(ESM1NV)) == config_fingerprint(small_config(ESM1NV))
    assert config_fingerprint(small_config(ESM1NV)) != config_fingerprint(small_config(ESM1NV, "name=other"))
