"""`bionemo status`: one golden table, and one golden text for each shape of details."""

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from bionemo_operator.api.training_status import Cause
from bionemo_operator.cli.app import app
from bionemo_operator.cli.mends import MENDS
from bionemo_operator.cli.status import print_details, print_table

GOLDEN = Path(__file__).parents[2] / "golden" / "cli"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def full(api, golden_objects):
    """A cluster with objects in every state."""
    for name in ("restarted", "prepared", "failed", "new", "waiting"):
        golden_objects(name)
    return api


@pytest.mark.usefixtures("full")
def test_everything_of_all_namespaces_is_one_table(cluster, said, matches_golden):
    print_table(cluster, NOON, everywhere=True)
    assert matches_golden(said(), GOLDEN / "status-table.txt")


@pytest.mark.usefixtures("full")
def test_a_table_of_one_namespace_leaves_out_others(cluster, said):
    print_table(cluster, NOON, everywhere=False)
    header, *rows = said().splitlines()
    assert header.split()[0] == "NAME"
    assert [row.split()[0] for row in rows] == ["small", "new", "waiting", "zinc15", "uniref50"]


@pytest.mark.parametrize(
    ("everywhere", "place"), [(False, "namespace lab; -A shows those of all namespaces"), (True, "any namespace")]
)
def test_an_empty_place_is_said(cluster, said, everywhere, place):
    print_table(cluster, NOON, everywhere=everywhere)
    assert said() == f"There is no BioNeMoTraining and no BioNeMoPreprocess in {place}.\n"


@pytest.mark.parametrize(
    ("shape", "name"),
    [("restarted", "small"), ("prepared", "zinc15"), ("waiting", "waiting"), ("waiting", "uniref50"), ("new", "new")],
)
@pytest.mark.usefixtures("full")
def test_an_object_is_told_with_all_that_is_known(cluster, said, matches_golden, shape, name):
    print_details(cluster, name, NOON)
    assert matches_golden(said(), GOLDEN / f"status-{shape}-{name}.txt")


def test_a_failed_training_is_told_with_cause_and_mend(api, cluster, golden_objects, said):
    body = golden_objects("failed")[0]
    api.put({**body, "metadata": {**body["metadata"], "namespace": "lab"}})
    print_details(cluster, "diverged", NOON)
    assert said().splitlines()[-3:] == [
        "    1   1 node, steps 0 to 40, 20m: NonFiniteLoss, exit code 70",
        "        the loss of step 41 is no number",
        "        mend: lower model.optim.lr, or train in bf16-mixed or 32; go on from an earlier step with spec.resumeFrom",
    ]


def test_every_cause_has_a_mend():
    assert set(MENDS) == set(get_args(Cause))


def test_a_name_and_all_namespaces_do_not_go_together():
    result = CliRunner().invoke(app, ["status", "small", "-A"])
    assert str(result.exception) == (
        "NAME: 'small' is one object, and -A asks for those of all namespaces; leave out one of the two."
    )
