"""What `pip install labrys` gives is what README and the tutorial show, in an empty folder, on the
oldest and the newest Python that are here, from the wheel and from the source distribution.

Needs what pip needs: the package index.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages import ROOT, follow, run

pytestmark = pytest.mark.deep

SMALL = "--environment simulated --time-limit 3 --rate 30 --nodes 3"
LINES = [
    ("--version", 0),
    ("list", 0),
    ("run raft --environment local --nodes 3 --faults kill,pause --time-limit 6 --rate 50", 0),
    (f"compare raft paxos --repeat 1 --faults kill {SMALL}", 0),
    ("explore raft --seeds 20", 0),
    ("explore raft-stale-reads --seeds 400 --until-found", 1),
    ("nightly --print-plan", 0),
    ("clean", 0),
]
"""Lines of README, made short, and the status that each must have; those that need a run follow."""


def pythons() -> dict[str, str]:
    """The oldest and the newest Python that Labrys runs on, by their versions."""
    found = {}
    home = Path.home() / ".pyenv" / "versions"
    for python in (*sorted(home.glob("3.1[1-4].*/bin/python")), "/usr/bin/python3", sys.executable):
        asked = "import ensurepip, sys; print('%d.%d.%d' % sys.version_info[:3])"
        told = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
        version = tuple(map(int, told.stdout.strip().split("."))) if told.returncode == 0 else ()
        if (3, 11, 2) <= version < (3, 15):
            found[version] = str(python)
    ends = sorted(found)[:: max(1, len(found) - 1)][:2]
    return {".".join(map(str, version)): found[version] for version in ends}


def call(*words: "str | Path") -> None:
    done = subprocess.run(
        [*map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution of what git would commit here."""
    folder = tmp_path_factory.mktemp("built")
    call(sys.executable, "-m", "venv", folder / "tools")
    call(folder / "tools" / "bin" / "pip", "install", "--quiet", "build")
    call(folder / "tools" / "bin" / "python", "-m", "build", "--outdir", folder / "dist", ROOT)
    return folder / "dist"


@pytest.fixture(scope="module", params=pythons().items(), ids=lambda item: item[0])
def environment(
    request: pytest.FixtureRequest, built: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The bin folder of a new environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("environment")
    call(request.param[1], "-m", "venv", folder)
    (wheel,) = built.glob("*.whl")
    pip = folder / "bin" / "pip"
    call(pip, "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel, "pytest>=9")
    yield folder / "bin"
    shutil.rmtree(folder)


def labrys(line: str, folder: Path, bin_: Path) -> tuple[str, int]:
    """What the installed `labrys` says in a folder where no checkout is, and its status."""
    done = subprocess.run(
        [bin_ / "labrys", *line.split()], cwd=folder, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout, done.returncode


def test_both_hold_what_they_should(built: Path) -> None:
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        held = archive.namelist()
    assert {"harness/nightly/plan.toml", "reports/templates/page.html.j2", "checker/py.typed"} <= {
        *held
    }
    assert not [name for name in held if name.startswith(("tests/", "docs/", "benchmarks/"))]
    with tarfile.open(source) as unpacked:
        roots = {name.split("/")[1] for name in unpacked.getnames() if "/" in name}
    assert {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "docs", "tests"} <= roots
    assert not roots & {".venv", "store", "site", ".mypy_cache"}


def test_what_readme_shows(environment: Path, tmp_path: Path) -> None:
    for line, status in LINES:
        said, ended = labrys(line, tmp_path, environment)
        assert ended == status, f"labrys {line}\n{said}"
    shown = re.findall(r"^    labrys (\w+)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    runs = sorted((tmp_path / "store").glob("raft-stale-reads-shrunk/*"))
    for line, status in (
        (f"replay {runs[0]}", 1),
        (f"check {runs[0]}", 1),
        (f"check {runs[0] / 'history.jsonl'}", 1),
        (f"report {runs[0]}", 0),
    ):
        said, ended = labrys(line, tmp_path, environment)
        assert ended == status, f"labrys {line}\n{said}"
    tried = {line.split()[0] for line, _ in LINES} | {"replay", "check", "report"}
    assert {*shown} - tried == {"bisect", "serve"}


def test_the_store_is_served(environment: Path, tmp_path: Path) -> None:
    assert labrys(f"run raft --faults none {SMALL}", tmp_path, environment)[1] in (0, 2)
    with subprocess.Popen(
        [environment / "labrys", "serve", "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE,
        text=True,
    ) as serving:  # fmt: skip
        try:
            assert serving.stdout is not None
            address = serving.stdout.readline().split()[0]
            with urllib.request.urlopen(address, timeout=20) as page:
                assert "raft" in page.read().decode()
        finally:
            serving.terminate()


@pytest.mark.parametrize("page", ["tutorial.md", "pytest.md"])
def test_a_page_followed_with_the_package(page: str, environment: Path, tmp_path: Path) -> None:
    assert follow(page, tmp_path, str(environment / "python"))


def test_the_source_distribution_is_the_same(
    environment: Path, built: Path, tmp_path: Path
) -> None:
    (source,) = built.glob("*.tar.gz")
    call(environment / "pip", "install", "--quiet", "--force-reinstall", "--no-deps", source)
    said, status = run(["labrys", "explore", "raft", "--seeds", "5"], tmp_path,
                       str(environment / "python"))  # fmt: skip
    assert status == 0, said
    said, status = run(["python", "-c", "import harness; print(harness.__file__)"], tmp_path,
                       str(environment / "python"))  # fmt: skip
    assert str(environment.parent) in said
