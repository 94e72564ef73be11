"""On a workstation a folder stands for each claim."""

from pathlib import Path

import pytest

from bionemo_operator.api.fields import ClaimName, ClaimReference
from bionemo_operator.cli.claims import folder_of, parse_claims
from bionemo_trainer.errors import ConfigError


def test_a_named_folder_stands_for_its_claim():
    assert folder_of(ClaimReference(name="raw", path="zinc/a"), parse_claims(["raw=/data/x"])) == Path("/data/x/zinc/a")


def test_other_claims_lie_below_the_volumes_folder():
    assert folder_of(ClaimName(name="data"), {}) == Path("volumes/data")
    assert folder_of(ClaimReference(name="data"), {}) == Path("volumes/data")


def test_every_text_that_names_no_folder_is_refused():
    with pytest.raises(ConfigError) as caught:
        parse_claims(["raw", "=x", "ok=/y"])
    assert [str(problem) for problem in caught.value.problems] == [
        "--claim: 'raw' is not NAME=FOLDER; write it as in --claim raw=/data/raw.",
        "--claim: '=x' is not NAME=FOLDER; write it as in --claim raw=/data/raw.",
    ]
