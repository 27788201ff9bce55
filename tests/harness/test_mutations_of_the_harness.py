"""A harness that errs, or asks too little, never calls a system valid: each way is found by name.

Each test breaks one thing in the harness and carries out a run of a sound system, which ends as
`valid` while nothing is broken. What a mutation breaks in the real environments is broken there.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checker.history import History, MalformedHistory
from checker.operation import Outcome
from checker.verdict import Result, Verdict
from harness.client import Client
from harness.clock import MILLISECOND_NS, SECOND_NS, Clock
from harness.cluster import Link, NodeState
from harness.conduct import conduct
from harness.config import RunConfig
from harness.environments.firewall import Firewall
from harness.environments.local import LocalCluster
from harness.environments.tcp_cluster import TcpCluster
from harness.errors import EnvironmentFailed, HarnessError
from harness.judge import judge
from harness.nemesis.nodes import Kill
from harness.nemesis.partition import Partition
from harness.recorder import Completion, Recorder
from harness.run import Run
from harness.simulation.cluster import SimulatedCluster
from harness.store import RunDirectory
from harness.worker import Worker
from systems_under_test.node import NodeId
from tests.harness.deployments import deployment
from workloads.workload import Call, Workload

NODES = ("n1", "n2", "n3")

Patch = pytest.MonkeyPatch


def outcome(tmp_path: Path, **options: Any) -> tuple[str, str]:
    """Carry out a run in the simulator; its verdict and reason, or "failed" and the sentence."""

    def unseen(config: RunConfig, recorder: Recorder) -> AbstractContextManager[None]:
        return nullcontext()

    config = RunConfig(
        **{
            "system": "raft", "environment": "simulated", "nodes": 3, "clients": 5,
            "faults": ("partition", "kill"), "fault_interval": 1.0, "time_limit": 5.0,
            "rate": 200.0, "seed": 4,
            **options,
        }
    )  # fmt: skip
    try:
        directory = conduct(config, tmp_path, unseen)
        result = judge(RunDirectory(directory.path))
    except (HarnessError, MalformedHistory) as error:
        return "failed", str(error)
    return result["verdict"], result["reason"]


def expect(verdict: str, reason: str, tmp_path: Path, **options: Any) -> None:
    """Carry out such a run, which must end so, and with these words in its reason."""
    ended, why = outcome(tmp_path, **options)
    assert ended == verdict
    assert reason in why


@pytest.mark.parametrize("options", [{}, {"system": "ring"}, {"operation_timeout": 0.2, "seed": 5}])
def test_without_a_mutation_the_runs_are_valid(tmp_path: Path, options: dict[str, Any]) -> None:
    assert outcome(tmp_path, **options)[0] == "valid"


@pytest.mark.parametrize("fault", [Kill, Partition])
def test_faults_that_are_recorded_but_not_applied(
    tmp_path: Path, monkeypatch: Patch, fault: type
) -> None:
    async def inject(self: Any, cluster: Any, random: Any) -> str:
        return "killed n1, as the history says"

    monkeypatch.setattr(fault, "inject", inject)
    expect(
        "unknown",
        f"{fault.family} applied: 0 times, and 5 times without an effect",
        tmp_path,
        faults=("isolate-leader", "kill-leader"),
    )


def test_cuts_that_cut_nothing(tmp_path: Path, monkeypatch: Patch) -> None:
    async def cut(self: Any, links: Sequence[Link]) -> None:
        pass

    monkeypatch.setattr(SimulatedCluster, "_cut", cut)
    expect("failed", "were cut and messages still get through", tmp_path)


def test_kills_that_kill_nothing(tmp_path: Path, monkeypatch: Patch) -> None:
    async def kill(self: Any, nodes: Sequence[NodeId]) -> None:
        pass

    monkeypatch.setattr(SimulatedCluster, "_kill", kill)
    expect("failed", "was killed and goes on living", tmp_path)


def test_completions_that_are_written_late(tmp_path: Path, monkeypatch: Patch) -> None:
    invoke = Client.invoke

    async def invoke_late(self: Client, *arguments: Any, **more: Any) -> Completion:
        completion = await invoke(self, *arguments, **more)
        await self._clock.sleep_until_ns(self._clock.now_ns() + 50 * MILLISECOND_NS)
        return completion

    monkeypatch.setattr(Client, "invoke", invoke_late)
    expect("unknown", "completions recorded on time", tmp_path)


def test_a_process_that_is_used_again_after_info(tmp_path: Path, monkeypatch: Patch) -> None:
    make = Worker.make

    async def make_as_before(self: Worker, *arguments: Any, **more: Any) -> Completion:
        process = self._process
        completion = await make(self, *arguments, **more)
        self._process = process
        return completion

    monkeypatch.setattr(Worker, "make", make_as_before)
    expect("failed", "does not know how its last ended", tmp_path, operation_timeout=0.2)


def test_a_clock_that_goes_backwards(tmp_path: Path, monkeypatch: Patch) -> None:
    begin = Recorder._begin

    class Earlier:
        """What the recorder reads; the simulator itself could not go on with such a clock."""

        def __init__(self, clock: Clock) -> None:
            self.clock = clock

        def now_ns(self) -> int:
            now_ns = self.clock.now_ns()
            return now_ns - (SECOND_NS if now_ns > 2 * SECOND_NS else 0)

    monkeypatch.setattr(Recorder, "_begin", lambda self, clock: begin(self, Earlier(clock)))  # type: ignore[arg-type]
    expect("failed", "clock went back", tmp_path)


@pytest.mark.parametrize("every", [500, 50])
def test_completions_that_are_lost_now_and_then(
    tmp_path: Path, monkeypatch: Patch, every: int
) -> None:
    """Whatever comes next shows it: another call of that process, or the count in the end."""
    write, written = Recorder._write, 0

    def write_most(self: Recorder, event: dict[str, Any]) -> None:
        nonlocal written
        written += event["type"] in ("ok", "fail", "info") if "type" in event else 0
        if written >= every and event["type"] == "ok":
            written = 0
            return
        write(self, event)

    monkeypatch.setattr(Recorder, "_write", write_most)
    ended, why = outcome(tmp_path, seed=5, rate=0.0)
    assert ended != "valid"
    assert "calls again before line" in why or "all completions kept" in why


def test_a_completion_that_is_lost_at_the_end(tmp_path: Path, monkeypatch: Patch) -> None:
    """Nothing comes after it that could show it, but for the count."""
    complete = Recorder.complete

    def complete_unwritten(self: Recorder, process: int, completion: Completion) -> None:
        if self.phase_name == "final reads":
            monkeypatch.setattr(Recorder, "_write", lambda self, event: None)
        complete(self, process, completion)
        monkeypatch.setattr(Recorder, "_write", write)

    write = Recorder._write
    monkeypatch.setattr(Recorder, "complete", complete_unwritten)
    expect("unknown", "all completions kept", tmp_path, clients=9, keys=1)


def test_events_that_are_swapped(tmp_path: Path, monkeypatch: Patch) -> None:
    """Every hundredth is written after the one that follows it."""
    write, kept, count = Recorder._write, [], 0

    def write_later(self: Recorder, event: dict[str, Any]) -> None:
        nonlocal count
        count += 1
        if count % 100 == 0:
            kept.append(event)
            return
        write(self, event)
        while kept:
            write(self, kept.pop())

    monkeypatch.setattr(Recorder, "_write", write_later)
    ended, why = outcome(tmp_path)
    assert ended != "valid"
    assert "events in order of time" in why or "line" in why


def test_clients_that_only_read(tmp_path: Path) -> None:
    expect("unknown", "write answered during faults: 0 ok", tmp_path, reads=100)


def test_writes_that_all_fail(tmp_path: Path, monkeypatch: Patch) -> None:
    invoke = Client.invoke

    async def invoke_reads(self: Client, call: Call, *arguments: Any, **more: Any) -> Completion:
        if call.pure or (self._sequence > 20 and call.function == "cas"):
            return await invoke(self, call, *arguments, **more)
        return Completion(Outcome.FAIL, error="refused")

    monkeypatch.setattr(Client, "invoke", invoke_reads)
    ended, why = outcome(tmp_path)
    assert ended != "valid"
    assert "write" in why


def test_one_client_alone(tmp_path: Path) -> None:
    expect("unknown", "operations overlap: 0 operations", tmp_path, clients=1)


def test_a_checker_that_believes_everything(tmp_path: Path, monkeypatch: Patch) -> None:
    def check_nothing(self: Workload, history: History, *limits: Any, **more: Any) -> Result:
        counts = {"operations": len(history), "keys": len(history.columns.keys)}
        return Result(verdict=Verdict.VALID, algorithm="faith", statistics=counts)

    monkeypatch.setattr(Workload, "check", check_nothing)
    reason = "errors could have been caught: 0 of 20 mutated copies of the history convicted"
    expect("unknown", reason, tmp_path)


def half_of(history: History) -> History:
    columns = history.columns
    kept = columns.rows(columns.key < len(columns.keys) // 2)
    return History(faults=history.faults, phases=history.phases, columns=kept)


def test_half_the_keys_checked(tmp_path: Path, monkeypatch: Patch) -> None:
    check = Workload.check

    def check_half(self: Workload, history: History, *limits: Any, **more: Any) -> Result:
        return check(self, half_of(history), *limits, **more)

    monkeypatch.setattr(Workload, "check", check_half)
    expect("unknown", "all operations judged", tmp_path)


def test_half_the_keys_read(tmp_path: Path, monkeypatch: Patch) -> None:
    read = History.read
    monkeypatch.setattr(History, "read", lambda path: half_of(read(path)))
    expect("unknown", "all operations kept", tmp_path)


def test_all_clients_at_one_node(tmp_path: Path, monkeypatch: Patch) -> None:
    """But for those that ask in the end whether every node serves again."""
    begin: Callable[..., None] = Client.__init__

    def begin_with_one(self: Client, nodes: Sequence[NodeId], *others: Any) -> None:
        begin(self, nodes[:1], *others)

    monkeypatch.setattr(Client, "__init__", begin_with_one)
    monkeypatch.setattr(Client, "_next_node", lambda self: self._preferred)
    expect("unknown", "every node asked: never asked: n2, n3", tmp_path, system="ring")


def test_recovery_that_is_skipped(tmp_path: Path, monkeypatch: Patch) -> None:
    async def recover(self: Run, calls: Any) -> None:
        self._seen.liveness = {"passed": True, "detail": "served at once", "recovery_ns": 1}

    monkeypatch.setattr(Run, "_recover", recover)
    expect("unknown", "every node served again", tmp_path)


# --- the same in the real environments ------------------------------------------------------------


def test_real_controls_that_control_nothing(
    kind: type[TcpCluster], tmp_path: Path, monkeypatch: Patch
) -> None:
    async def nothing(self: Any, hit: Sequence[Any]) -> None:
        pass

    async def said_only(self: Any, nodes: Sequence[NodeId]) -> None:
        self._states.update(dict.fromkeys(nodes, NodeState(paused=True)))

    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "nodes"))
    monkeypatch.setattr(kind, "_kill", nothing)
    monkeypatch.setattr(kind, "_pause", said_only)
    if kind is not LocalCluster:
        monkeypatch.setattr(Firewall, "_adding", lambda self, links: "")
    else:
        monkeypatch.setattr(kind, "_cut", nothing)
    monkeypatch.setattr("harness.cluster.HEEDS_WITHIN_NS", 100 * MILLISECOND_NS)

    async def scenario() -> None:
        cluster = kind(deployment("tiny_system:Tiny", NODES, tmp_path))
        async with cluster:
            with pytest.raises(EnvironmentFailed, match="n1 was killed and goes on living"):
                await cluster.kill(["n1"])
            with pytest.raises(EnvironmentFailed, match="n2 was paused and runs on"):
                await cluster.pause(["n2"])
            with pytest.raises(EnvironmentFailed, match="2 links were cut and messages still get"):
                await cluster.cut([("n1", "n3"), ("n3", "n1")])

    asyncio.run(scenario())


def test_real_controls_that_control(kind: type[TcpCluster], tmp_path: Path) -> None:
    """A cut link is seen although the nodes of this store have nothing to say to each other."""

    async def scenario() -> None:
        cluster = kind(deployment("systems_under_test.single:Single", NODES, tmp_path))  # fmt: skip
        async with cluster:
            await cluster.cut([("n2", "n3")])
            await cluster.pause(["n2"])
            await cluster.kill(["n2", "n3"])
            await cluster.pause(["n3"])
            await cluster.kill(["n3"])
        shown = [(effect.capability, effect.nodes) for effect in cluster.effects]
        assert shown == [
            ("cut", ("n2",)), ("pause", ("n2",)), ("kill", ("n2",)), ("kill", ("n3",)),
        ]  # fmt: skip

    asyncio.run(scenario())


def test_the_mutations_leave_the_columns_alone() -> None:
    """`half_of` keeps whole keys, or it would show something else than what it is meant to."""
    columns = half_of(_two_keys()).columns
    assert np.unique(columns.key).tolist() == [0]
    assert len(columns) == 2


def _two_keys() -> History:
    lines = [b'{"labrys":"history","version":1}\n']
    for process, key in enumerate("abab"):
        begin = f'{{"type":"invoke","process":{process},"function":"read","key":"{key}",'
        lines.append(f'{begin}"time_ns":{process}}}\n'.encode())
    return History.from_lines(lines)
