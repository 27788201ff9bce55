"""Programs of others are started, cut, killed and judged as our own systems are."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from examples.remote import Store
from harness import cli
from harness.environments.lab import namespaces_work
from tests.processes import ROOT, labrys

PAGE = ROOT / "docs" / "testing-your-system.md"

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(not namespaces_work(), reason="network namespaces cannot be made here"),
]

KEPT = """#!/bin/sh
# A node of tests/nodes/kept_store.py, started as the page has it.
first=${{6%%,*}}
primary=$first:${{2##*:}}
[ "$first" = "${{2%:*}}" ] || [ -n "$KEPT_ALONE" ] && primary=$2
exec {python} {root}/tests/nodes/kept_store.py "$2" "$primary" "$4/values"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the page has one save, and a program for it."""
    page = PAGE.read_text()
    kept, node = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (plan,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "kept.py").write_text(kept)
    (tmp_path / "node.py").write_text(node)
    (tmp_path / "plan.toml").write_text(plan)
    (tmp_path / "kept").write_text(KEPT.format(python=sys.executable, root=ROOT))
    (tmp_path / "kept").chmod(0o755)
    return tmp_path


COMMANDS = re.findall(r"^    ((?:[A-Z]+=\S+ )?labrys .*)$", PAGE.read_text(), re.MULTILINE)


def test_three_stores_that_know_nothing_of_each_other_are_convicted(folder: Path) -> None:
    line = "run kept:Kept --environment namespaces --nodes 3 --faults partition --time-limit 3"
    done = labrys(f"{line} --seed 1", folder, KEPT_ALONE="yes")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no order explains these" in done.stdout


def test_the_pages_store_keeps_its_promise_and_the_page_says_what_it_was(folder: Path) -> None:
    (line,) = [line for line in COMMANDS if "kept:Kept" in line]
    line = f"{line.removeprefix('labrys ')} --time-limit 10 --rate 100 --seed 2"
    done = labrys(line, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = folder.glob("store/*/*/report.html")
    page = report.read_text()
    for words in ("./kept --listen 10.77.0.11:4000", "not asked: its class has no version()"):
        assert words in page
    assert "who made a change last" in page


@pytest.mark.parametrize("nodes", [1, 3])
def test_the_pages_maelstrom_program_is_one_store_or_three(folder: Path, nodes: int) -> None:
    named = [line for line in COMMANDS if "node.py" in line and f"--nodes {nodes}" in line]
    (line,) = [line.removeprefix("labrys ") for line in named]
    done = labrys(f"{line} --time-limit 2 --rate 100 --seed 1", folder)
    assert done.returncode == (0 if nodes == 1 else 1), done.stdout + done.stderr


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_makes_sense(
    folder: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to the moment at which something would start."""

    class Enough(BaseException):
        pass

    def begin(*_: object, **__: object) -> None:
        raise Enough

    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(Store, "addresses", ("10.0.0.1:4000", "10.0.0.2:4000"))
    monkeypatch.setattr("harness.conduct.conduct", begin)
    monkeypatch.setattr("harness.nightly.night.Night.perform", begin)
    monkeypatch.setattr("harness.environments.lab.enter_user_namespace", lambda: None)
    words = shlex.split(line)
    words = words[words.index("labrys") :]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(Enough):
        cli.main()


def test_what_a_program_does_not_serve_is_refused_at_once(folder: Path) -> None:
    kept = folder / "kept.py"
    ports = "ports = (4000,)"
    fewer = f'{ports}\n    functions = ("read", "write")'
    kept.write_text(kept.read_text().replace(ports, fewer))
    done = labrys("run kept:Kept --environment namespaces", folder)
    assert done.returncode == 254
    assert "calls cas: the system 'kept:Kept' serves read, write" in done.stderr
    assert not (folder / "store").exists()


def test_a_program_that_does_not_start_is_one_sentence(folder: Path) -> None:
    (folder / "kept").write_text("#!/bin/sh\necho I am not well; exit 3\n")
    done = labrys("run kept:Kept --environment namespaces --faults none --seed 1", folder)
    assert done.returncode == 255, done.stdout + done.stderr
    assert "I am not well" in done.stderr
    assert done.stderr.count("\n") == 1
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, check=False)
    assert left.stdout == b""
