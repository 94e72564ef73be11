"""The suite for monitoring, with Debian's Prometheus: alerts by promtool, queries against a server that scraped real runs.

Runs only when asked for by name (pytest tests/monitoring): nothing else here needs Prometheus.
"""

import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(config):
    asked_for = [config.invocation_params.dir / argument.split("::")[0] for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in asked_for) else True


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.enable_socket)


def pytest_sessionstart(session):
    del session
    missing = [program for program in ("prometheus", "promtool") if shutil.which(program) is None]
    if missing:
        pytest.exit(
            f"tests/monitoring needs {' and '.join(missing)} on PATH; Debian and Ubuntu have both in the package prometheus, "
            "others on https://prometheus.io/download.",
            returncode=pytest.ExitCode.USAGE_ERROR,
        )
