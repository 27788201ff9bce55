"""What nights remember: fingerprints; new, known or flaky; by what a canary is caught."""

import json
from pathlib import Path
from typing import Any

import pytest

from checker.anomalies.anomaly import AnomalyKind
from harness.catalogue import SYSTEMS
from harness.names import shown_by
from harness.nightly.finding import finding
from harness.nightly.job import Ended
from harness.nightly.memory import PastNights, Remembered
from harness.nightly.outcome import Ending, of_cell
from harness.nightly.plan import Cell, read_plan
from harness.nightly.schedule import Job
from harness.nightly.symptom import is_own, shape, symptom_of
from harness.simulation.simulate import NOT_LIVE
from tests.processes import ROOT

STALE = "Stale read: process 4 read 39 after 41 was acknowledged, while n4 was cut off from n1."


def record(day: int, outcome: str, **more: Any) -> dict[str, Any]:
    return {
        "labrys": "nightly run", "night": f"2026-11-{day:02}T02:00:00+00:00", "cell": "cell",
        "system": "raft", "workload": "register", "environment": "simulated", "outcome": outcome,
        "reason": STALE if outcome == "violation" else "", "anomaly": "", "corpus": False,
        "commit": f"c{day}", **more,
    }  # fmt: skip


MARK = symptom_of(record(1, "violation")).fingerprint


def test_failures_that_look_alike_have_one_fingerprint() -> None:
    other = record(2, "violation", reason=STALE.replace("39", "7").replace("n4", "n1"))
    assert symptom_of(other).fingerprint == MARK
    for change in ({"system": "paxos"}, {"workload": "set"}, {"reason": "Lost write: it is gone."}):
        assert symptom_of({**other, **change}).fingerprint != MARK


def test_a_record_of_before_has_the_anomaly_of_its_headline() -> None:
    assert symptom_of(record(1, "violation")).anomaly == "stale read"
    named = record(1, "violation", anomaly="stale read", reason="in other words")
    assert symptom_of(named).fingerprint == MARK
    assert symptom_of(record(1, "liveness failure")).anomaly == NOT_LIVE


def test_a_broken_invariant_is_known_again_by_its_sentence() -> None:
    said = "an invariant of the cluster is broken: Election Safety: {} and {} both led in term {}"
    one, other = (record(1, "violation", reason=said.format(*names))
                  for names in (("n1", "n2", 7), ("n5", "n3", 12)))  # fmt: skip
    assert symptom_of(one) == symptom_of(other)
    assert symptom_of(one).anomaly == "invariant of the cluster"
    assert "Election Safety" in symptom_of(one).location
    assert shape("Entry('x', 3) of n1, n2") == shape("Entry('y', 14) of n3")


@pytest.mark.parametrize(
    ("nights", "state", "counts", "last_green"),
    [
        ([], "new", (1, 1), ""),
        (["pass"], "new", (1, 1), "c1"),
        (["violation"], "known", (2, 2), ""),
        (["pass", "violation", "violation"], "known", (3, 3), "c1"),
        (["violation", "pass", "violation"], "flaky", (3, 4), "c2"),
        (["violation", "pass"], "flaky", (2, 3), "c2"),
        (["violation", "killed"], "known", (2, 3), ""),
        (["unknown"], "new", (1, 1), ""),
    ],
)
def test_new_known_or_flaky(
    nights: list[str], state: str, counts: tuple[int, int], last_green: str
) -> None:
    memory = PastNights(record(day, outcome) for day, outcome in enumerate(nights, 1))
    known = memory.remembered(MARK, ["cell"])
    assert (known.state, (known.seen, known.nights)) == (state, counts)
    assert known.last_green_commit == last_green
    first = nights.index("violation") + 1 if "violation" in nights else 0
    assert known.first_commit == (f"c{first}" if first else "")


def test_another_cell_that_was_green_makes_nothing_flaky() -> None:
    records = [record(1, "violation"), record(2, "pass", cell="another"), record(2, "violation")]
    assert PastNights(records).remembered(MARK, ["cell"]).state == "known"


def test_lines_that_are_not_of_nights_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert PastNights.read(path).remembered(MARK, ["cell"]) == Remembered("new")
    lines = ["no json", "[]", '{"labrys": "other"}', '{"labrys": "night", "began": 3}']
    lines += [json.dumps(record(1, "violation")), '{"labrys": "night", "failures": [3]}']
    path.write_text("\n".join(lines))
    assert PastNights.read(path).remembered(MARK, ["cell"]).state == "known"


def test_every_flaw_declares_what_it_shows() -> None:
    """By names of anomalies, or words that an invariant or an assertion of its system has."""
    sources = {
        family: " ".join(
            " ".join(path.read_text().replace('"\n', "").split()).replace('" f"', "")
            for path in (ROOT / "systems_under_test" / family).glob("*.py")
            if path.name not in ("flawed.py", "unsynced.py")
        )
        for family in ("raft", "paxos", "ring", "classics")
    }
    for name, system in SYSTEMS.items():
        shows = shown_by(name)
        assert bool(shows) == system.about.startswith("flawed"), name
        family = system.path.split(".")[1].partition(":")[0]
        for word in shows:
            known = word in {*AnomalyKind, NOT_LIVE}
            assert known or word in sources[family], f"{name}: {word!r}"


@pytest.mark.parametrize(
    ("anomaly", "reason", "own"),
    [
        ("stale read", STALE, True),
        ("not linearizable", "which mentions a stale read and Election Safety", False),
        ("broken invariant", "n2 ended: a broken invariant: election safety: ...", True),
        ("finding", "ZeroDivisionError: division by zero", False),
        (NOT_LIVE, "n1 did not serve", False),
    ],
)
def test_a_canary_is_caught_by_its_own_reason_alone(
    tmp_path: Path, anomaly: str, reason: str, own: bool
) -> None:
    shows = ("stale read", "Election Safety")
    assert is_own(shows, anomaly, reason) is own
    assert is_own((), anomaly, reason), "a flaw that declares nothing is caught by anything"
    cell = Cell("raft-stale-reads", "register", "drawn", "simulated", 4.0, True, (), shows)
    failed = {"seed": 3, "kind": anomaly, "anomaly": anomaly, "reason": reason}
    answer = {
        "verdict": "invalid", "seeds": 4, "strong": 4, "twice": 0, "seconds": 1.0, "kinds": {},
        "virtual_seconds": 9.0, "unknown": "", "failed": [failed], "differs": [], "kept": [],
    }  # fmt: skip
    found = finding(Job(cell, 3, 1.0), Ended(1, json.dumps(answer), "", 1.0), tmp_path)
    assert found.outcome is (Ending.CAUGHT if own else Ending.OTHERWISE)
    assert found.anomaly == anomaly
    outcome = of_cell([found.outcome], canary=True)
    assert outcome is (Ending.CAUGHT if own else Ending.MISSED)


def test_a_plan_may_say_by_what_its_canaries_are_caught(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    table = '[[canaries]]\nsystems = ["raft-stale-reads"]\nfaults = ["drawn"]\n'
    path.write_text(table)
    assert read_plan(path).cells[0].shows == shown_by("raft-stale-reads")
    path.write_text(table + 'shows = ["not live"]\n')
    assert read_plan(path).cells[0].shows == ("not live",)
