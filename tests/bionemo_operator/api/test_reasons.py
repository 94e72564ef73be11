import re
from typing import get_args

import pytest

from bionemo_operator.api import reasons
from bionemo_operator.api.reasons import ConditionType, Reason

DECLARED = [reason for reason in vars(reasons).values() if isinstance(reason, Reason)]


@pytest.mark.parametrize("reason", DECLARED, ids=lambda reason: reason.name)
def test_a_reason_is_one_camel_case_word_with_a_message(reason):
    assert re.fullmatch("[A-Z][A-Za-z]{2,63}", reason.name)
    assert reason.message


def test_no_two_reasons_of_a_type_share_a_name():
    assert len({(reason.condition, reason.name) for reason in DECLARED}) == len(DECLARED)


@pytest.mark.parametrize("type_", get_args(ConditionType))
def test_every_type_of_condition_can_be_true_and_not(type_):
    statuses = {reason.status for reason in DECLARED if reason.condition == type_}

    assert "True" in statuses
    assert len(statuses) > 1
