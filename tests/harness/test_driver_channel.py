"""What a user's connection raises becomes what is certain of the call, and nothing more."""

import asyncio
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checker.operation import Outcome
from harness.client import Client
from harness.clock import MILLISECOND_NS, SECOND_NS, RealClock
from harness.database import Connection, Database, Deployment, Place, Refused, Unsent
from harness.databases.driver import threads_noted
from harness.environments.local import LocalCluster
from harness.errors import HarnessError
from harness.recorder import Completion, Recorder
from harness.worker import Worker
from systems_under_test.requests import Reply
from tests.harness.fakes import FakeCluster
from workloads.register import RegisterCalls
from workloads.workload import Call, Shape

WRITE = Call("write", "k", 1)


class Line(Connection):
    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls = 0
        self.closed = False

    async def call(self, function: str, key: str, argument: Any) -> Any:
        self.calls += 1
        answer = self.answer(self.calls) if callable(self.answer) else self.answer
        if isinstance(answer, BaseException):
            raise answer
        if asyncio.iscoroutine(answer):
            return await answer
        return answer

    async def close(self) -> None:
        self.closed = True


class BlockingLine(Line):
    def call(self, function: str, key: str, argument: Any) -> Any:  # type: ignore[override]
        time.sleep(self.answer)
        return [function, key, argument]


class Lines(Database):
    ports = (1,)

    def __init__(self, line: Any) -> None:
        self.line = line
        self.lines: list[Line] = []

    async def connect(self, at: Place) -> Connection:
        made = self.line()
        if isinstance(made, Line):
            self.lines.append(made)
        return made  # type: ignore[no-any-return]


def invoke(
    line: Any, within_ns: int = 300 * MILLISECOND_NS
) -> tuple[Completion, Lines, Counter[str]]:
    """One write by a client of one node."""
    database, doubts = Lines(line), Counter[str]()
    clock = RealClock()
    deployment = Deployment(database=database, nodes=("n1",), seed=1, folder=Path(), clock=clock)
    places = {"n1": deployment.place("n1", Path(), {"n1": ("127.0.0.1", 1)}, ports=(1,))}

    async def run() -> Completion:
        client = Client(("n1",), database.channel(clock, places, doubts), clock, Random(1))
        completion = await client.invoke(WRITE, clock.now_ns() + within_ns)
        await client.close()
        return completion

    return clock.run(run()), database, doubts


def test_a_result_is_ok() -> None:
    completion, database, _ = invoke(lambda: Line(["a", {"b": None}]))
    assert (completion.outcome, completion.result) == (Outcome.OK, ["a", {"b": None}])
    assert database.lines[0].closed


@pytest.mark.parametrize("raised", [Refused("no quorum"), Unsent("no route")])
def test_what_certainly_had_no_effect_is_fail(raised: Exception) -> None:
    completion, _, doubts = invoke(lambda: Line(raised))
    assert completion.outcome is Outcome.FAIL
    assert not doubts


def test_a_refusal_is_asked_again_and_may_be_answered_then() -> None:
    completion, database, _ = invoke(
        lambda: Line(lambda n: Refused() if n < 3 else "done"), SECOND_NS
    )
    assert completion.outcome is Outcome.OK
    assert database.lines[0].calls == 3


@pytest.mark.parametrize(
    "raised",
    [ConnectionResetError("reset"), ValueError("what?"), ConnectionRefusedError(), OSError("x")],
)
def test_everything_else_is_in_doubt_and_never_sent_again(raised: Exception) -> None:
    completion, database, doubts = invoke(lambda: Line(raised))
    assert completion.outcome is Outcome.INFO
    assert sum(line.calls for line in database.lines) == 1
    assert database.lines[0].closed
    assert doubts == {f"{type(raised).__name__}: {raised}": 1}


def test_silence_is_in_doubt() -> None:
    completion, _, doubts = invoke(lambda: Line(lambda n: asyncio.sleep(9)))
    assert completion.outcome is Outcome.INFO
    assert doubts == {"timeout": 1}


def test_a_line_that_cannot_be_made_was_never_used() -> None:
    def refuse() -> Line:
        raise RuntimeError("the driver does not like the address")

    assert invoke(refuse)[0].outcome is Outcome.FAIL


def test_calls_that_block_run_in_a_thread_and_hold_nothing_up() -> None:
    completion, _, _ = invoke(lambda: BlockingLine(0.01))
    assert completion.result == ["write", "k", 1]
    began = time.monotonic()
    completion, _, _ = invoke(lambda: BlockingLine(3))
    assert completion.outcome is Outcome.INFO
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("result", [object(), {1: 2}, {"a": {3, 4}}, b"bytes"])
def test_a_result_that_is_not_json_is_named(result: Any) -> None:
    with pytest.raises(HarnessError, match="not a JSON value: return plain numbers"):
        invoke(lambda: Line(result))


def test_connect_must_return_a_connection() -> None:
    with pytest.raises(HarnessError, match="return a Connection"):
        invoke(lambda: "a socket")


def test_a_driver_that_is_not_installed_is_named() -> None:
    def connect() -> Line:
        raise ModuleNotFoundError("No module named 'kazoo'", name="kazoo.client")

    with pytest.raises(HarnessError, match=r"'kazoo': install .* with: pip install kazoo"):
        invoke(connect)


def test_what_a_thread_of_the_driver_raises_is_counted_and_not_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def call(_: int) -> str:
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        return "done"

    counted = Counter[str]()
    with threads_noted(counted):
        completion, _, _ = invoke(lambda: Line(call))
    assert completion.outcome is Outcome.OK
    assert counted == {"in a thread: ZeroDivisionError: division by zero": 1}
    assert capfd.readouterr().err == ""


def test_a_coroutine_that_blocks_the_harness_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.standstill.TICK_S", 0.05)

    async def sleeps() -> None:
        time.sleep(20)

    with pytest.raises(HarnessError, match=r"nothing has gone on for 0.6 s, because of sleeps\(\)"):
        invoke(lambda: Line(lambda n: sleeps()), 30 * SECOND_NS)


def test_a_harness_that_is_busy_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.standstill.TICK_S", 0.02)

    async def steps() -> str:
        for _ in range(40):
            time.sleep(0.01)
            await asyncio.sleep(0)
        return "done"

    assert invoke(lambda: Line(lambda n: steps()), 30 * SECOND_NS)[0].outcome is Outcome.OK


def test_programs_that_say_nothing_of_themselves_are_led_by_who_changed_something_last() -> None:
    cluster = LocalCluster(
        Deployment(
            database=Lines(None), nodes=("n1", "n2"), seed=1, folder=Path(), clock=RealClock()
        )
    )
    assert asyncio.run(cluster.leader()) is None
    cluster.changed_last = "n2"
    assert asyncio.run(cluster.leader()) == "n2"


def test_who_changed_something_last_is_who_answered_a_call_that_is_not_pure(tmp_path: Path) -> None:
    cluster = FakeCluster(3, serve=lambda node, request: Reply(request.sequence, 0))
    recorder = Recorder(tmp_path / "history.jsonl", cluster.clock)
    worker = Worker(0, 1, cluster, recorder, SECOND_NS, Random(1))
    calls = RegisterCalls(Random(1), Shape())
    cluster.clock.run(worker.make(Call("read", "k", pure=True), calls, "n1"))
    assert cluster.changed_last is None
    cluster.clock.run(worker.make(WRITE, calls, "n3"))
    assert cluster.changed_last == "n3"
