"""The quickstart says whether a run has learned more than how often each token occurs, and fails when it has not."""

import importlib.util
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bionemo_trainer.config.schema.root import FAMILIES
from testkit.runs import logged, write_lines, write_run

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"
LEARNED = QUICKSTART / "learned.py"
PROTEINS = ("MKVLAAGIVGLC", "GSHMKTAYIAKQR", "MSTNPKPQRKTKRNTNRRPQDVK")
SHORT = ("model.optim.sched.warmup_steps=10", "model.optim.sched.constant_steps=0")


@pytest.fixture(scope="module")
def learned():
    specification = importlib.util.spec_from_file_location("learned", LEARNED)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def run_with(tmp_path):
    """The folder of a run of ESM-1nv with a held-out loss."""

    def make(loss):
        file = tmp_path / "data" / "val" / "x000.csv"
        file.parent.mkdir(parents=True)
        rows = [f"{number},p,{len(text)},{text}" for number, text in enumerate(PROTEINS)]
        file.write_text("\n".join(["record_id,record_name,sequence_length,sequence", *rows]) + "\n")
        data = (f"model.data.dataset_path={tmp_path / 'data'}", "model.data.dataset.val=x000")
        folder = write_run(tmp_path / "run", *SHORT, *data, base="protein/esm1nv/pretrain_small")
        write_lines(folder.metrics, logged(10, val_loss=9.0), logged(20, val_loss=loss))
        return folder

    return make


@pytest.mark.parametrize(
    ("loss", "code", "verdict"),
    [
        (0.1, 0, "it has learned more than frequencies"),
        (8.0, 1, "not below it by 0.02"),
    ],
)
def test_the_newest_loss_decides(learned, run_with, capsys, loss, code, verdict):
    assert learned.main(run_with(loss).path) == code
    words = capsys.readouterr().out
    assert words.startswith(f"held-out loss {loss:.3f}, entropy of the token frequencies ")
    assert words.endswith(f" nats per token: {verdict}\n")


def test_of_proteins_the_residues_are_told_apart(learned, run_with, capsys):
    run = run_with(0.1)
    found = {"step": 20, "correct": 1, "total": 5}
    write_lines(run.residues, found | {"residue": "A", "loss": 0.5}, found | {"residue": "C", "loss": 0.8})
    learned.main(run.path)
    assert capsys.readouterr().out.endswith("of residues alone: 0.650, entropy of their frequencies 0.693\n")


def test_symbols_that_never_occur_have_no_part_in_the_entropy(learned):
    assert learned.entropy_of(np.array([0, 3, 3, 0, 3])) == pytest.approx(math.log(3))


def test_every_family_has_a_margin(learned):
    assert set(learned.MARGINS) == set(FAMILIES)


@pytest.mark.parametrize(("words", "model"), [(("--model",), ""), (("--model", "esm3"), "esm3")])
def test_a_model_that_is_not_known_is_answered_with_those_that_are(words, model):
    done = subprocess.run([QUICKSTART / "run.sh", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == f"quickstart: --model '{model}' is not known; write megamolbart, esm1nv or prott5nv.\n"
