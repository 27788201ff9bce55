"""What is told of one thing is told in the singular, on the terminal and on pages."""

import ast
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from checker.wording import plural
from tests.harness.nights import plan
from tests.processes import ROOT, labrys

PACKAGES = ("harness", "checker", "systems_under_test", "workloads", "reports")

OTHERS = {
    "answers", "bytes", "cells", "configurations", "copies", "canaries", "commits", "entries",
    "events", "faults", "files", "findings", "lines", "links", "repeats", "runs", "samples",
    "seconds", "systems", "takes", "values", "violations", "writes", "reads", "kills", "pauses",
    "partitions", "processes",
}  # fmt: skip
"""Words that may follow a number, beside those that the code gives to `plural`."""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, ast.parse(path.read_text("utf-8"))


def counted() -> set[str]:
    """The plurals of the words that the code counts."""
    words = set(OTHERS)
    for _, tree in trees():
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "plural":
                texts = [a.value for a in call.args[1:] if isinstance(a, ast.Constant)]
                given = [text for text in texts if isinstance(text, str)]
                words |= {given[1] if len(given) > 1 else f"{given[0]}s"} if given else set()
    return {word.split()[-1] for word in words}


WRONG = re.compile(rf"(?<![\d.,:#-])\b1 (?:more |other |stored )?(?:{'|'.join(counted())})\b")


def wrong(text: str) -> list[str]:
    return [text[max(0, m.start() - 30) : m.end() + 10] for m in WRONG.finditer(text)]


def test_one_and_many() -> None:
    assert [plural(n, "kill") for n in (0, 1, 2, 3000)] == ["0 kills", "1 kill", "2 kills",
                                                            "3,000 kills"]  # fmt: skip
    assert [plural(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]
    assert wrong("0 of 1 seed, 21 seeds, 1.1 runs, 3,001 runs") == []
    for text in ("0 of 1 seeds", "and 1 more operations", "1 canaries"):
        assert len(wrong(text)) == 1


def test_one_function_alone_knows_how() -> None:
    """No s is added by hand, such as `{'s' * (n > 1)}` or `{'' if n == 1 else 's'}`."""
    by_hand = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if "'s'" in map(ast.unparse, _alternatives(node))
    ]
    assert by_hand == []


def _alternatives(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.IfExp():
            return [node.body, node.orelse]
        case ast.BinOp(op=ast.Mult()):
            return [node.left, node.right]
    return []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    (folder / "one.json").write_text(
        json.dumps([
            {"process": 0, "type": "invoke", "f": "write", "value": 1, "time": 1},
            {"process": 0, "type": "ok", "f": "write", "value": 1, "time": 2},
        ])
    )  # fmt: skip
    (folder / "stale.json").write_text(
        json.dumps([
            {"process": 0, "type": "invoke", "f": "read", "value": None, "time": 1},
            {"process": 0, "type": "ok", "f": "read", "value": 7, "time": 2},
        ])
    )  # fmt: skip
    plan(folder, system=None)
    return folder


ONE = "--clients 1 --keys 1 --time-limit 2 --rate 3"
CALM = f"--faults kill {ONE}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        f"run single --environment simulated --nodes 1 --faults kill {ONE} --store a",
        f"run raft --environment simulated --nodes 3 --faults none {ONE} --store b",
        "explore raft --seeds 1 --store c",
        "explore raft-stale-reads --seeds 40 --until-found --store d",
        f"compare a=single b=single --repeat 1 --environment simulated {CALM} --store e",
        "nightly plan.toml --budget 20s --store f",
        "check one.json --model register",
        "check stale.json --model register --html page.html",
    ],
)
def test_small_runs(line: str, folder: Path) -> None:
    ended = labrys(line, folder)
    assert ended.returncode in (0, 1, 2), ended.stderr
    assert wrong(ended.stdout + ended.stderr) == []


@pytest.mark.slow
def test_pages_of_small_runs(folder: Path) -> None:
    pages = sorted(folder.rglob("*.html"))
    assert len(pages) > 5
    for page in pages:
        body = re.sub(r"<(script|style)\b.*?</\1>", "", page.read_text("utf-8"), flags=re.DOTALL)
        assert wrong(html.unescape(re.sub(r"<[^>]+>", " ", body))) == [], page


def test_a_median_is_told_as_a_count_is() -> None:
    told = [plural(value, "version") for value in (1, 1.0, 2.0, 2.5, 3_000)]
    assert told == ["1 version", "1 version", "2 versions", "2.5 versions", "3,000 versions"]
