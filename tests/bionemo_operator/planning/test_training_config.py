"""The fields of a training become the trainer's configuration, and own its keys."""

import pytest

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.planning.training_config import Folders, owned_keys, training_config
from bionemo_trainer.config.load import declared_keys
from bionemo_trainer.errors import ConfigError
from testkit.documents import training_document


def training(**spec):
    return parse_resource(training_document(**{"recipe": "protein/esm1nv/pretrain_small", **spec}))


def refused(**spec):
    with pytest.raises(ConfigError) as caught:
        training_config(training(**spec))
    return [str(problem) for problem in caught.value.problems]


def test_fields_become_settings():
    config = training_config(
        training(
            nodes=2,
            gpusPerNode=4,
            precision="32",
            parallelism={"tensor": 2, "pipeline": 2, "sequence": True},
            checkpoint={"intervalSteps": 50, "keep": 7},
            dataset={"claim": {"name": "d"}, "train": "x[000..003]"},
        )
    ).config
    assert (config.trainer.num_nodes, config.trainer.devices, config.trainer.precision) == (2, 4, "32")
    assert config.model.sequence_parallel
    assert config.model.data.dataset_path == "/data"
    assert config.model.data.dataset.train == "x[000..003]"
    assert config.exp_manager.explicit_log_dir == "/results"
    params = config.exp_manager.checkpoint_callback_params
    assert (params.every_n_train_steps, params.keep_last) == (50, 7)


def test_a_training_without_gpus_runs_processes():
    config = training_config(training(gpusPerNode=0, processesPerNode=3)).config
    assert (config.trainer.accelerator, config.trainer.devices) == ("cpu", 3)


def test_every_owned_key_is_declared():
    assert set(owned_keys(training().spec)) <= declared_keys("esm1nv")


@pytest.mark.parametrize("key", sorted(owned_keys(training().spec)))
def test_an_override_of_an_owned_key_is_refused_by_the_name_of_its_field(key):
    owned = owned_keys(training().spec)[key]
    mend = owned.mend or f"set {owned.owner}"
    assert refused(overrides=[f"{key}=1"]) == [
        f"spec.overrides: '{key}=1' sets {key}, which {owned.owner} owns; {mend}."
    ]


def test_clashes_are_told_in_the_words_of_the_resource():
    assert refused(gpusPerNode=5, parallelism={"tensor": 5}) == [
        (
            "spec.parallelism.tensor: 5 does not divide model.num_attention_heads (12); "
            "choose a tensor size that divides it, out of 1, 2, 3, 4, 6, 12."
        ),
        (
            "spec.parallelism.tensor: 5 does not divide model.ffn_hidden_size (3072); "
            "choose a tensor size that divides it, out of 1, 2, 3, 4, 6, 12."
        ),
    ]


def test_an_unknown_recipe_is_a_problem_of_its_field():
    assert refused(recipe="protein/esm1nv/nothing")[0].startswith("spec.recipe: 'protein/esm1nv/nothing'")


def test_folders_of_a_workstation_take_the_place_of_those_in_pods():
    folders = Folders(dataset="/d", results="/r", resume_from="/older/last.ckpt")
    config = training_config(training(), folders).config
    assert (config.model.data.dataset_path, config.exp_manager.explicit_log_dir) == ("/d", "/r")
    assert config.model.resume_from_checkpoint == "/older/last.ckpt"
