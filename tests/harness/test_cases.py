"""Histories from the field, each with the exit status that it must end with."""

import shlex
import sys
from pathlib import Path

import pytest

from harness import cli

CASES = Path(__file__).parents[1] / "histories" / "cases"

ROWS = [line.split("\t") for line in (CASES / "cases.tsv").read_text().splitlines()[1:]]

OF_TRANSACTIONS = {"list-append", "rw-register"}
"""Models of transactions, which are refused in a sentence that names what is missing."""


@pytest.mark.parametrize(
    ("name", "options", "status", "why"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS]
)
def test_cases(
    name: str, options: str, status: str, why: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    words = shlex.split(options)
    monkeypatch.setattr(sys, "argv", ["labrys", "check", *words, str(CASES / name)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    if OF_TRANSACTIONS & set(words):
        assert ended.value.code == 254
        assert "no model judges transactions" in said.err
        return
    assert ended.value.code == int(status), (why, said)
    assert "read as " in said.out


def test_calls_that_are_not_known_to_have_happened_are_nothing_to_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "failed.edn"
    path.write_text("[0 :invoke :write 1]\n[0 :fail :write 1]\n[1 :invoke :write 2]\n")
    monkeypatch.setattr(sys, "argv", ["labrys", "check", str(path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "no operation is known to have happened" in capsys.readouterr().out
