"""The environment becomes settings, and every wrong variable is named."""

import socket

import pytest

from bionemo_operator.settings import Settings, settings_from
from bionemo_trainer.errors import ConfigError


def refusal(environment):
    with pytest.raises(ConfigError) as caught:
        settings_from(environment)
    return str(caught.value)


def test_without_variables_the_defaults_hold():
    assert settings_from({"PATH": "/bin"}) == Settings(identity=socket.gethostname())


def test_variables_are_fields_in_capitals():
    environment = {
        "BIONEMO_OPERATOR_TRAINER_IMAGE": "mine:2",
        "BIONEMO_OPERATOR_WORKERS": "4",
        "BIONEMO_OPERATOR_LEASE_SECONDS": "12.5",
        "BIONEMO_OPERATOR_IDENTITY": "operator-0",
    }
    assert settings_from(environment) == Settings(
        trainer_image="mine:2", workers=4, lease_seconds=12.5, identity="operator-0"
    )


@pytest.mark.parametrize(
    ("text", "namespaces"),
    [
        pytest.param("", (), id="all"),
        pytest.param("lab", ("lab",), id="one"),
        pytest.param(" lab, other,", ("lab", "other"), id="several"),
    ],
)
def test_namespaces_are_separated_by_commas(text, namespaces):
    assert settings_from({"BIONEMO_OPERATOR_NAMESPACES": text}).namespaces == namespaces


def test_every_wrong_variable_is_named():
    assert refusal({"BIONEMO_OPERATOR_WORKERS": "many", "BIONEMO_OPERATOR_LEASE_SECONDS": "1"}).splitlines() == [
        "environment variable BIONEMO_OPERATOR_LEASE_SECONDS: '1' is wrong: "
        "Input should be greater than or equal to 3; correct or unset it.",
        "environment variable BIONEMO_OPERATOR_WORKERS: 'many' is wrong: "
        "Input should be a valid integer, unable to parse string as an integer; correct or unset it.",
    ]
