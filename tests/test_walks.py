"""The walks of docs/architecture.md: each file is there, is met once, and is really on the way."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAP = ROOT / "docs/architecture.md"
HANDED_OVER = {
    ("harness/databases/channel.py", "systems_under_test/connections.py"): "over a connection",
    ("harness/recorder.py", "harness/judge.py"): "as history.jsonl",
    ("harness/judge.py", "reports/page.py"): "as result.json",
}
"""Where a walk goes on without an import: what the one makes, the other reads."""

LONGEST = {"One operation": 14, "A seed": 9, "A fault": 11}
"""How many files a walk may lead through; one that needs more has become harder to follow."""


def walks() -> dict[str, list[str]]:
    """The files of each walk, by the first words of its title."""
    text = MAP.read_text(encoding="utf-8")
    section = text.partition("## Three walks")[2].partition("\n## ")[0]
    found = {}
    for title, walk in re.findall(r"^- \*\*(.+?)\*\*(.+?)(?=^- \*\*|\Z)", section, re.M | re.S):
        files: list[Path] = []
        for name in re.findall(r"`([\w/]+\.py)`", walk):
            files.append(resolved(name, files[-1] if files else ROOT / "nowhere"))
        found[title.partition(",")[0]] = [str(file.relative_to(ROOT)) for file in files]
    return found


def resolved(name: str, previous: Path) -> Path:
    """The file of that name: from the root, or from the folder before or one above it."""
    for folder in (ROOT, *previous.parents):
        if (folder / name).is_file():
            return folder / name
    raise AssertionError(f"{MAP.name} names {name}, which is no file")


def classes_known_to(path: str) -> set[type]:
    """The classes of the project that a file defines or imports."""
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    packages = {folder.name for folder in ROOT.iterdir() if (folder / "py.typed").is_file()}
    return {
        known
        for known in vars(module).values()
        if isinstance(known, type) and known.__module__.partition(".")[0] in packages
    }


def defined_in(path: str) -> set[type]:
    name = path.removesuffix(".py").replace("/", ".")
    return {known for known in classes_known_to(path) if known.__module__ == name}


def imports(one: str, other: str) -> bool:
    """Whether one file imports another, or something of it, at its top or inside a function."""
    text = (ROOT / one).read_text(encoding="utf-8")
    package, _, name = other.removesuffix(".py").replace("/", ".").rpartition(".")
    return bool(
        re.search(rf"^\s*from {re.escape(package)}\.{name} import ", text, re.M)
        or re.search(rf"^\s*from {re.escape(package)} import .*\b{name}\b", text, re.M)
    )


def calls(one: str, other: str) -> bool:
    """Whether one file may call another: it imports it, or a class of which that has a subclass."""
    return imports(one, other) or any(
        known in made.__mro__ for made in defined_in(other) for known in classes_known_to(one)
    )


def test_the_three_walks_are_there() -> None:
    assert list(walks()) == list(LONGEST)


@pytest.mark.parametrize("title", LONGEST)
def test_a_walk_meets_each_file_once_and_is_short(title: str) -> None:
    files = walks()[title]
    assert len(set(files)) == len(files)
    assert len(files) <= LONGEST[title], files


@pytest.mark.parametrize("title", LONGEST)
def test_each_file_of_a_walk_is_on_the_way(title: str) -> None:
    files = walks()[title]
    for place, file in enumerate(files[1:], start=1):
        near = [
            met
            for met in files[:place]
            if (met, file) in HANDED_OVER or calls(met, file) or calls(file, met)
        ]
        assert near, f"{file} has to do with no file that the walk met before"


def test_a_file_that_is_not_on_the_way_would_show() -> None:
    files = walks()["One operation"]
    for stranger in ("reports/night.py", "harness/nemesis/partition.py"):
        assert not any(calls(one, stranger) or calls(stranger, one) for one in files), stranger
