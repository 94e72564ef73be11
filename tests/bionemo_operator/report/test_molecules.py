"""Molecules are judged as molecules, not as texts, and drawn where RDKit is."""

import sys

import pytest

from bionemo_operator.report.molecules import CARDS_SHOWN, Panel, cards_of, tally


def record(source="OC<MASK>", target="CCO", output="OCC"):
    return {"step": 4, "input": source, "target": target, "output": output}


@pytest.mark.parametrize(
    ("output", "verdict", "sign"),
    [
        pytest.param("OCC", "exact", "✓", id="written otherwise"),
        pytest.param("CCN", "other", "≠", id="another"),
        pytest.param("C1CC", "invalid", "✗", id="bad syntax"),
        pytest.param("", "invalid", "✗", id="empty"),
    ],
)
def test_an_output_is_judged(output, verdict, sign):
    (card,) = cards_of([record(output=output)])
    assert (card.verdict, card.sign) == (verdict, sign)


def test_what_is_a_molecule_is_drawn():
    (card,) = cards_of([record(source="OC(<MASK>", output="C1CC")])
    assert [(panel.label, panel.shapes is not None) for panel in card.panels] == [
        ("Input", False),
        ("Target", True),
        ("Output", False),
    ]


def test_hidden_text_is_told_from_the_rest():
    panel = Panel(label="Input", smiles="C<MASK><MASK>O", shapes=None)
    assert panel.pieces == [("C", False), ("<MASK>", True), ("<MASK>", True), ("O", False)]


def test_verdicts_are_counted():
    outputs = ("OCC", "CCN", "C1CC", "CCO")
    assert (
        tally(cards_of([record(output=output) for output in outputs]))
        == "2 exact, 1 another molecule, 1 not a molecule"
    )


def test_only_the_first_ones_are_shown():
    assert len(cards_of([record()] * (CARDS_SHOWN + 1))) == CARDS_SHOWN


def test_without_rdkit_molecules_are_compared_as_texts_and_not_drawn(monkeypatch):
    monkeypatch.setitem(sys.modules, "bionemo_trainer.data.drawing", None)
    same, other = cards_of([record(output="CCO"), record(output="OCC")])
    assert (same.verdict, other.verdict, other.words) == ("exact", "unjudged", "not judged without RDKit")
    assert {panel.shapes for card in (same, other) for panel in card.panels} == {None}
