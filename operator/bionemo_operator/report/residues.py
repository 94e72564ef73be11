"""How often each residue was guessed right, as bars. Pure; the template turns it into SVG."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bionemo_operator.report.line_chart import Tick
from bionemo_operator.report.scale import Scale, scale_for, written
from bionemo_trainer.run_folder import Record

WIDTH = 440
LEFT, RIGHT, TOP, BOTTOM = 128, 62, 10, 40
ROW = 20
"""Pixels from bar to bar."""
_CONFIDENCE = 1.96
"""Standard deviations that hold 95 per cent of a normal distribution."""
_NAMES = {
    "A": "Alanine", "B": "Asp or Asn", "C": "Cysteine", "D": "Aspartate", "E": "Glutamate", "F": "Phenylalanine", "G": "Glycine", "H": "Histidine",
    "I": "Isoleucine", "J": "Leu or Ile", "K": "Lysine", "L": "Leucine", "M": "Methionine", "N": "Asparagine", "O": "Pyrrolysine", "P": "Proline",
    "Q": "Glutamine", "R": "Arginine", "S": "Serine", "T": "Threonine", "U": "Selenocysteine", "V": "Valine", "W": "Tryptophan", "X": "unknown",
    "Y": "Tyrosine", "Z": "Glu or Gln",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Residue:
    """One kind of residue among the targets of a validation."""

    letter: str
    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """Share that was right."""
        return self.correct / self.total

    @property
    def name(self) -> str:
        """In words."""
        return _NAMES.get(self.letter, "")

    @property
    def bounds(self) -> tuple[float, float]:
        """Within which the accuracy lies with 95 per cent confidence, by Wilson's interval."""
        squared = _CONFIDENCE**2
        middle = (self.accuracy + squared / (2 * self.total)) / (1 + squared / self.total)
        variance = self.accuracy * (1 - self.accuracy) / self.total + squared / (4 * self.total**2)
        half = _CONFIDENCE * math.sqrt(variance) / (1 + squared / self.total)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A residue in pixels."""

    residue: Residue
    y: float
    end: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """What stands behind the bar."""
        return f"{100 * self.residue.accuracy:.1f} %"

    @property
    def words(self) -> str:
        """What appears when it is pointed at."""
        residue = self.residue
        return f"{residue.letter} {residue.name}: {residue.correct:,} of {residue.total:,} right, {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Some of the residues, with an axis that all such charts share."""

    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    height: float
    mean: float
    """Where the accuracy over all residues is."""

    @property
    def words(self) -> str:
        """What the picture shows, for those who don't see it."""
        return "Accuracy by residue: " + "; ".join(bar.words for bar in self.bars)


def residues_of(records: Sequence[Record]) -> tuple[Residue, ...]:
    """The residues that were asked for at least once, the best guessed first."""
    found = [residue for residue in _read(records) if residue.total > 0]
    return tuple(sorted(found, key=lambda residue: (-residue.accuracy, residue.letter)))


def mean_accuracy(residues: Sequence[Residue]) -> float:
    """Over all targets."""
    return sum(residue.correct for residue in residues) / sum(residue.total for residue in residues)


def bar_charts(residues: Sequence[Residue]) -> list[BarChart]:
    """Two charts, the better half and the rest; none without residues."""
    if not residues:
        return []
    highest = 100 * max(residue.bounds[1] for residue in residues)
    scale = scale_for([0.0, highest], LEFT, WIDTH - RIGHT, 4)
    half = -(-len(residues) // 2)
    mean = scale.place(100 * mean_accuracy(residues))
    return [_chart(part, scale, mean, half) for part in (residues[:half], residues[half:]) if part]


def _read(records: Sequence[Record]) -> Iterator[Residue]:
    for record in records:
        letter, correct, total = record.get("residue"), record.get("correct"), record.get("total")
        if isinstance(letter, str) and isinstance(correct, int) and isinstance(total, int):
            yield Residue(letter=letter, correct=correct, total=total)


def _chart(residues: Sequence[Residue], scale: Scale, mean: float, num_rows: int) -> BarChart:
    bars = (
        Bar(
            residue=residue,
            y=TOP + ROW * (row + 0.5),
            end=scale.place(100 * residue.accuracy),
            low=scale.place(100 * residue.bounds[0]),
            high=scale.place(100 * residue.bounds[1]),
        )
        for row, residue in enumerate(residues)
    )
    ticks = tuple(Tick(place=scale.place(tick), text=f"{written(tick)} %") for tick in scale.ticks)
    return BarChart(bars=tuple(bars), ticks=ticks, height=TOP + ROW * num_rows + BOTTOM, mean=mean)
