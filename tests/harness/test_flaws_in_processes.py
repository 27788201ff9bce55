"""The script that measures how soon real runs convict each flaw."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import flaws_in_processes
from harness.config import RunConfig
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import simulate

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


def test_the_fault_that_is_made_for_one_flaw_strikes_and_is_healed() -> None:
    text = "wait 0.5; 2 * (examples.overtaken:Overtaken 2.5; wait 1.5)"
    config = RunConfig(system="ring", environment="simulated", nodes=4, workload="append",
                       rate=50.0, time_limit=9.0, schedule=text)  # fmt: skip
    found = simulate(scenario_of(config))
    assert not found.kind, found.reason
    struck = [fault for fault in found.history.faults if fault.name == "overtaken"]
    assert [fault.applied for fault in struck] == [True, True]
    assert all("n2 and n3 apart" in fault.detail for fault in struck)
    assert all("removed n1: the members are n2, n3, n4" in fault.detail for fault in struck)
