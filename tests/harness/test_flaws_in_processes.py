"""The script that measures how soon real runs convict each flaw."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import flaws_in_processes

HERE = "--environment simulated --faults partition --time-limit 8 --rate 50"
"""The script's runs are real ones; those of the simulator are as good to be read."""


def test_a_line_says_which_run_convicts_and_of_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = f"{HERE} --require max<=1us"
    monkeypatch.setitem(flaws_in_processes.OPTIONS, "ring-one", asked)
    file = tmp_path / "kept.jsonl"
    monkeypatch.setattr(sys, "argv", ["flaws", "ring-one", "--keep", str(file)])
    flaws_in_processes.main()
    told = capsys.readouterr().out
    assert told == f"`ring-one` | `{asked}` | 1 | not linearizable, requirement missed\n"

    monkeypatch.setattr(flaws_in_processes, "RUNS", 0)  # It is known already.
    flaws_in_processes.main()
    assert capsys.readouterr().out == told
    monkeypatch.setitem(flaws_in_processes.OPTIONS, "ring-one", HERE)  # It has to be done again.
    flaws_in_processes.main()
    assert capsys.readouterr().out == f"`ring-one` | `{HERE}` | none of 0 | –\n"
