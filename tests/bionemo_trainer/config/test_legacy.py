"""Old keys are moved, passed over with one warning, or refused where they would change the result."""

import pytest

from bionemo_trainer.config.legacy import modernise


def test_an_inert_key_is_dropped_with_a_warning():
    modern = modernise({"trainer": {"benchmark": True, "devices": 2}}, "esm1nv")
    assert modern.tree == {"trainer": {"devices": 2}}
    assert modern.warnings == ("trainer.benchmark has no effect: our layers choose their kernels themselves",)


def test_an_inert_key_without_a_value_is_dropped_in_silence():
    assert modernise({"model": {"tokenizer": {"merge_file": None}}}, "esm1nv").warnings == ()


def test_an_inert_section_is_named_once():
    modern = modernise(
        {"model": {"data": {"data_impl_kwargs": {"csv_fields_mmap": {"a": 1, "b": {"c": 2}}}}}}, "esm2nv"
    )
    assert modern.warnings == (
        "model.data.data_impl_kwargs.csv_fields_mmap has no effect: the sequence alone is read; set model.data.data_col",
    )


def test_an_old_name_becomes_the_new_one():
    assert modernise({"model": {"share_token_embeddings": True}}, "megamolbart").tree == {
        "model": {"share_word_embeddings": True}
    }


def test_the_new_name_wins_where_both_are_set():
    tree = {"model": {"share_word_embeddings": True, "share_token_embeddings": False}}
    assert modernise(tree, "megamolbart").tree == {"model": {"share_word_embeddings": True}}


def test_the_range_of_a_split_section_is_moved_and_the_rest_is_inert():
    modern = modernise({"model": {"data": {"train": {"range": "x[000..049]", "use_upsampling": True}}}}, "esm2nv")
    assert modern.tree == {"model": {"data": {"dataset": {"train": "x[000..049]"}}}}
    assert modern.warnings == ("model.data.train has no effect: all splits are read from model.data.dataset_path",)


def test_a_key_that_one_family_means_is_inert_in_another():
    tree = {"model": {"data": {"masked_lm_prob": 0.15}}}
    assert modernise(tree, "prott5nv").tree == tree
    assert modernise(tree, "esm1nv").tree == {}


@pytest.mark.parametrize("value", [None, -1, 1])
def test_the_one_supported_meaning_is_accepted_in_silence(value):
    modern = modernise({"trainer": {"max_epochs": value}}, "esm1nv")
    assert (modern.tree, modern.warnings, modern.problems) == ({}, (), ())


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        pytest.param(
            {"trainer": {"accumulate_grad_batches": 4}},
            "trainer.accumulate_grad_batches: 4 is not supported, only 1 is; "
            "set model.global_batch_size, from which accumulation follows.",
            id="accumulation",
        ),
        pytest.param(
            {"model": {"freeze_layers": ["a"]}},
            "model.freeze_layers: ['a'] is not supported, only [] or -1 is; leave it out; all layers are trained.",
            id="frozen layers",
        ),
        pytest.param(
            {"model": {"dwnstr_task_validation": {"enabled": True}}},
            "model.dwnstr_task_validation: {'enabled': True} is not supported, only {} is; "
            "use model.validation, or leave it disabled.",
            id="a section that is switched on",
        ),
    ],
)
def test_another_meaning_is_refused_with_the_supported_one(tree, message):
    assert [str(problem) for problem in modernise(tree, "esm1nv").problems] == [message]


def test_a_section_that_is_switched_off_is_accepted():
    modern = modernise({"model": {"dwnstr_task_validation": {"enabled": False, "dataset": {"class": "x"}}}}, "esm2nv")
    assert (modern.tree, modern.problems) == ({}, ())


def test_keys_without_a_rule_stay():
    tree = {"name": "x", "model": {"num_layers": 2, "optim": {"betas": [0.9, 0.98]}}}
    assert modernise(tree, "esm1nv").tree == tree
