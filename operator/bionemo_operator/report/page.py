"""A run as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.

Called by `bionemo report`. The templates escape everything that comes from data; no value brings markup of its own.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bionemo_operator.report import line_chart, residues
from bionemo_operator.report.differences import differences
from bionemo_operator.report.facts import MODELS, facts, headlines, is_finished, per_cent
from bionemo_operator.report.line_chart import Chart, Curve, drawn_charts
from bionemo_operator.report.molecules import cards_of, tally
from bionemo_operator.report.residues import bar_charts, mean_accuracy, residues_of
from bionemo_operator.report.run_record import RunRecord
from bionemo_operator.report.validations import validations

TEMPLATES = Path(__file__).parent / "templates"
CHARTS = (
    Chart(
        title="Loss",
        unit="nats per token",
        curves=(
            Curve(metric="reduced_train_loss", label="training"),
            Curve(metric="val_loss", label="validation"),
        ),
    ),
    Chart(
        title="Molecules written again",
        unit="share of the validation's",
        curves=(
            Curve(metric="val_character_accuracy", label="right characters"),
            Curve(metric="val_molecular_accuracy", label="exact molecules"),
            Curve(metric="val_percent_invalid", label="not a molecule"),
        ),
        starts_at_zero=True,
        is_share=True,
    ),
    Chart(
        title="Residues guessed right",
        unit="share of the validation's",
        curves=(Curve(metric="val_residue_accuracy", label="right residues"),),
        starts_at_zero=True,
        is_share=True,
    ),
    Chart(
        title="Learning rate", unit="no unit", curves=(Curve(metric="lr", label="learning rate"),), starts_at_zero=True
    ),
    Chart(title="Gradient norm", unit="before clipping", curves=(Curve(metric="grad_norm", label="norm"),)),
    Chart(
        title="Tokens",
        unit="tokens per second",
        curves=(Curve(metric="tokens_per_second", label="tokens"),),
        starts_at_zero=True,
    ),
    Chart(
        title="Samples",
        unit="samples per second",
        curves=(Curve(metric="samples_per_second", label="samples"),),
        starts_at_zero=True,
    ),
)


def page_of(run: RunRecord, title: str) -> str:
    """The page, under the title of the run."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    cards = cards_of(run.reconstructions)
    found = residues_of(run.residues)
    return environment.get_template("page.html").render(
        title=title,
        description=run.config.desc,
        model=MODELS[run.config.family],
        recipe=run.description.recipe,
        is_finished=is_finished(run),
        headlines=list(headlines(run)),
        facts=list(facts(run)),
        charts=drawn_charts(CHARTS, run.metrics),
        line_chart=line_chart,
        validations=validations(run.metrics),
        cards=cards,
        tally=tally(cards),
        num_molecules=len(run.reconstructions),
        residues=found,
        mean_accuracy=per_cent(mean_accuracy(found)) if found else "",
        bar_charts=bar_charts(found),
        bar_chart=residues,
        differences=differences(run.config, run.description.recipe),
    )
