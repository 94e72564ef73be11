import pytest

from testkit.api_lab import api_lab


@pytest.fixture
def lab():
    with api_lab() as lab:
        yield lab
