"""Sample runs, written once for all tests of the reports."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from reports.page import render
from tests.reports.sample_runs import SAMPLES


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The directory of a sample run, by name; not to be changed."""
    return cache(lambda name: SAMPLES[name](tmp_path_factory.mktemp("runs") / name))


@pytest.fixture(scope="session")
def page(sample: Callable[[str], Path]) -> Callable[[str], Path]:
    """The rendered page of a sample run, by name."""
    return cache(lambda name: render(sample(name)))


@pytest.fixture
def copy(sample: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a sample run that a test may damage."""

    def make(name: str) -> Path:
        return Path(shutil.copytree(sample(name), tmp_path / name))

    return make
