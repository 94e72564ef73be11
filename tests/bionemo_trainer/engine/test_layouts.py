"""Training gives the same losses however it is laid out over ranks, from real files. The ranks' cases run in one launch."""

from functools import partial

import pytest
import torch

from testkit.fresh_processes import IN_FRESH_PROCESSES
from testkit.networks import FAMILIES, MEGAMOLBART, NO_DROPOUT
from testkit.step_cases import (
    LAYOUTS_OF_FAMILIES,
    NUM_STEPS,
    PRECISIONS,
    RESUMED,
    config_for,
    losses_of,
    trainee_for,
    two_rank_cases,
    write_datasets,
)
from testkit.two_ranks import findings_of_two_ranks

pytestmark = IN_FRESH_PROCESSES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("layouts")
    write_datasets(folder)
    return folder


@pytest.fixture(scope="module")
def findings(folder):
    return findings_of_two_ranks(partial(two_rank_cases, folder), folder)


@pytest.fixture(scope="module")
def alone(folder):
    """Losses of one rank, by recipe."""
    return {
        recipe: losses_of(trainee_for(config_for(recipe, folder, *NO_DROPOUT)), range(NUM_STEPS)) for recipe in FAMILIES
    }


@pytest.mark.parametrize(("layout", "recipe"), LAYOUTS_OF_FAMILIES)
def test_the_first_twenty_losses_are_those_of_one_rank(findings, alone, layout, recipe):
    losses = findings[f"{layout} {recipe}"]
    assert len(losses) == NUM_STEPS
    assert losses == pytest.approx(alone[recipe], rel=2e-5)


@pytest.mark.parametrize(("layout", "recipe"), RESUMED)
def test_a_checkpoint_of_any_layout_goes_on_under_another(findings, alone, layout, recipe):
    assert findings[f"{layout} {recipe} resumed"] == pytest.approx(alone[recipe][NUM_STEPS // 2 :], rel=2e-5)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_sixteen_bit_follows_thirty_two(findings, alone, precision):
    assert findings[f"{precision} replicas"] == pytest.approx(alone[MEGAMOLBART], rel=0.02)


def test_a_wish_of_one_rank_is_known_to_all(findings):
    assert findings["wish"] == [0, 1]


@pytest.mark.parametrize("recipe", FAMILIES)
def test_micro_batches_never_change_the_loss(folder, alone, recipe):
    whole = trainee_for(config_for(recipe, folder, *NO_DROPOUT, "model.micro_batch_size=6"))
    assert losses_of(whole, range(NUM_STEPS)) == pytest.approx(alone[recipe], rel=2e-5)


@pytest.mark.parametrize("recipe", FAMILIES)
def test_a_tiny_dataset_is_learned_by_heart(folder, recipe):
    plain = ["model.optim.lr=3e-3", "model.data.seed=1"]
    if recipe == MEGAMOLBART:
        plain += [
            "model.data.encoder_augment=False",
            "model.data.decoder_augment=False",
            "model.data.encoder_mask=False",
        ]
    trainee = trainee_for(config_for(recipe, folder, *NO_DROPOUT, *plain, "model.micro_batch_size=6"))
    losses = losses_of(trainee, [step % 2 for step in range(400)])  # two steps again and again
    assert losses[0] > 2.0
    assert max(losses[-2:]) < 0.05


def test_the_same_steps_give_the_same_weights_bit_for_bit_with_dropout(folder):
    trainees = [trainee_for(config_for(MEGAMOLBART, folder)) for _ in range(2)]
    losses = [losses_of(trainee, range(3)) for trainee in trainees]
    assert losses[0] == losses[1]
    weights = [torch.cat([weight.flatten() for weight in trainee.network.parameters()]) for trainee in trainees]
    assert torch.equal(*weights)
