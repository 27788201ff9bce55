"""Open loop: calls come when they are due, and latencies count from then."""

from typing import Any

import pytest

from checker.statistics import summarize
from harness.config import RunConfig
from harness.errors import OptionError
from harness.simulation.scenario import scenario_of
from harness.simulation.simulate import Simulated, simulate

RATE, SECONDS = 100.0, 4.0


def run(**options: Any) -> Simulated:
    usual: dict[str, Any] = {
        "system": "single", "environment": "simulated", "nodes": 1, "clients": 30, "seed": 4,
        "faults": ("kill",), "fault_interval": 4.0, "rate": RATE, "time_limit": SECONDS,
        "open_loop": True,
    }  # fmt: skip
    return simulate(scenario_of(RunConfig(**{**usual, **options})), most_events=None)


def test_what_is_due_does_not_depend_on_what_was_answered() -> None:
    many, few = run(), run(clients=2)
    due = [found.observed.arrivals["due"] for found in (many, few)]
    assert due[0] == due[1]
    assert 0.75 * RATE * SECONDS < due[0] < 1.25 * RATE * SECONDS
    assert few.observed.arrivals["late"] > many.observed.arrivals["late"]


def test_a_node_that_is_away_is_felt_by_all_that_was_due_meanwhile() -> None:
    """Two clients remember two slow calls; corrected, each call counts that had to wait."""
    found = run(clients=2)
    recorded_ns = summarize(found.history).overall_latency_ns
    corrected_ns = found.observed.arrivals["corrected_ns"]
    assert corrected_ns["p90"] > 10 * recorded_ns["p90"]
    assert corrected_ns["max"] >= recorded_ns["max"]


def test_clients_come_and_go() -> None:
    found = run(session_calls=10, faults=())
    begun, sessions = (found.observed.arrivals[name] for name in ("begun", "sessions"))
    assert 30 + begun / 20 < sessions < 30 + begun / 5
    processes = {o.process for o in found.history.operations}
    assert len(processes) > 40
    assert found.kind == ""


def test_options_that_make_no_sense() -> None:
    with pytest.raises(OptionError, match="open_loop needs a rate"):
        RunConfig(system="raft", open_loop=True)
    with pytest.raises(OptionError, match="session_calls has no effect without an open loop"):
        RunConfig.asked({"system": "raft", "session_calls": 5})
