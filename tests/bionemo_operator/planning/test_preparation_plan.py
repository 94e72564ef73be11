"""A BioNeMoPreprocess becomes a plan that the trainer accepts."""

import json
from pathlib import Path

import pytest

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.planning.preparation_plan import plan_document
from bionemo_trainer.data.preparation.plan import LengthPolicy, Source, plan_from_json
from testkit.documents import preprocess_document


def plan(**spec):
    resource = parse_resource(preprocess_document(**spec))
    made = plan_document(resource, lambda claim: Path("/mnt", claim.name, getattr(claim, "path", None) or ""))
    return plan_from_json(json.dumps(made))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param({"urls": ["http://x/a"]}, Source(urls=("http://x/a",)), id="addresses"),
        pytest.param({"linksFile": "/data/links.txt"}, Source(links_file="/data/links.txt"), id="links file"),
        pytest.param({"claim": {"name": "raw", "path": "zinc"}}, Source(path="/mnt/raw/zinc"), id="folder on a claim"),
    ],
)
def test_the_source_is_taken_over(source, expected):
    assert plan(source=source).source == expected


def test_every_option_is_taken_over():
    made = plan(
        recipe="protein/uniref50",
        output={"claim": {"name": "data"}, "path": "u", "files": 7},
        split={"validation": "50", "test": "1%", "seed": 9},
        maxLength=100,
        lengthPolicy="Truncate",
    )
    assert (made.recipe, made.output, made.files) == ("protein/uniref50", Path("/mnt/data/u"), 7)
    assert (made.validation, made.test, made.seed) == ("50", "1%", 9)
    assert (made.max_length, made.length_policy) == (100, LengthPolicy.TRUNCATE)


@pytest.mark.parametrize("column", ["smiles", 2], ids=["by name", "by number"])
def test_a_column_is_named_or_numbered(column):
    assert plan(column=column).column == str(column)
