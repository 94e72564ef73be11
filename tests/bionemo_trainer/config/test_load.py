"""One way from YAML to a typed configuration: recipes, old files, overrides, owned keys, all problems at once."""

from pathlib import Path

import pytest

from bionemo_trainer.config.composition import recipe_names
from bionemo_trainer.config.load import Owned, load_file, load_recipe, load_tree, to_tree
from bionemo_trainer.errors import ConfigError

OLD_FILES = Path(__file__).parents[2] / "golden" / "bionemo"
SMALL = "molecule/megamolbart/pretrain_small_span_aug"


def refused(*overrides, recipe=SMALL, owned=None):
    with pytest.raises(ConfigError) as caught:
        load_recipe(recipe, overrides, owned)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_can_train_and_has_no_warning(name):
    assert load_recipe(name).warnings == ()


@pytest.mark.parametrize("name", recipe_names())
def test_a_saved_configuration_loads_as_the_same_value(name):
    config = load_recipe(name).config
    assert load_tree(to_tree(config)).config == config


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("megamolbart_v03", "megamolbart"),
        ("esm1nv_v03", "esm1nv"),
        ("prott5nv_v03", "prott5nv"),
        ("esm2nv_v110", "esm2nv"),
    ],
)
def test_an_old_bionemo_file_loads_unchanged(name, family, monkeypatch):
    monkeypatch.setenv("BIONEMO_PATH", "/opt/nvidia/bionemo")
    assert load_file(OLD_FILES / f"{name}.yaml").config.family == family


def test_an_old_file_means_the_same_network_as_the_recipe(monkeypatch):
    monkeypatch.setenv("BIONEMO_PATH", "/opt/nvidia/bionemo")
    old = load_file(OLD_FILES / "megamolbart_v03.yaml").config.model
    new = load_recipe(SMALL, ["model.global_batch_size=2048", "++model.seed=1234"]).config.model
    differing = {key for key, value in old.model_dump().items() if value != new.model_dump()[key]}
    assert differing == {"data", "activations_checkpoint_num_layers"}  # a links file, and a count without a method


def test_each_inert_key_of_an_old_file_is_named_once(monkeypatch):
    monkeypatch.setenv("BIONEMO_PATH", "/opt/nvidia/bionemo")
    warnings = load_file(OLD_FILES / "megamolbart_v03.yaml").warnings
    assert len(warnings) == len(set(warnings)) > 20
    assert "trainer.replace_sampler_ddp has no effect: the run has its own loop and loggers" in warnings


def test_the_readmes_own_overrides_work():
    config = load_recipe(SMALL, ["++do_training=False", "model.data.dataset.train=x_OP_000..099_CL_"]).config
    assert (config.do_training, config.model.data.dataset.train) == (False, "x_OP_000..099_CL_")


def test_a_reference_follows_an_override():
    assert load_recipe(SMALL, ["model.hidden_size=1024"]).config.model.ffn_hidden_size == 4096


def test_a_declared_key_needs_no_plus():
    assert load_recipe(SMALL, ["trainer.max_time='00:01:00:00'"]).config.trainer.max_time == "00:01:00:00"


@pytest.mark.parametrize(
    ("written", "kept"), [("16", "16-mixed"), ("bf16", "bf16-mixed"), ("32", "32"), ("'16-mixed'", "16-mixed")]
)
def test_precision_is_understood_in_every_spelling(written, kept):
    assert load_recipe(SMALL, [f"trainer.precision={written}"]).config.trainer.precision == kept


def test_an_owned_key_takes_its_owners_value():
    owned = {"trainer.num_nodes": Owned(value=2, owner="spec.nodes")}
    assert load_recipe(SMALL, [], owned).config.trainer.num_nodes == 2


@pytest.mark.parametrize(
    "text",
    ["trainer.num_nodes=3", "++trainer.num_nodes=3", "~trainer", "trainer.num_nodes.x=1"],
    ids=["set", "forced", "above", "below"],
)
def test_an_override_of_an_owned_key_is_refused_by_name(text):
    owned = {"trainer.num_nodes": Owned(value=2, owner="spec.nodes")}
    assert refused(text, owned=owned) == [
        f"overrides: {text!r} sets trainer.num_nodes, which spec.nodes owns; set spec.nodes."
    ]


def test_problems_of_every_stage_come_together():
    assert refused(
        "(", "model.nowhere=1", "++model.num_layers=0", "++trainer.benchmrk=True", "++trainer.max_epochs=3"
    ) == [
        (
            "overrides: '(' does not follow Hydra's grammar (token recognition error at: '('); "
            "quote a value with brackets ('x[000..009]'), or write x_OP_000..009_CL_."
        ),
        "overrides: 'model.nowhere=1' names no key of this configuration (model.nowhere); ++model.nowhere=1 adds a new one.",
        "trainer.max_epochs: 3 is not supported, only -1 or 1 is; set trainer.max_steps.",
        "trainer.benchmrk: True is set, but no such key exists; did you mean trainer.benchmark? remove or rename it.",
        "model.num_layers: 0 must be at least 1; change the number.",
    ]


def test_a_wrong_override_alone_is_refused():
    assert len(refused("model.nowhere=1")) == 1


def test_a_floor_above_the_whole_curve_is_warned_of():
    assert load_recipe(SMALL, ["model.optim.sched.min_lr=0.1"]).warnings == (
        "model.optim.sched.min_lr (0.1) is not below the peak of the curve (0.000494)",
    )


def test_a_configuration_cannot_be_changed_in_place():
    config = load_recipe(SMALL).config
    with pytest.raises(ValueError, match="frozen"):
        config.name = "other"
