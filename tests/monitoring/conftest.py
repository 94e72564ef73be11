"""The suite for monitoring, with Debian's Prometheus: alerts by promtool, queries against a server that scraped real runs.

Runs only when asked for by name (pytest tests/monitoring): nothing else here needs Prometheus.
"""

import shutil

import pytest


def pytest_sessionstart(session):
    del session
    missing = [program for program in ("prometheus", "promtool") if shutil.which(program) is None]
    if missing:
        pytest.exit(
            f"tests/monitoring needs {' and '.join(missing)} on PATH; Debian and Ubuntu have both in the package prometheus, "
            "others on https://prometheus.io/download.",
            returncode=pytest.ExitCode.USAGE_ERROR,
        )
