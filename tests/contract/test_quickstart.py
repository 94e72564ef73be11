"""The quickstart says whether a run has learned more than how often each symbol occurs, and fails when it has not."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from bionemo_trainer.config.schema.root import FAMILIES
from testkit.runs import logged, write_lines, write_run

LEARNED = Path(__file__).parents[2] / "examples" / "quickstart" / "learned.py"
MOLECULES = ("CCO", "c1ccccc1", "CC(=O)Nc1ccc(O)cc1")


@pytest.fixture(scope="module")
def learned():
    specification = importlib.util.spec_from_file_location("learned", LEARNED)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def run_of_molecules(tmp_path):
    """The folder of a run of MegaMolBART with a held-out loss."""

    def make(loss):
        file = tmp_path / "data" / "val" / "x000.csv"
        file.parent.mkdir(parents=True)
        file.write_text("\n".join(["zinc_id,SMILES", *(f"{number},{text}" for number, text in enumerate(MOLECULES))]))
        data = (f"model.data.dataset_path={tmp_path / 'data'}", "model.data.dataset.val=x000")
        folder = write_run(tmp_path / "run", *data, base="molecule/megamolbart/pretrain_xsmall_span_aug")
        write_lines(folder.metrics, logged(10, val_loss=9.0), logged(20, val_loss=loss))
        return folder.path

    return make


@pytest.fixture
def run_of_proteins(tmp_path):
    """The folder of a run of ProtT5nv whose validation saw two residues equally often, so that their entropy is log 2."""

    def make(*losses):
        folder = write_run(tmp_path / "run", base="protein/prott5nv/pretrain_small")
        records = [
            {"step": 9, "residue": residue, "correct": 1, "total": 5, "loss": loss}
            for residue, loss in zip("AC", losses, strict=True)
        ]
        write_lines(folder.residues, *records)
        return folder.path

    return make


@pytest.mark.parametrize(
    ("loss", "code", "verdict"),
    [
        (0.1, 0, "it has learned more than frequencies"),
        (8.0, 1, "not below it by 0.1"),
    ],
)
def test_the_newest_loss_decides(learned, run_of_molecules, capsys, loss, code, verdict):
    assert learned.main(run_of_molecules(loss)) == code
    words = capsys.readouterr().out
    assert words.startswith(f"held-out loss {loss:.3f}, entropy of the token frequencies ")
    assert words.endswith(f" nats per token: {verdict}\n")


@pytest.mark.parametrize(
    ("losses", "code", "verdict"),
    [
        ((0.5, 0.8), 0, "0.650, entropy of the residue frequencies 0.693 nats per residue: it has learned more than frequencies"),
        ((0.6, 0.76), 1, "0.680, entropy of the residue frequencies 0.693 nats per residue: not below it by 0.02"),
    ],
)  # fmt: skip
def test_of_proteins_only_residues_count(learned, run_of_proteins, capsys, losses, code, verdict):
    assert learned.main(run_of_proteins(*losses)) == code
    assert capsys.readouterr().out == f"held-out loss {verdict}\n"


def test_symbols_that_never_occur_have_no_part_in_the_entropy(learned):
    assert learned.entropy_of(np.array([0, 3, 3, 0, 3])) == pytest.approx(math.log(3))


def test_every_family_has_a_margin(learned):
    assert set(learned.MARGINS) == set(FAMILIES)
