import pytest

from bionemo_operator.cluster.client import Client
from testkit.api_stand_in import api_stand_in


@pytest.fixture
def api():
    with api_stand_in() as api:
        yield api


@pytest.fixture
def client(api):
    connection = api.connection()
    yield Client(connection)
    connection.pool.clear()
