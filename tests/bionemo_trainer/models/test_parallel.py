"""Two ranks that share a network compute what one computes. All cases run in one launch."""

import pytest

from testkit.fresh_processes import IN_FRESH_PROCESSES
from testkit.networks import ENCODERS, FAMILIES
from testkit.parallel_cases import NUM_STEPS, all_cases
from testkit.two_ranks import findings_of_two_ranks

pytestmark = IN_FRESH_PROCESSES


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    return findings_of_two_ranks(all_cases, tmp_path_factory.mktemp("two_ranks"))


@pytest.mark.parametrize("recipe", FAMILIES)
@pytest.mark.parametrize("layout", ["tensor", "sequence"])
def test_losses_of_training_are_those_of_one_rank(findings, layout, recipe):
    losses, expected = findings[f"losses {layout} {recipe}"], findings[f"losses alone {recipe}"]
    assert len(losses) == NUM_STEPS
    assert losses == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("granularity", ["selective", "full"])
@pytest.mark.parametrize("layout", ["alone", "tensor", "sequence"])
def test_recomputation_repeats_the_dropout_of_every_rank(findings, layout, granularity):
    expected = findings[f"gradients {layout} null"]
    assert findings[f"gradients {layout} {granularity}"] == pytest.approx(expected, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("layout", ["tensor", "sequence"])
def test_decoding_writes_the_same(findings, layout):
    assert findings[f"decoded {layout}"] == findings["decoded alone"]


@pytest.mark.parametrize("layout", ["tensor", "sequence"])
def test_as_many_targets_are_the_likeliest_token(findings, layout):
    assert findings[f"correct {layout}"] == findings["correct alone"]


@pytest.mark.parametrize("recipe", ENCODERS)
def test_two_stages_have_the_loss_of_one(findings, recipe):
    assert findings[f"pipeline {recipe}"] == pytest.approx(findings[f"one stage {recipe}"], rel=1e-6)


@pytest.mark.parametrize("recipe", ENCODERS)
def test_the_gradients_of_the_two_copies_of_the_token_table_add_up(findings, recipe):
    expected = findings[f"one stage gradients {recipe}"]
    assert findings[f"pipeline gradients {recipe}"] == pytest.approx(expected, rel=1e-5)


def test_ranks_that_share_layers_drop_alike_what_both_hold(findings):
    first, second = findings["dropout tensor"]["shared"]
    assert first == second


def test_ranks_that_share_layers_drop_differently_what_each_holds_a_part_of(findings):
    first, second = findings["dropout tensor"]["split"]
    assert first != second


def test_checkpoints_of_two_ranks_hold_the_tensors_of_one_but_for_padding_of_the_vocabulary(findings):
    shards, whole = findings["shards"], findings["whole"]
    padded = {"embedding.tokens.weight": (768, 32), "output.weight": (768, 32)}
    assert shards == whole | padded


def test_a_checkpoint_takes_the_token_table_from_the_first_stage_only(findings):
    assert findings["replicas of the table"] == [(0, 0, 0), (1, 0, 0)]
