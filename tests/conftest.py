"""Options and fixtures of every suite."""

from pathlib import Path

import hypothesis
import pytest

# How long an example takes says nothing about the code on a machine that also does other work.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")


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
