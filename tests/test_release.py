"""A release: its workflow, the citation and the changelog agree, and nothing of it is half done."""

import importlib.util
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pages import ROOT

FILES = ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def notes(tag: str, root: Path) -> str:
    spec = importlib.util.spec_from_file_location("release_notes", ROOT / ".ci/release_notes.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.notes(tag, root))


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """The files of this version as they would be on the day of its release."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    dated = text.replace(f"## {VERSION}, not yet released", f"## {VERSION}, 2026-12-01")
    (tmp_path / "CHANGELOG.md").write_text(dated + "\n## 0.0.1, 2026-01-01\n\n- Old.\n")
    return tmp_path


def test_the_notes_are_the_section_of_the_version(released: Path) -> None:
    told = notes(f"v{VERSION}", released)
    assert told.startswith("- ")
    assert "Old." not in told


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("pyproject.toml", f'version = "{VERSION}"', 'version = "9.9"', "pyproject.toml has 9.9"),
        ("CITATION.cff", f"version: {VERSION}", "version: 9.9", "CITATION.cff does not say"),
        ("CHANGELOG.md", ", 2026-12-01", ", not yet released", "begins with .*not yet released"),
        ("CHANGELOG.md", f"## {VERSION}, ", "## 9.9, ", "begins with '9.9"),
    ],
)
def test_what_does_not_agree_is_no_release(
    file: str, old: str, new: str, why: str, released: Path
) -> None:
    text = (released / file).read_text("utf-8")
    assert old in text
    (released / file).write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=why):
        notes(f"v{VERSION}", released)


def test_the_citation_is_whole() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors", "version"} <= {*cited}
    assert cited["version"] == VERSION
    assert cited["license"] == "Apache-2.0"


def test_only_the_jobs_that_sign_and_publish_may_do_so() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    writes = {
        name: {right for right, level in job.get("permissions", {}).items() if level == "write"}
        for name, job in jobs.items()
    }
    assert writes == {
        "build": {"id-token", "attestations"},
        "publish": {"id-token"},
        "release": {"contents"},
    }
    assert (jobs["publish"]["needs"], jobs["release"]["needs"]) == ("build", "publish")
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text("utf-8")
