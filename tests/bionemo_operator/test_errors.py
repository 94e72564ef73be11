"""An answer of the API server means what a caller does about it."""

import pytest

from bionemo_operator.errors import (
    ClusterError,
    ConflictError,
    MissingError,
    RejectedError,
    UnavailableError,
    cluster_error,
)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, RejectedError) for status in (400, 403, 422)),
        *((status, MissingError) for status in (404, 410)),
        (409, ConflictError),
        *((status, UnavailableError) for status in (0, 401, 418, 429, 500, 503)),
    ],
)
def test_a_status_means_an_error(status, error):
    found = cluster_error("get x", status, "because")
    assert type(found) is error
    assert isinstance(found, ClusterError)


def test_an_error_names_request_status_and_message():
    error = cluster_error("get x", 429, "slow down", 7.0)
    assert str(error) == "get x: 429: slow down"
    assert (error.status, error.retry_after_seconds) == (429, 7.0)


def test_no_answer_is_told_in_words():
    assert str(cluster_error("get x", 0, "refused")) == "get x: no answer: refused"
