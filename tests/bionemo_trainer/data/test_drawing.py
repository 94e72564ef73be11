"""Molecules become paths with a role for their colour."""

import re

import pytest

from bionemo_trainer.data.drawing import HEIGHT, WIDTH, draw, draw_masked, is_same


def roles(shapes):
    return {shape.role for shape in shapes}


def letters(shapes):
    """Paths of filled letters, one per closed part."""
    return [shape for shape in shapes if shape.stroke_width == 0]


def test_bonds_are_strokes_in_the_colour_of_text():
    (shape,) = draw("CCC")
    assert (shape.role, shape.stroke_width) == ("atom", 1.5)
    assert re.fullmatch(r"M [-\d., MLQ]+", shape.path)


@pytest.mark.parametrize(
    ("smiles", "role"),
    [
        ("CN", "nitrogen"),
        ("CO", "oxygen"),
        ("CS", "sulfur"),
        ("CF", "halogen"),
        ("CCl", "halogen"),
        ("CBr", "halogen"),
        ("CI", "halogen"),
    ],
)
def test_elements_have_colours_of_their_own(smiles, role):
    assert role in roles(draw(smiles))
    assert [shape.role for shape in letters(draw(smiles))] == [role]


def test_a_drawing_stays_inside_its_frame():
    shapes = draw("CC(C)CC1=CC=C(C=C1)C(C)C(=O)NCCCCCCCCCCCCCCC(=O)OC[C@@H](N)C(F)(F)F")
    for shape in shapes:
        numbers = [float(text) for text in re.findall(r"-?[\d.]+", shape.path)]
        assert all(0 <= x <= WIDTH for x in numbers[0::2])
        assert all(0 <= y <= HEIGHT for y in numbers[1::2])


@pytest.mark.parametrize("smiles", ["", "C1CC", "C(C)(C)(C)(C)C", "<MASK>"])
def test_what_is_no_molecule_is_not_drawn(smiles):
    assert draw(smiles) is None


def test_hidden_parts_are_drawn_as_question_marks():
    assert roles(letters(draw_masked("CC<MASK>C"))) == {"hidden"}
    assert not letters(draw("CCCC"))


@pytest.mark.parametrize("text", ["", "CC(<MASK>"])
def test_an_input_that_is_no_molecule_without_its_hidden_parts_is_not_drawn(text):
    assert draw_masked(text) is None


@pytest.mark.parametrize(
    ("output", "target", "answer"),
    [
        pytest.param("OCC", "CCO", True, id="written otherwise"),
        pytest.param("CCO", "OCC", True, id="a target that is not canonical"),
        pytest.param("CCN", "CCO", False, id="another"),
        pytest.param("C1CC", "C1CC", None, id="no molecule"),
        pytest.param("", "", None, id="nothing"),
    ],
)
def test_molecules_are_compared_however_they_are_written(output, target, answer):
    assert is_same(output, target) is answer
