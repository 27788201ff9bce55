"""The documentation as a site: whole, up to date with the code, and with commands that exist."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from harness.cli import app
from tests.pages import follow

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
NAV = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    ["tutorial.md", pytest.param("continuous-integration.md", marks=pytest.mark.deep), "pytest.md"],
)
def test_a_page_followed_to_the_letter(page: str, tmp_path: Path) -> None:
    assert follow(page, tmp_path)


def test_the_reference_says_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    for name, text in reference.pages().items():
        stale = f"docs/{name} is stale; run `python docs/reference.py --write`"
        assert (DOCS / name).read_text() == text, stale


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_asks_nothing_of_others(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    fetched = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"(?:https?:)?//")
    for page in tmp_path.rglob("*.html"):
        assert not fetched.search(page.read_text()), page.name
    for sheet in tmp_path.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//|@import", sheet.read_text()), sheet.name


def _indented(page: str) -> Iterator[tuple[str, list[str]]]:
    """Each indented block of a page that is made of commands: what stands before it, and it."""
    text = re.sub(r"^```.*?^```$", "", (DOCS / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    for match in re.finditer(r"(?:^    \S.*\n)+", text, re.MULTILINE):
        lines = [line.strip() for line in match[0].splitlines()]
        if lines[0].split()[0] in ("labrys", "pip", "make", "dask", "python", "python3"):
            yield text[: match.start()].rstrip(), lines


def _commands(page: str) -> Iterator[list[str]]:
    """The words of each command `labrys ...` that stands in a block of the page."""
    for line in (DOCS / page).read_text().replace("\\\n", "").splitlines():
        found = re.fullmatch(r"(?:    |\$ )(labrys .*?)(?:  +.*|\s+#.*)?", line)
        if found:
            yield shlex.split(found[1])


def _how_to() -> list[str]:
    (pages,) = [section["How to"] for section in NAV if "How to" in section]
    return [path for page in pages for path in page.values()]


@pytest.mark.parametrize("page", _how_to())
def test_commands_of_a_how_to_are_run_or_say_why_not(page: str) -> None:
    """A block of the language console is followed by a test; any other says why it is not."""
    for before, lines in _indented(page):
        marked = NOT_RUN.fullmatch(before.rpartition("\n")[2].strip())
        assert marked, f"{page}: no `<!-- not run: why -->` before\n{lines[0]}"


def test_how_tos_with_commands_to_follow_are_followed() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").glob("test_*.py"))
    for page in PAGES:
        if "```console" in (DOCS / page).read_text():
            assert f'"{page}"' in tests, f"no test follows {page}"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists_with_all_its_options(page: str) -> None:
    group: Any = typer.main.get_command(app)
    for words in _commands(page):
        if len(words) < 2 or words[1].startswith("-"):
            continue
        assert words[1] in group.commands, words
        options = {
            option
            for parameter in group.commands[words[1]].params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for word in words[2:]:
            if word.startswith("-") and word != "-":
                assert word.partition("=")[0] in options, words
