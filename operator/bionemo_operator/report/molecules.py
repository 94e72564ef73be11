"""What became of molecules, judged and drawn. Draws with RDKit where it is installed, which in the operator's image it is not."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bionemo_trainer.run_folder import Record

if TYPE_CHECKING:
    from bionemo_trainer.data.drawing import Shape

CARDS_SHOWN = 24
"""Of the molecules that a validation keeps; each takes some kilobytes."""
_MASK = re.compile(r"(<MASK>)")

type Verdict = Literal["exact", "other", "invalid", "unjudged"]

VERDICTS: dict[Verdict, tuple[str, str]] = {
    "exact": ("✓", "exact"),
    "other": ("≠", "another molecule"),
    "invalid": ("✗", "not a molecule"),
    "unjudged": ("?", "not judged without RDKit"),
}
"""Sign and words, so that colour is not needed to tell them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One of the three molecules of a card."""

    label: str
    smiles: str
    shapes: tuple["Shape", ...] | None
    """None when it can't be drawn."""

    @property
    def pieces(self) -> list[tuple[str, bool]]:
        """The text, cut into what is written and what is hidden."""
        return [(piece, _MASK.fullmatch(piece) is not None) for piece in _MASK.split(self.smiles) if piece]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One molecule that was to be written again."""

    verdict: Verdict
    panels: tuple[Panel, ...]

    @property
    def sign(self) -> str:
        """Of its verdict."""
        return VERDICTS[self.verdict][0]

    @property
    def words(self) -> str:
        """Of its verdict."""
        return VERDICTS[self.verdict][1]


def cards_of(records: Sequence[Record]) -> list[Card]:
    """The first molecules of the newest validation."""
    return [_card(record) for record in records[:CARDS_SHOWN]]


def tally(cards: Sequence[Card]) -> str:
    """How many of each verdict: `3 exact, 1 not a molecule`."""
    counts = Counter(card.verdict for card in cards)
    return ", ".join(f"{counts[verdict]} {words}" for verdict, (_, words) in VERDICTS.items() if counts[verdict])


def _card(record: Record) -> Card:
    source, target, output = (str(record.get(name, "")) for name in ("input", "target", "output"))
    try:
        # The page is made without drawings where RDKit is not installed.
        from bionemo_trainer.data.drawing import draw, draw_masked, is_same  # noqa: PLC0415
    except ImportError:
        verdict: Verdict = "exact" if output == target else "unjudged"
        return Card(verdict=verdict, panels=_panels((source, target, output), (None, None, None)))
    verdict = {True: "exact", False: "other", None: "invalid"}[is_same(output, target)]  # type: ignore[assignment]  # a Verdict
    return Card(
        verdict=verdict, panels=_panels((source, target, output), (draw_masked(source), draw(target), draw(output)))
    )


def _panels(texts: Sequence[str], drawings: Sequence[tuple["Shape", ...] | None]) -> tuple[Panel, ...]:
    labels = ("Input", "Target", "Output")
    return tuple(
        Panel(label=label, smiles=text, shapes=shapes)
        for label, text, shapes in zip(labels, texts, drawings, strict=True)
    )
