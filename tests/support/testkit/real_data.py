"""The real molecules and proteins of `examples/data`, prepared as the quickstart does."""

from pathlib import Path

from bionemo_trainer.data.preparation.plan import LengthPolicy, PreparationPlan, Recipe, Source
from bionemo_trainer.data.preparation.prepare import prepare

EXAMPLES = Path(__file__).parents[3] / "examples" / "data"
LONGEST_PROTEIN = 510
"""Residues, so that a sequence fits 512 tokens with its begin and end."""


def prepare_examples(folder: Path, of_long_proteins: LengthPolicy = LengthPolicy.TRUNCATE) -> None:
    """Writes the datasets `molecules` and `proteins` below a folder, each of one file per split."""
    shorten = {"max_length": LONGEST_PROTEIN, "length_policy": of_long_proteins}
    _prepare(folder, "molecules", "molecule/zinc15")
    _prepare(folder, "proteins", "protein/uniref50", **shorten)


def _prepare(folder: Path, name: str, recipe: Recipe, **options: object) -> None:
    plan = PreparationPlan(
        recipe=recipe,
        source=Source(path=str(EXAMPLES / name)),
        output=folder / name,
        files=1,
        validation="2%",
        test="2%",
        **options,  # type: ignore[arg-type]  # of a plan, as the caller gives them
    )
    prepare(plan)
