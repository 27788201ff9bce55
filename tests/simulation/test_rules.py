"""What makes runs repeat, as rules on the source: ruff's list of banned names, and two more."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OUTSIDE = {"campaign.py", "plugin.py", "shrink.py", "telling.py"}
"""Files of the simulator that stand around the simulated world."""

DRIVERS = {"connections.py", "driver.py", "journal.py", "serve.py"}


def simulated() -> list[Path]:
    """Every file that runs in the simulated world."""
    files = [path for path in (ROOT / "harness" / "simulation").glob("*.py")
             if path.name not in OUTSIDE]  # fmt: skip
    files += (ROOT / "harness" / "nemesis").glob("*.py")
    files += [ROOT / "harness" / f"{name}.py" for name in ("client", "observer", "run", "worker")]
    files += (ROOT / "workloads").glob("*.py")
    files += [p for p in (ROOT / "systems_under_test").rglob("*.py") if p.name not in DRIVERS]
    return sorted(files)


def broken(tree: ast.AST) -> Iterator[str]:
    """Calls of `id` and `hash`, and loops over what is plainly a set."""
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in ("id", "hash"):
            yield f"line {called.lineno}: {called.id}() differs from process to process"
        loops = [node] if isinstance(node, ast.For) else getattr(node, "generators", [])
        for loop in loops:
            over = loop.iter
            if isinstance(node, ast.SetComp):
                continue
            called = over.func if isinstance(over, ast.Call) else None
            named = isinstance(called, ast.Name) and called.id in ("set", "frozenset")
            if named or isinstance(over, ast.Set | ast.SetComp):
                yield f"line {over.lineno}: the order of a set differs from process to process"


@pytest.mark.parametrize("path", simulated(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_differs_from_process_to_process(path: Path) -> None:
    assert not list(broken(ast.parse(path.read_text(encoding="utf-8"))))


def test_the_rules_bite() -> None:
    code = "for x in {1, 2}: id(x)\n[y for y in set(z)]\n{y for y in set(z)}\nsorted({1})\nhash(1)"
    found = list(broken(ast.parse(code)))
    assert sorted(line.split(":")[0] for line in found) == ["line 1", "line 1", "line 2", "line 5"]


def test_ruff_bans_the_world_where_simulations_run() -> None:
    code = (
        "import time\nimport threading\nfrom random import choice\nfrom datetime import datetime\n"
    )
    for name, count in (("harness/run.py", 4), ("systems_under_test/ring/x.py", 4),
                        ("harness/environments/local.py", 0)):  # fmt: skip
        command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--no-cache"]
        ended = subprocess.run(
            [*command, "--output-format", "concise", "--stdin-filename", name, "-"],
            input=code, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.stdout.count("TID251") == count, ended.stdout + ended.stderr
