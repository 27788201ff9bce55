"""An object without keys is not told of as the key None."""

import re
from pathlib import Path
from typing import Any

import pytest

from checker import check
from checker.history import History
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from checker.weaker.guarantees import guarantees
from checker.wording import of_key, on_key

CHECKER = Path(__file__).parents[2] / "checker"

REGISTER = [("write", 1, 1), ("write", 2, 2), ("read", None, 1)]
WRONG: list[tuple[str, str, list[tuple[str, Any, Any]]]] = [
    ("cas-register", "auto", REGISTER),
    ("cas-register", "search", REGISTER),
    ("cas-register", "zones", REGISTER),
    ("queue", "auto", [("enqueue", 1, None), ("enqueue", 2, None), ("dequeue", None, 2)]),
    ("stack", "auto", [("push", 1, None), ("push", 2, None), ("pop", None, 1)]),
    ("total-queue", "auto", [("enqueue", 1, None), ("dequeue", None, 2)]),
    ("set-full", "auto", [("add", 1, None), ("read", None, [2])]),
    ("set-full", "auto", [("add", 1, None)]),
    ("total-queue", "auto", [("enqueue", 1, None)]),
    ("list", "auto", [("append", 1, None), ("read", None, [2])]),
    ("mutex", "auto", [("acquire", None, None), ("acquire", None, None)]),
    ("counter", "auto", [("add", 1, None), ("read", None, 5)]),
    ("unique-ids", "auto", [("generate", None, 1), ("generate", None, 1)]),
]


def history(calls: list[tuple[str, Any, Any]]) -> History:
    return History([
        Operation(
            process=number, function=function, key=None, argument=argument, result=result,
            outcome=Outcome.OK, invoked=2 * number, completed=2 * number + 1,
            invoked_ns=2 * number, completed_ns=2 * number + 1,
        )
        for number, (function, argument, result) in enumerate(calls)
    ])  # fmt: skip


@pytest.mark.parametrize(("model", "engine", "calls"), WRONG)
def test_verdicts(model: str, engine: str, calls: list[tuple[str, Any, Any]]) -> None:
    result = check(history(calls), MODELS[model](), engine=engine)
    assert result.verdict is not Verdict.VALID
    said = [result.reason, *result.explanation]
    assert result.reason
    assert not re.search(r"\bkey\b|None:", " ".join(said)), said


def test_weaker_guarantees() -> None:
    said = " ".join(result.reason for result in guarantees(history(REGISTER)).values())
    assert "None" not in said


def test_the_clauses_of_keys() -> None:
    assert (of_key("x", "it is lost"), of_key(None, "it is lost")) == (
        "key 'x': it is lost",
        "it is lost",
    )
    assert (on_key("x"), on_key("x", "of"), on_key(None)) == (" on key 'x'", " of key 'x'", "")


def test_nobody_else_words_them() -> None:
    by_hand = re.compile(r"""(?<!the )\bkey \{[^{}]*!r[^{}]*\}(?::| by)""")
    found = [
        f"{path.relative_to(CHECKER)}: {match[0]}"
        for path in sorted(CHECKER.rglob("*.py"))
        for match in by_hand.finditer(path.read_text("utf-8"))
    ]
    assert found == ["wording.py: key {key!r}:"]
