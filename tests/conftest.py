"""Options and fixtures of every suite."""

from pathlib import Path

import hypothesis
import pytest

# How long an example takes says nothing about the code on a machine that also does other work.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


HERE = Path(__file__).parent
ASKED_FOR = tuple(HERE / name for name in ("api_server", "chart", "e2e", "monitoring"))
"""Suites that run only when they are named, each by a task of its own: they build or need programs, and open sockets."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    suite = _suite_of(collection_path)
    if suite is None:
        return None
    named = [config.invocation_params.dir / argument.split("::")[0] for argument in config.args]
    return None if any(path.is_relative_to(suite) for path in named) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _suite_of(item.path):
            item.add_marker(pytest.mark.enable_socket)


def _suite_of(path: Path) -> Path | None:
    return next((suite for suite in ASKED_FOR if path.is_relative_to(suite)), None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="write golden files anew instead of comparing with them"
    )


@pytest.fixture
def matches_golden(request: pytest.FixtureRequest):
    """Compare a text with a golden file, or write the file when asked to; review the difference like source."""

    def compare(text: str, golden: Path) -> bool:
        if request.config.getoption("--update-goldens"):
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8")
        return True

    return compare
