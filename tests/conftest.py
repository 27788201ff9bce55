"""Options for all tests."""

from importlib.metadata import entry_points

import pytest
from hypothesis import settings

from harness.environments.docker import engine_answers

# An installed Labrys brings its plugin along; a bare checkout names it here.
pytest_plugins = (
    []
    if any(point.name == "labrys" for point in entry_points(group="pytest11"))
    else ["harness.simulation.plugin"]
)

settings.register_profile("deep", max_examples=5_000, deadline=None)


def pytest_report_header() -> str:
    if engine_answers():
        return "containers: a Docker engine answers"
    return "containers: no Docker engine answers, so their tests are skipped; local ones run"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write what the scenarios print into their files, to be reviewed as a diff",
    )
