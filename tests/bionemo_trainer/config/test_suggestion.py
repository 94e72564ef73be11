"""A guess helps only when it is a good one."""

import pytest

from bionemo_trainer.config.suggestion import nearest, nearest_key

KNOWN = ("model.seed", "seed", "model.data.seed", "model.num_layers", "model.data.num_workers")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        pytest.param("model.num_layer", "did you mean model.num_layers? ", id="a letter is missing"),
        pytest.param("num_layers", "did you mean model.num_layers? ", id="the section is missing"),
        pytest.param("model.data.sed", "did you mean model.data.seed? ", id="several have that last part"),
        pytest.param("model.nowhere", "", id="nothing is similar"),
    ],
)
def test_the_last_part_of_a_key_decides(key, hint):
    assert nearest_key(key, KNOWN) == hint


def test_a_name_without_a_likeness_has_no_hint():
    assert nearest("xyz", ["protein/esm1nv/pretrain_small"]) == ""
