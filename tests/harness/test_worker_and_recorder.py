"""Workers and the recorder: what the history says is what happened, in the order it happened."""

import errno
import json
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checker.history import History
from checker.operation import Outcome
from harness.clock import SECOND_NS
from harness.cluster import NoAnswer
from harness.errors import HarnessError
from harness.recorder import LATE_NS, Completion, Recorder, Struck
from harness.worker import Pace, Worker
from systems_under_test.node import NodeId
from systems_under_test.requests import Reply, Request
from tests.harness.fakes import Answer, FakeClock, FakeCluster
from workloads.register import RegisterCalls
from workloads.workload import Call, Shape


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_invocation_is_on_disk_before_its_request_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    seen: list[int] = []

    def serve(node: NodeId, request: Request) -> Answer:
        if request.function == "write":
            seen.append(len([event for event in lines(path) if event.get("type") == "invoke"]))
        return Reply(request.sequence, 1)

    cluster = FakeCluster(serve=serve)
    recorder = Recorder(path, cluster.clock)
    worker = Worker(0, 1, cluster, recorder, SECOND_NS, Random(1))
    calls = RegisterCalls(Random(1), Shape())
    cluster.clock.run(worker.make_all([(Call("write", "x", n), None) for n in range(3)], calls))
    assert seen == [1, 2, 3]


def test_after_info_the_worker_goes_on_as_a_new_process_with_a_new_client(tmp_path: Path) -> None:
    answers = iter([True, False, True])

    def serve(node: NodeId, request: Request) -> Answer:
        if request.function == "open" or next(answers, True):
            return Reply(request.sequence, 1)
        return NoAnswer()

    cluster = FakeCluster(serve=serve)
    recorder = Recorder(tmp_path / "history.jsonl", cluster.clock)
    # A deadline as long as one attempt, so that the silent one is not tried again.
    worker = Worker(2, 10, cluster, recorder, SECOND_NS, Random(1))
    calls = RegisterCalls(Random(1), Shape())
    cluster.clock.run(worker.make_all([(Call("write", "x", n), None) for n in range(3)], calls))
    operations = History.read(tmp_path / "history.jsonl").operations
    assert [(op.process, op.outcome) for op in operations] == [
        (2, Outcome.OK),
        (2, Outcome.INFO),
        (12, Outcome.OK),
    ]
    assert [channel.closed for channel in cluster.channels] == [True, False]


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    clock = FakeClock()
    recorder = Recorder(tmp_path / "history.jsonl", clock)
    recorder.phase("calls")
    recorder.invoke(0, Call("cas", "clé", [None, {"a": [1]}]))
    clock.moment_ns = 5
    recorder.inject(1, "kill-one", 3, Struck("killed n1"))
    recorder.complete(0, Completion(Outcome.OK, None, "n2", None, ("n2",)))
    recorder.heal(1)
    recorder.close()
    history = History.read(tmp_path / "history.jsonl")
    (operation,) = history.operations
    assert (operation.function, operation.key) == ("cas", "clé")
    assert operation.argument == [None, {"a": [1]}]
    assert (operation.result, operation.outcome) == (None, Outcome.OK)
    (span,) = history.faults
    assert (span.name, span.detail) == ("kill-one", "killed n1")


def test_a_full_disk_is_one_sentence_and_the_history_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "history.jsonl", FakeClock())
    recorder.invoke(0, Call("read", "x"))

    def full(file: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(HarnessError, match=r"disk under .* is full.*make room"):
        recorder.complete(0, Completion(Outcome.OK))
    monkeypatch.undo()
    assert len(History.read(tmp_path / "history.jsonl").operations) == 1


def test_a_short_write_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may take less than it was given; half an event must not stay."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:3]))
    recorder = Recorder(tmp_path / "history.jsonl", FakeClock())
    recorder.invoke(4, Call("read", "x"))
    monkeypatch.undo()
    assert lines(tmp_path / "history.jsonl")[1]["process"] == 4


def test_a_rate_is_kept_on_average_and_missed_moments_are_not_made_up_for() -> None:
    clock = FakeClock()
    pace = Pace(100, clock, Random(3))

    async def wait(times: int) -> None:
        for _ in range(times):
            await pace.wait()

    clock.run(wait(2_000))
    assert clock.now_ns() / SECOND_NS == pytest.approx(20, rel=0.1)
    clock.moment_ns += 60 * SECOND_NS
    before_ns = clock.now_ns()
    clock.run(wait(100))
    assert clock.now_ns() - before_ns > 0.5 * SECOND_NS, "a burst followed the gap"


@pytest.mark.parametrize("values", ["counters", "repeated:5", "documents"])
def test_calls_are_drawn_from_the_seed_alone(values: str) -> None:
    def drawn() -> list[Call]:
        calls = RegisterCalls(Random(5), Shape(values, 3, 10))
        made = []
        for _ in range(300):
            made.append(calls.next())
            calls.saw(made[-1], made[-1].argument)
        return [*made, *calls.final()]

    assert drawn() == drawn()
    assert {call.function for call in drawn()} == {"read", "write", "cas"}


def test_values_are_distinct_within_a_key_and_keys_retire() -> None:
    calls = RegisterCalls(Random(5), Shape("counters", 3, 10))
    written: dict[str, list[Any]] = {}
    counts: dict[str, int] = {}
    for _ in range(3_000):
        call = calls.next()
        counts[call.key] = counts.get(call.key, 0) + 1
        if call.function == "write":
            written.setdefault(call.key, []).append(call.argument)
        elif call.function == "cas":
            written.setdefault(call.key, []).append(call.argument[1])
    assert all(len(values) == len(set(values)) for values in written.values())
    assert max(counts.values()) == 10


def recorder_in(folder: Path) -> tuple[Recorder, FakeClock]:
    clock = FakeClock()
    return Recorder(folder / "history.jsonl", clock), clock


def test_the_recorder_refuses_processes_that_call_out_of_turn(tmp_path: Path) -> None:
    recorder, _ = recorder_in(tmp_path)
    with pytest.raises(HarnessError, match="completed an operation that it never began"):
        recorder.complete(1, Completion(Outcome.OK))
    recorder.invoke(1, Call("read", "x"))
    with pytest.raises(HarnessError, match="while it has one open"):
        recorder.invoke(1, Call("read", "x"))
    recorder.complete(1, Completion(Outcome.FAIL))
    recorder.invoke(1, Call("read", "x"))
    recorder.complete(1, Completion(Outcome.INFO))
    with pytest.raises(HarnessError, match="does not know how its last ended"):
        recorder.invoke(1, Call("read", "x"))
    assert len(History.read(tmp_path / "history.jsonl").operations) == 2


def test_the_recorder_refuses_a_clock_that_goes_back(tmp_path: Path) -> None:
    recorder, clock = recorder_in(tmp_path)
    clock.moment_ns = 1_000
    recorder.invoke(1, Call("read", "x"))
    clock.moment_ns = 999
    with pytest.raises(HarnessError, match="clock went back by 1 ns"):
        recorder.complete(1, Completion(Outcome.OK))


def test_the_recorder_counts_what_came_late_and_who_was_asked(tmp_path: Path) -> None:
    recorder, clock = recorder_in(tmp_path)
    recorder.phase("calls")
    for process, late_ns in enumerate((0, LATE_NS, LATE_NS + 1)):
        recorder.invoke(process, Call("read", "x"))
        answered_ns = clock.moment_ns
        clock.moment_ns += late_ns
        completion = Completion(Outcome.OK, asked=("n1", "n2"), answered_ns=answered_ns)
        recorder.complete(process, completion)
    assert recorder.counted() == {
        "operations": 3, "completions": 3, "late": 1, "asked": {"calls": {"n1": 3, "n2": 3}},
        "outcomes": {"ok": 3},
    }  # fmt: skip
