"""Molecules are judged by their canonical SMILES, and a validation's sums become BioNeMo's metrics."""

import math

import pytest
import torch

from bionemo_trainer.data.molecules import canonical_smiles
from bionemo_trainer.data.step_batches import Share, step_batches
from bionemo_trainer.models.freight import Freight
from bionemo_trainer.training.evaluation import NUM_EXAMPLES, Evaluator, Reconstructions
from testkit.networks import CPU, ESM1NV, MEGAMOLBART
from testkit.step_cases import GLOBAL_BATCH_SIZE, MOLECULES, config_for, trainee_for, write_datasets

FIRST_RESIDUE = 5
"""Id after those of the special tokens, which may be targets too."""


def judged(*outputs, target="CCO"):
    found = Reconstructions()
    for output in outputs:
        found.add(7, "OCC", target, output)
    return found


@pytest.mark.parametrize(
    ("output", "num_exact", "num_invalid"),
    [
        pytest.param("CCO", 1, 0, id="canonical"),
        pytest.param("C(O)C", 1, 0, id="written otherwise"),
        pytest.param("CCN", 0, 0, id="another molecule"),
        pytest.param("C1CC", 0, 1, id="bad syntax"),
        pytest.param("C(C)(C)(C)(C)C", 0, 1, id="impossible valence"),
        pytest.param("", 0, 1, id="nothing"),
    ],
)
def test_a_molecule_is_exact_other_or_invalid(output, num_exact, num_invalid):
    found = judged(output)
    assert (found.num_exact, found.num_invalid, found.num_molecules) == (num_exact, num_invalid, 1)


def test_molecules_are_kept_to_be_looked_at():
    found = judged("C(O)C", "")
    assert found.examples == [
        {"step": 7, "input": "OCC", "target": "CCO", "output": "C(O)C"},
        {"step": 7, "input": "OCC", "target": "CCO", "output": ""},
    ]


def test_only_the_first_ones_are_kept():
    found = judged(*["CCO"] * (NUM_EXAMPLES + 5))
    assert (len(found.examples), found.num_molecules) == (NUM_EXAMPLES, NUM_EXAMPLES + 5)


def test_counts_are_summed_over_ranks():
    found = judged("CCO", "CCN", "")
    found.reduce(CPU)
    assert (found.num_exact, found.num_invalid, found.num_molecules) == (1, 1, 3)


def evaluated(folder, recipe):
    """An evaluator that has seen the whole validation split, with its configuration."""
    write_datasets(folder)
    config = config_for(recipe, folder)
    trainee = trainee_for(config)
    evaluator = Evaluator(config, trainee, step=7)
    batches = step_batches(config, "val", Share(rank=0, num_ranks=1), GLOBAL_BATCH_SIZE)
    for step in range(batches.num_steps_per_epoch):
        evaluator.add([Freight.of(batch) for batch in batches[step]])
    return evaluator


def test_a_validation_of_molecules_has_bionemos_metrics(tmp_path):
    evaluator = evaluated(tmp_path, MEGAMOLBART)
    metrics = evaluator.metrics()
    assert set(metrics) == {
        "loss", "reduced_loss", "perplexity", "character_accuracy", "molecular_accuracy", "percent_invalid",
    }  # fmt: skip
    assert metrics["loss"] == metrics["reduced_loss"] == pytest.approx(math.log(metrics["perplexity"]))
    found = evaluator.reconstructions
    assert (found.num_molecules, len(found.examples)) == (len(MOLECULES), len(MOLECULES))
    assert metrics["percent_invalid"] == found.num_invalid / len(MOLECULES)
    assert {example["target"] for example in found.examples} == set(map(canonical_smiles, MOLECULES))


def test_a_validation_of_proteins_is_told_by_residue(tmp_path):
    evaluator = evaluated(tmp_path, ESM1NV)
    assert set(evaluator.metrics()) == {"loss", "reduced_loss", "perplexity", "residue_accuracy"}
    residues = list(evaluator.residues())
    assert residues
    assert {residue["step"] for residue in residues} == {7}
    assert sum(residue["total"] for residue in residues) == evaluator.sums.total_V[FIRST_RESIDUE:].sum()
    assert sum(residue["correct"] for residue in residues) == evaluator.sums.correct_V[FIRST_RESIDUE:].sum()
    losses = sum(residue["loss"] * residue["total"] for residue in residues)
    assert losses == pytest.approx(float(evaluator.sums.loss_V[FIRST_RESIDUE:].sum()))


def test_special_tokens_are_no_residues(tmp_path):
    evaluator = evaluated(tmp_path, ESM1NV)
    evaluator.sums.total_V.fill_(2)
    evaluator.sums.correct_V.fill_(1)
    evaluator.sums.loss_V.fill_(3)
    residues = list(evaluator.residues())
    assert "".join(sorted(residue["residue"] for residue in residues)) == "ABCDEFGHIKLMNOPQRSTUVWXYZ"
    assert {(residue["correct"], residue["total"], residue["loss"]) for residue in residues} == {(1, 2, 1.5)}


def test_a_validation_without_targets_is_no_error(tmp_path):
    write_datasets(tmp_path)
    config = config_for(ESM1NV, tmp_path)
    evaluator = Evaluator(config, trainee_for(config), step=7)
    evaluator.add([])
    assert evaluator.metrics() == {"loss": 0.0, "reduced_loss": 0.0, "perplexity": 1.0, "residue_accuracy": 0.0}


def test_a_loss_beyond_all_bounds_has_a_perplexity_that_is_a_number(tmp_path):
    write_datasets(tmp_path)
    config = config_for(ESM1NV, tmp_path)
    evaluator = Evaluator(config, trainee_for(config), step=7)
    evaluator.sums.loss_sum.fill_(1e9)
    evaluator.sums.total_V[5] = 1
    assert torch.isfinite(torch.tensor(evaluator.metrics()["perplexity"], dtype=torch.float64))
