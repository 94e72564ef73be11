"""The page is well-formed, needs nothing from elsewhere, and shows data as text whatever they hold."""

import re
from html.parser import HTMLParser

import pytest
import yaml

from bionemo_operator.report.page import page_of
from bionemo_operator.report.run_record import read_run
from bionemo_trainer.config.load import load_recipe, to_tree
from testkit.runs import MEGAMOLBART, logged, write_lines, write_run

VOID = {"meta"}
SHORT = ("model.optim.sched.warmup_steps=10", "model.optim.sched.constant_steps=0")
HOSTILE = "<script>alert('x')</script>\"&"


class Reader(HTMLParser):
    """Checks that every element is closed, and collects texts and tags."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.texts, self.attributes = [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts.append(text)


@pytest.fixture
def folder(tmp_path):
    made = write_run(tmp_path / "mine", "trainer.max_steps=20")
    write_lines(
        made.metrics,
        logged(10, reduced_train_loss=3.5, lr=0.001, grad_norm=1.0, tokens_per_second=100.0, samples_per_second=9.0),
        logged(20, reduced_train_loss=1.5, lr=0.002, grad_norm=2.0, tokens_per_second=120.0, samples_per_second=8.0),
        logged(20, val_loss=1.75, val_molecular_accuracy=0.5, val_percent_invalid=0.25, val_character_accuracy=0.75),
    )
    return made


def reader(folder, title="mine"):
    page = Reader(page_of(read_run(folder.path), title))
    assert page.open == []
    return page


def headings(page):
    return [text.strip() for text in page.texts if text.strip() in {
        "Curves", "Validations", "Molecules", "Residues", "Run", "Differences from the recipe", "Loss", "Learning rate",
        "Molecules written again", "Residues guessed right", "Gradient norm", "Tokens", "Samples",
    }]  # fmt: skip


def test_a_run_of_molecules_is_told(folder):
    write_lines(folder.reconstructions, {"step": 20, "input": "OC<MASK>", "target": "CCO", "output": "OCC"})
    page = reader(folder)
    assert headings(page) == [
        "Curves", "Loss", "Molecules written again", "Learning rate", "Gradient norm", "Tokens", "Samples",
        "Validations", "Molecules", "Run", "Differences from the recipe",
    ]  # fmt: skip
    assert ("aria-label", "Target: CCO") in page.attributes
    assert "✓ exact" in page.texts
    assert "finished" in page.texts


def test_a_run_of_proteins_is_told(tmp_path):
    folder = write_run(tmp_path / "mine", *SHORT, base="protein/esm1nv/pretrain_small")
    write_lines(folder.metrics, logged(10, val_loss=2.5, val_residue_accuracy=0.25))
    write_lines(folder.residues, {"step": 10, "residue": "A", "correct": 1, "total": 4})
    page = reader(folder)
    assert headings(page) == [
        "Curves", "Loss", "Residues guessed right", "Validations", "Residues", "Run", "Differences from the recipe",
    ]  # fmt: skip
    assert ("aria-label", "Accuracy by residue: A Alanine: 1 of 4 right, 25.0 %") in page.attributes
    assert "not finished" in page.texts


def test_a_run_that_has_just_begun_is_told(tmp_path):
    page = reader(write_run(tmp_path / "mine"))
    assert headings(page) == ["Curves", "Run", "Differences from the recipe"]
    assert any(text.startswith("Nothing was logged yet") for text in page.texts)


def test_early_validations_are_said_to_be_left_out(folder):
    write_lines(folder.metrics, *(logged(step, val_loss=1.0) for step in range(1, 24)))
    assert "3 earlier ones are not shown." in reader(folder).texts


def test_data_are_shown_as_text(tmp_path):
    folder = write_run(tmp_path / "mine", f"desc='{HOSTILE.replace(chr(39), chr(92) + chr(39))}'", layout=HOSTILE)
    write_lines(folder.reconstructions, {"step": 20, "input": HOSTILE, "target": HOSTILE, "output": HOSTILE})
    page = reader(folder, title=HOSTILE)
    assert "script" not in page.tags
    assert f"{HOSTILE} " in page.texts
    assert f"{HOSTILE}, precision 32" in page.texts
    assert page.texts.count(HOSTILE) >= 4
    assert ("aria-label", f"Target: {HOSTILE}") not in page.attributes


def test_the_page_needs_nothing_from_elsewhere(folder):
    page = page_of(read_run(folder.path), "mine")
    assert not re.search(r"https?:|url\(|@import|\b(?:src|href)=", page)
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        pytest.param(None, "This run began as a configuration of its own, so there", id="of its own"),
        pytest.param("a/b", "is not shipped with this version, so there is nothing", id="unknown"),
    ],
)
def test_a_run_without_a_recipe_has_nothing_to_compare_with(tmp_path, recipe, words):
    folder = write_run(tmp_path / "mine", recipe=recipe)
    assert words in "".join(reader(folder).texts)


def test_a_run_of_the_recipe_as_it_is_says_so(tmp_path):
    folder = write_run(tmp_path / "mine")
    folder.config.write_text(yaml.safe_dump(to_tree(load_recipe(MEGAMOLBART).config)))
    assert "None: this is the recipe as it is shipped." in reader(folder).texts
