"""Structural formulas as plain geometry: paths with a role for their colour, no markup. Called by `bionemo report`.

RDKit lays the molecule out and draws it; what it draws is taken apart here, so that whoever shows it chooses colours and trusts
no text of its data.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from bionemo_trainer.data.molecules import canonical_smiles

MASK = "<MASK>"
"""What stands for hidden text in the inputs of MegaMolBART."""
WIDTH, HEIGHT = 240, 170
_OPTIONS = {
    "clearBackground": False,
    "bondLineWidth": 1.5,
    "padding": 0.03,
    "fixedBondLength": 24.0,  # small molecules are not blown up to fill the drawing; large ones shrink to fit it
}
"""RDKit's, whose stubs give them wrong types."""
_COLOURS = {
    0: "hidden",
    7: "nitrogen",
    8: "oxygen",
    16: "sulfur",
    9: "halogen",
    17: "halogen",
    35: "halogen",
    53: "halogen",
}
"""By atomic number; everything else is drawn in the colour of the text around it."""
_ROLES = {
    "nitrogen": (0.0, 0.0, 1.0),
    "oxygen": (1.0, 0.0, 0.0),
    "sulfur": (0.8, 0.6, 0.0),
    "halogen": (0.0, 0.6, 0.0),
    "hidden": (1.0, 0.0, 1.0),
}
"""Colours that RDKit is given to draw with, so that its paths tell what they belong to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One or more paths of the same look."""

    path: str
    """In the language of SVG's `d`."""
    role: str
    """`atom` for the colour of text, or the element or group of elements that has a colour of its own."""
    stroke_width: float
    """0 for what is filled, such as letters and wedges."""


def draw(smiles: str) -> tuple[Shape, ...] | None:
    """A molecule within WIDTH x HEIGHT; None when RDKit refuses it."""
    molecule = Chem.MolFromSmiles(smiles)
    return None if not smiles or molecule is None else _shapes(molecule)


def draw_masked(text: str) -> tuple[Shape, ...] | None:
    """An input with hidden parts, a question mark in the place of each; None when what is left is no molecule."""
    molecule = Chem.MolFromSmiles(text.replace(MASK, "*"))
    if not text or molecule is None:
        return None
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() == 0:
            atom.SetProp("_displayLabel", "?")
    return _shapes(molecule)


def is_same(output: str, target: str) -> bool | None:
    """Whether an output is the target, however it is written; None when it is no molecule."""
    canonical = canonical_smiles(output) if output else None
    return None if canonical is None else canonical == (canonical_smiles(target) or target)


def _shapes(molecule: Chem.Mol) -> tuple[Shape, ...]:
    drawer = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT)
    options = drawer.drawOptions()
    for name, value in _OPTIONS.items():
        setattr(options, name, value)
    options.useBWAtomPalette()
    options.updateAtomPalette({number: _ROLES[role] for number, role in _COLOURS.items()})
    drawer.DrawMolecule(molecule)
    drawer.FinishDrawing()
    merged: dict[tuple[str, float], list[str]] = {}
    for path, role, width in _paths(drawer.GetDrawingText()):
        merged.setdefault((role, width), []).append(path)
    return tuple(Shape(path=" ".join(paths), role=role, stroke_width=width) for (role, width), paths in merged.items())


def _paths(svg: str) -> Iterator[tuple[str, str, float]]:
    """Path, role and width of its stroke for everything that RDKit drew."""
    roles = {_hexadecimal(colour): role for role, colour in _ROLES.items()}
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}path"):  # noqa: S314 - RDKit wrote it
        style = {**dict(_declarations(element.get("style", ""))), **element.attrib}
        is_filled = style.get("fill", "none") != "none"
        colour = style["fill"] if is_filled else style.get("stroke", "")
        width = 0.0 if is_filled else float(style.get("stroke-width", "1").removesuffix("px"))
        yield re.sub(r"\s+", " ", element.get("d", "")).strip(), roles.get(colour.upper(), "atom"), width


def _declarations(style: str) -> Iterator[tuple[str, str]]:
    for declaration in filter(None, style.split(";")):
        name, _, value = declaration.partition(":")
        yield name.strip(), value.strip()


def _hexadecimal(colour: tuple[float, float, float]) -> str:
    """As RDKit writes it; it cuts off fractions."""
    return "#" + "".join(f"{int(255 * part):02X}" for part in colour)
