"""The verdict of a run is the worst of what its files tell, and says which part it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.judge import judge
from harness.store import RunDirectory
from tests.reports import sample_runs

SERVED = {"passed": True, "detail": "every node served again", "recovery_ns": 1}


@pytest.fixture
def stored(tmp_path: Path) -> RunDirectory:
    """A valid run, as the harness leaves it before the checker begins."""
    path = sample_runs.standard(tmp_path, operations=2_000)
    return RunDirectory(path)


def change(directory: RunDirectory, name: str, **values: Any) -> None:
    path = directory.path / name
    known = json.loads(path.read_text()) if path.exists() else {"version": 1}
    path.write_text(json.dumps({**known, **values}))


def judged(directory: RunDirectory) -> tuple[str, str]:
    result = judge(directory)
    assert json.loads(directory.result.read_text()) == json.loads(json.dumps(result))
    return result["verdict"], result["reason"]


def test_a_sound_run_is_valid(stored: RunDirectory) -> None:
    change(stored, "observations.json", liveness=SERVED, findings=[])
    assert judged(stored)[0] == "valid"


def test_a_node_that_did_not_serve_again_convicts(stored: RunDirectory) -> None:
    told = {"passed": False, "detail": "not served within 30 s of healing: read at n3"}
    change(stored, "observations.json", liveness=told, findings=[])
    assert judged(stored) == ("invalid", told["detail"])


def test_silence_while_the_harness_stood_still_convicts_nobody(stored: RunDirectory) -> None:
    told = {"passed": False, "detail": "not served within 30 s of healing: read at n3"}
    change(stored, "observations.json", liveness={**told, "stalled_ns": 4_200_000_000}, findings=[])
    verdict, reason = judged(stored)
    assert verdict == "unknown"
    assert "the harness itself stood still for 4.2 s" in reason


def test_a_node_that_ended_of_itself_convicts(stored: RunDirectory) -> None:
    words = "n2 ended though nobody killed it: AssertionError"
    change(stored, "observations.json", liveness=SERVED, findings=[words])
    assert judged(stored) == ("invalid", words)


def test_a_run_that_was_killed_is_judged_but_never_valid(stored: RunDirectory) -> None:
    (stored.path / "observations.json").unlink(missing_ok=True)
    verdict, reason = judged(stored)
    assert verdict == "unknown"
    assert "ended before every node could be asked" in reason


def test_a_planned_family_that_never_struck_leaves_the_verdict_open(stored: RunDirectory) -> None:
    change(stored, "observations.json", liveness=SERVED, findings=[])
    lines = stored.history.read_text().splitlines(keepends=True)
    stored.history.write_text(
        "".join(line for line in lines if json.loads(line).get("process") != "nemesis")
    )
    verdict, reason = judged(stored)
    assert verdict == "unknown"
    assert "partition applied: 0 times" in reason


def test_a_kind_of_call_that_never_succeeded_leaves_the_verdict_open(stored: RunDirectory) -> None:
    change(stored, "observations.json", liveness=SERVED, findings=[])
    events = [json.loads(line) for line in stored.history.read_text().splitlines()]
    # Every CAS ends without an answer: what it may have done is possible, so nothing is violated.
    kept: list[dict[str, Any]] = []
    pending: dict[Any, str] = {}
    for event in events:
        if event.get("type") == "invoke":
            pending[event["process"]] = event["function"]
        elif event.get("type") == "ok" and pending.get(event["process"]) == "cas":
            continue
        kept.append(event)
    fresh = _fresh_processes(kept)
    stored.history.write_text("".join(json.dumps(event) + "\n" for event in fresh))
    verdict, reason = judged(stored)
    assert verdict == "unknown"
    assert "cas answered during faults: 0 ok" in reason


def _fresh_processes(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each invocation a process of its own, so that unanswered ones do not collide."""
    count = 0
    current: dict[Any, int] = {}
    renamed = []
    for event in events:
        if event.get("type") == "invoke":
            count += 1
            current[event["process"]] = count
        if event.get("type") in ("invoke", "ok", "fail", "info"):
            event = {**event, "process": current[event["process"]]}
        renamed.append(event)
    return renamed


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("run.json", "{", "cannot read"),
        ("run.json", "[]", "not a file of a run"),
        ("run.json", '{"version": 99}', "use the newer Labrys"),
        ("run.json", '{"version": 1}', "is damaged: it has no 'workload'"),
        ("observations.json", "{", "cannot read"),
    ],
)
def test_damaged_files_are_named(stored: RunDirectory, name: str, text: str, words: str) -> None:
    (stored.path / name).write_text(text)
    with pytest.raises(UsageError, match=words):
        judge(stored)


def test_the_one_error_of_all_calls_comes_first(stored: RunDirectory) -> None:
    change(stored, "observations.json", liveness=SERVED, findings=[])
    events = [json.loads(line) for line in stored.history.read_text().splitlines()]
    for event in events:
        if event.get("type") in ("ok", "info"):
            event |= {"type": "fail", "error": "connection-refused"}
        elif event.get("type") == "fail":
            event["error"] = "connection-refused"
    stored.history.write_text("".join(json.dumps(event) + "\n" for event in events))
    verdict, reason = judged(stored)
    assert verdict == "unknown"
    assert reason.startswith("all 2,000 calls got the same error: connection-refused; ")


def test_a_violation_is_told_by_its_name(tmp_path: Path) -> None:
    directory = RunDirectory(sample_runs.SAMPLES["invalid"](tmp_path / "run"))
    assert judged(directory) == (
        "invalid",
        "Stale read: process 902 read 17 after 18 was acknowledged, "
        "while n1 was cut off from all others.",
    )
