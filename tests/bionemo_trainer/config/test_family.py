"""An old file does not say which model it is for; its names and keys do."""

import pytest

from bionemo_trainer.config.family import family_of
from bionemo_trainer.errors import ConfigError


@pytest.mark.parametrize(
    ("tree", "family"),
    [
        pytest.param({"family": "prott5nv", "name": "MegaMolBART"}, "prott5nv", id="stated wins over the name"),
        pytest.param({"name": "MegaMolBART"}, "megamolbart", id="name"),
        pytest.param({"name": "ESM1-nv"}, "esm1nv", id="name with a hyphen"),
        pytest.param({"name": "esm2-650M"}, "esm2nv", id="ESM-2 size"),
        pytest.param({"name": "mine", "model": {"name": "prott5nv"}}, "prott5nv", id="model name"),
        pytest.param({"name": "mine", "model": {"data": {"span_lambda": 3.0}}}, "megamolbart", id="spans"),
        pytest.param({"name": "mine", "model": {"data": {"seq_length_dec": 256}}}, "prott5nv", id="decoder length"),
        pytest.param(
            {"model": {"embedding_token_dropout": True, "data": {"modify_percent": 0.15}}}, "esm2nv", id="token dropout"
        ),
        pytest.param({"model": {"data": {"modify_percent": 0.1}}}, "esm1nv", id="masking"),
    ],
)
def test_the_family_is_found(tree, family):
    assert family_of(tree) == family


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        pytest.param(
            {"family": "bert"},
            "family: 'bert' is no model family; set it to one of megamolbart, esm1nv, esm2nv, prott5nv.",
            id="unknown",
        ),
        pytest.param(
            {"name": "mine"},
            "family: nothing is given, and neither names nor keys tell it; "
            "set it to one of megamolbart, esm1nv, esm2nv, prott5nv.",
            id="nothing tells it",
        ),
    ],
)
def test_an_unknown_family_is_refused_with_all_that_exist(tree, message):
    with pytest.raises(ConfigError) as caught:
        family_of(tree)
    assert str(caught.value) == message
