"""A plan that exists is valid, and one that is not is answered with all that is wrong."""

import json
from pathlib import Path

import pytest

from bionemo_trainer.data.preparation.plan import (
    LengthPolicy,
    PreparationPlan,
    Source,
    plan_from_json,
    plan_to_json,
)
from bionemo_trainer.errors import ConfigError


def plan(**options):
    given = {"recipe": "molecule/zinc15", "source": Source(path="/raw"), "output": Path("/out"), **options}
    return PreparationPlan(**given)


def refused(**options):
    with pytest.raises(ConfigError) as caught:
        plan(**options)
    return [str(problem) for problem in caught.value.problems]


def test_a_plan_survives_the_way_into_a_pod():
    whole = plan(
        recipe="protein/uniref50",
        files=7,
        validation="5",
        test="1%",
        seed=3,
        max_length=9,
        length_policy=LengthPolicy.TRUNCATE,
    )
    assert plan_from_json(plan_to_json(whole)) == whole


def test_where_the_dataset_is_put_is_no_part_of_what_it_is():
    assert plan().digest == plan(output=Path("/elsewhere")).digest


@pytest.mark.parametrize(
    "options", [{"seed": 1}, {"files": 2}, {"test": "1%"}, {"max_length": 100}, {"source": Source(path="/x")}], ids=str
)
def test_everything_else_is(options):
    assert plan().digest != plan(**options).digest


def test_a_default_that_is_written_out_changes_nothing():
    assert plan().digest == plan(max_length=512).digest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": "molecule/chembl"}, "recipe: 'molecule/chembl' is unknown; write molecule/zinc15 or protein/uniref50."),
        ({"source": Source()}, "source: nothing must be exactly one of urls, links_file and path; keep the one that holds the raw files."),
        (
            {"source": Source(path="/x", links_file="/y")},
            "source: ['links_file', 'path'] must be exactly one of urls, links_file and path; keep the one that holds the raw files.",
        ),
        (
            {"source": Source(urls=("ftp://x",))},
            ("source.urls: 'ftp://x' must be an address that begins with http:// or https:// and has no blanks; "
            "write the whole address, or use path for local files."),
        ),
        ({"files": 0}, "output.files: 0 must lie between 1 and 100000; leave it out for one file per million records."),
        ({"validation": "half"}, "split.validation: 'half' must be a share such as 0.5% or a count such as 5000; write \"0.5%\" or \"5000\"."),
        ({"validation": "50%", "test": "50%"}, "split: ('50%', '50%') leaves nothing to train on; make the two shares sum to less than 100%."),
        ({"seed": -1}, "split.seed: -1 must lie between 0 and 2^63 - 1; write a number such as 42."),
        ({"max_length": 5000}, "max_length: 5000 must lie between 1 and 4096 for molecule/zinc15; leave it out for the recipe's default."),
        ({"length_policy": LengthPolicy.TRUNCATE}, "length_policy: 'Truncate' is only for proteins, for a molecule cut short is another one; write Reject."),
        ({"recipe": "protein/uniref50", "column": "x"}, "column: 'x' is only for molecules, FASTA has no columns; remove it."),
    ],
)  # fmt: skip
def test_a_wrong_option_is_answered_with_its_rule(options, message):
    given = {"recipe": "molecule/zinc15", **options}
    if given["recipe"] == "molecule/chembl":
        given["max_length"] = 1
    assert refused(**given) == [message]


def test_all_that_is_wrong_is_said_at_once():
    assert len(refused(files=0, seed=-1, validation="x")) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "plan.recipe: nothing is not accepted: Field required; correct the JSON of the plan."),
        (
            json.dumps({"recipe": "molecule/zinc15", "source": {"path": "/x", "claim": 1}, "output": "/o"}),
            "plan.source.claim: 1 is not accepted: Unexpected keyword argument; correct the JSON of the plan.",
        ),
    ],
    ids=["missing", "unknown"],
)
def test_json_that_is_no_plan_is_answered_with_the_place(text, message):
    with pytest.raises(ConfigError) as caught:
        plan_from_json(text)
    assert str(caught.value.problems[0]) == message
