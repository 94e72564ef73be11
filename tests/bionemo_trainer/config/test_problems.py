"""Each kind of typing error is answered with the field as the user wrote it, the rule and the mend."""

import pytest
from pydantic import BaseModel, ValidationError

from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.problems import problems_of
from bionemo_trainer.errors import ConfigError


def refused(*overrides, recipe="molecule/megamolbart/pretrain_xsmall_span_aug_mlp_valid"):
    with pytest.raises(ConfigError) as caught:
        load_recipe(recipe, overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "++model.num_layer=3",
            "model.num_layer: 3 is set, but no such key exists; did you mean model.num_layers? remove or rename it.",
        ),
        ("++zzz=3", "zzz: 3 is set, but no such key exists; remove or rename it."),
        ("model.num_layers=many", "model.num_layers: 'many' must be a whole number; change the value."),
        ("model.num_layers=2.5", "model.num_layers: 2.5 must be a whole number; change the value."),
        ("model.init_method_std=wide", "model.init_method_std: 'wide' must be a number; change the value."),
        ("model.init_method_std=0", "model.init_method_std: 0 must be more than 0; change the number."),
        ("model.hidden_dropout=1", "model.hidden_dropout: 1 must be less than 1; change the number."),
        ("model.data.mask_prob=2", "model.data.mask_prob: 2 must be at most 1; change the number."),
        ("trainer.limit_val_batches=-1", "trainer.limit_val_batches: -1 must be at least 0; change the number."),
        ("model.bias=maybe", "model.bias: 'maybe' must be true or false; change the value."),
        ("desc=3", "desc: 3 must be text; change the value."),
        (
            "exp_manager.wandb_logger_kwargs.tags=one",
            "exp_manager.wandb_logger_kwargs.tags: 'one' must be a list; change the value.",
        ),
        ("model.optim.sched=fast", "model.optim.sched: 'fast' must be a mapping of keys to values; change the value."),
        ("trainer.accelerator=tpu", "trainer.accelerator: 'tpu' must be 'gpu' or 'cpu'; use a listed value."),
        (
            "trainer.precision=[16]",
            "trainer.precision: [16] must be '32', 'bf16-mixed', '16-mixed' or 'fp8-mixed'; use a listed value.",
        ),
        (
            "trainer.max_time='1h'",
            r"trainer.max_time: '1h' must match the pattern ^\d{2,}:\d{2}:\d{2}:\d{2}$; rewrite it.",
        ),
        (
            "model.data.index_mapping_dir=''",
            "model.data.index_mapping_dir: '' must have at least 1 character; lengthen it.",
        ),
        ("model.data.data_sep=ab", "model.data.data_sep: 'ab' must have at most 1 character; shorten it."),
        (
            "model.optim.sched.name=Linear",
            (
                "model.optim.sched.name: 'Linear' must be one of "
                "NoamAnnealing, CosineAnnealing, InverseSquareRootAnnealing, WarmupAnnealDecayHold; choose one."
            ),
        ),
        ("~model.optim.sched.name", "model.optim.sched.name: nothing is given, and a value is required; add the key."),
        (
            "~model.optim.sched.d_model",
            "model.optim.sched.d_model: nothing is given, and a value is required; add the key.",
        ),
        ("model.optim.betas=[0.9]", "model.optim.betas[1]: nothing is given, and a value is required; add the key."),
        ("model.optim.betas=[0.9,2]", "model.optim.betas[1]: 2 must be less than 1; change the number."),
        (
            "model.optim.betas=[0.9,0.9,0.9]",
            "model.optim.betas: [0.9, 0.9, 0.9] must have at most 2 items; remove some.",
        ),
    ],
)
def test_a_wrong_value_is_answered_with_its_rule(override, message):
    assert refused(override) == message


def test_a_missing_key_is_named_with_all_that_refer_to_it():
    assert refused("~model.num_layers") == "model.num_layers: nothing is given, and a value is required; add the key."


def test_our_own_validators_speak_in_rule_and_mend():
    datasets = "[{name: a, csv_path: p, smis_column: s, target_column: t}, {name: a, csv_path: p, smis_column: s, target_column: t}]"
    assert refused(f"model.validation.datasets={datasets}").endswith("must have distinct names; rename one of them.")


def test_a_wrong_item_of_a_list_is_named_by_its_number():
    assert refused("model.validation.datasets=[{name: a}]").splitlines()[0] == (
        "model.validation.datasets[0].csv_path: nothing is given, and a value is required; add the key."
    )


class Meeting(BaseModel):
    day: bytes


def test_a_kind_of_error_without_words_of_its_own_is_told_in_pydantics():
    document = {"day": 3}
    with pytest.raises(ValidationError) as caught:
        Meeting.model_validate(document)
    assert [str(problem) for problem in problems_of(caught.value, document, ())] == [
        "day: 3 is not accepted (Input should be a valid bytes); change the value."
    ]
