from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from bionemo_operator.api import fields


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        pytest.param(fields.LabelName, "raw-data", id="label"),
        pytest.param(fields.ObjectName, "hf.token", id="object"),
        pytest.param(fields.QualifiedName, "nvidia.com/gpu", id="key"),
        pytest.param(fields.RelativePath, "zinc15/run_1/step=100", id="path"),
        pytest.param(fields.AbsolutePath, "/data/raw", id="mount"),
        pytest.param(fields.Image, "localhost:5000/bionemo/trainer:1.0", id="image"),
        pytest.param(fields.Quantity, "1.5Gi", id="amount"),
        pytest.param(fields.Share, "0.5%", id="share"),
        pytest.param(fields.Share, "1000000", id="count"),
        pytest.param(fields.Decimal, "-1.5e-06", id="measured number"),
    ],
)
def test_a_usual_value_is_accepted(type_, value):
    assert TypeAdapter(type_).validate_python(value) == value


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        pytest.param(fields.LabelName, "raw.data", id="label with a dot"),
        pytest.param(fields.ObjectName, "-token", id="object that begins with a hyphen"),
        pytest.param(fields.RelativePath, "/zinc15", id="path with a leading slash"),
        pytest.param(fields.RelativePath, "zinc15/../x", id="path that climbs"),
        pytest.param(fields.RelativePath, "zinc15//x", id="path with an empty name"),
        pytest.param(fields.AbsolutePath, "data", id="relative mount"),
        pytest.param(fields.Image, "my image", id="image with a blank"),
        pytest.param(fields.Quantity, "-1", id="negative amount"),
        pytest.param(fields.Quantity, "8GB", id="amount with a foreign unit"),
        pytest.param(fields.Share, "100%", id="whole share"),
        pytest.param(fields.Share, "0.00001%", id="share with five decimals"),
        pytest.param(fields.Decimal, "nan", id="no number"),
    ],
)
def test_an_unusable_value_is_refused(type_, value):
    with pytest.raises(ValidationError, match="must be "):
        TypeAdapter(type_).validate_python(value)


def test_a_moment_is_written_in_utc_to_the_second():
    moment = datetime(2026, 11, 24, 9, 0, 0, 999, tzinfo=timezone(timedelta(hours=1)))

    assert TypeAdapter(fields.Time).dump_python(moment) == "2026-11-24T08:00:00Z"


def test_a_written_moment_is_read_again():
    moment = datetime(2026, 11, 24, 8, tzinfo=UTC)

    assert TypeAdapter(fields.Time).validate_json('"2026-11-24T08:00:00Z"') == moment
