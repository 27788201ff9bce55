"""docs/screenshots.py, which takes the pictures of the README."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reports.comparison import compare
from reports.comparison_page import Occasion, render_comparison
from tests.reports.compared_runs import made

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
BYTES_MAX = 160_000


def size_of(picture: Path) -> tuple[int, int]:
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    return int(width), int(height)


def test_three_pictures_are_taken(
    page: Callable[[str], Path], browser: Any, tmp_path: Path
) -> None:
    runs = [made(system, seed, {"throughput.overall": 100.0 * seed, "kept.kill": 0.2})
            for system in ("raft", "paxos") for seed in (1, 2, 3)]  # fmt: skip
    compared = tmp_path / "compared"
    compared.mkdir()
    render_comparison(compare(runs, Random(1), {}), Occasion("labrys compare", "2026"), compared)
    given = [page("invalid").parent, page("valid").parent, compared, tmp_path / "pictures"]
    subprocess.run([sys.executable, ROOT / "docs/screenshots.py", *given], check=True, timeout=120)
    pictures = {path.name: size_of(path) for path in (tmp_path / "pictures").iterdir()}
    assert pictures["counterexample.png"] == pictures["comparison.png"] == (1100, 860)
    width, height = pictures["timeline.png"]
    assert 900 < width <= 1100
    assert 400 < height < 1100
    assert len(pictures) == 3


def test_without_its_folders_it_says_how_it_is_called() -> None:
    command = [sys.executable, ROOT / "docs/screenshots.py", "one"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "python docs/screenshots.py INVALID VALID COMPARISON" in done.stderr


def test_the_pictures_of_the_readme_are_small_and_all_used() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for picture in (ROOT / "docs/images").iterdir():
        assert picture.stat().st_size <= BYTES_MAX, f"{picture.name} is too large"
        assert f"docs/images/{picture.name}" in readme
        assert size_of(picture)[0] <= 1100
