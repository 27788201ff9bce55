"""What was on the tape of a simulated run, and that the tape changes nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.commands.ended import store_and_render
from harness.config import RunConfig
from harness.simulation.messages import DRAWN_MAX, keep_messages
from harness.simulation.run import SimulatedRun
from harness.simulation.scenario import Scenario, swarm
from harness.simulation.simulate import MemoryRecorder, Simulated, cluster_of, simulate
from harness.simulation.tape import Tape
from harness.store import RunDirectory


def scenario_of(system: str, seed: int) -> Scenario:
    scenario = swarm(RunConfig(system=system), frozenset(), seed)
    return replace(scenario, world=replace(scenario.world, wired=False))


def failing(system: str, kind: str) -> Simulated:
    for seed in range(1, 200):
        found = simulate(swarm(RunConfig(system=system), frozenset(), seed))
        if found.kind == kind:
            return found
    raise AssertionError(f"{system} was not {kind}")


def messages_of(found: Simulated, store: Path) -> dict[str, Any]:
    path = store_and_render(store, found, "run")
    assert 'id="messages"' in (path / "report.html").read_text()
    messages: dict[str, Any] = json.loads((path / "messages.json").read_text())
    assert 0 < len(messages["messages"]) <= DRAWN_MAX
    return messages


@pytest.mark.parametrize("system", ["raft", "paxos", "ring"])
@pytest.mark.parametrize("seed", [2, 4])
def test_a_tape_changes_nothing(system: str, seed: int) -> None:
    scenario = scenario_of(system, seed)
    cluster = cluster_of(scenario, tape=Tape())
    recorder = MemoryRecorder(cluster.clock)
    cluster.clock.run(SimulatedRun(scenario, cluster, recorder).perform())
    plain = simulate(scenario)
    assert cluster.trace.fingerprint() == plain.fingerprint
    assert recorder.lines == plain.lines


def test_every_message_arrives_or_is_lost_for_a_reason() -> None:
    scenario = scenario_of("raft", 4)
    world = replace(scenario.world, loss=0.05, duplication=0.05)
    tape = Tape()
    cluster = cluster_of(replace(scenario, world=world), tape=tape)
    cluster.clock.run(SimulatedRun(scenario, cluster, MemoryRecorder(cluster.clock)).perform())
    fates = {taped.lost for taped in tape.messages}
    assert {"", "lost", "cut"} <= fates <= {"", "lost", "cut", "nobody there"}
    under_way = [t for t in tape.messages if t.arrived_ns is None and not t.lost]
    assert len(under_way) < 50, "only what was sent at the very end"
    for taped in tape.messages:
        assert taped.arrived_ns is None or taped.arrived_ns >= taped.sent_ns
    seen = [(t.message, t.sent_ns) for t in tape.messages if not t.lost]
    assert len(seen) > len(set(map(repr, seen))), "some were doubled"


def test_the_messages_around_a_stale_read_are_kept(tmp_path: Path) -> None:
    found = failing("raft-stale-reads", "not linearizable")
    messages = messages_of(found, tmp_path)
    read = found.result.counterexample[-1]
    answers = [
        m for m in messages["messages"]
        if m["target"] == f"process {read.process}" and m["arrived_ns"] == read.completed_ns
    ]  # fmt: skip
    assert [m["kind"] for m in answers] == ["Reply"]
    assert answers[0]["source"] == read.node
    assert messages["begins_ns"] <= read.invoked_ns <= messages["ends_ns"]


def test_the_messages_before_a_finding_are_kept(tmp_path: Path) -> None:
    found = failing("raft-forgets-vote", "invariant of the cluster")
    messages = messages_of(found, tmp_path)
    assert messages["messages"][-1]["kind"] in ("VoteAnswer", "AppendEntries", "RequestVote")
    assert messages["ends_ns"] < found.virtual_ns, "it ends with the finding"


def test_the_messages_after_a_healing_that_did_not_help_are_kept(tmp_path: Path) -> None:
    found = failing("raft-no-pre-vote", "not live")
    healed_ns = next(p.begins_ns for p in found.history.phases if p.name == "heal")
    messages = messages_of(found, tmp_path)
    assert messages["begins_ns"] <= healed_ns <= messages["ends_ns"]


def test_a_run_that_is_not_simulated_has_none(tmp_path: Path) -> None:
    keep_messages(RunDirectory(tmp_path))
    assert not list(tmp_path.iterdir())
