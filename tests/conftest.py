"""Options for all tests."""

import pytest
from hypothesis import settings

from harness.environments.docker import engine_answers

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
