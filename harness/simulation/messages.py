"""messages.json: who told whom what around the violation, for the Lamport diagram of a run's page.

A simulated run can be carried out again exactly, so nothing of this is kept while it goes on: once
it was judged, and so is known which moments matter, it is carried out again up to their end, with a
tape beside it.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from checker.history import History
from harness.clock import MILLISECOND_NS, SECOND_NS
from harness.judge import read_json
from harness.simulation.clock import Runaway, Stopped
from harness.simulation.run import SimulatedRun
from harness.simulation.scenario import Scenario
from harness.simulation.simulate import MOST_EVENTS, MemoryRecorder, cluster_of
from harness.simulation.tape import Tape, Taped
from harness.store import FORMAT_VERSION, RunDirectory

DRAWN_MAX = 400
"""This many messages a diagram can hold."""

END = 1 << 62
"""A moment after every other."""

LONGEST_NS = 10 * SECOND_NS
MARGIN_NS = 2 * MILLISECOND_NS
AROUND_NS = 300 * MILLISECOND_NS
"""What is shown before and after a moment where there is no counterexample."""


def keep_messages(directory: RunDirectory) -> None:
    """Write the messages of a simulated run that was judged; a run of another kind has none."""
    path = directory.path / "scenario.json"
    if not path.exists():
        return
    result = read_json(directory.result)
    history = History.read(directory.history)
    begins_ns, ends_ns = window(result, history)
    # Where a finding ended the run, what matters came just before.
    tape = Tape(stops_at_finding=ends_ns == END)
    _carry_out(Scenario.from_json(read_json(path), path), tape, ends_ns)
    ends_ns = min(ends_ns, tape.clock.moment_ns)
    if not moments(result):
        begins_ns = max(begins_ns, ends_ns - LONGEST_NS)
    inside = [t for t in tape.messages if begins_ns <= (t.arrived_ns or t.sent_ns) <= ends_ns]
    shown = chosen(inside, moments(result))
    directory.write_json(
        "messages.json",
        {
            "labrys": "messages",
            "version": FORMAT_VERSION,
            "begins_ns": min((t.sent_ns for t in shown), default=begins_ns),
            "ends_ns": ends_ns,
            "left_out": len(inside) - len(shown),
            "messages": [taped.to_json() for taped in shown],
            "marks": [mark for mark in tape.marks if mark["time_ns"] < ends_ns],
        },
    )


def window(result: dict[str, Any], history: History) -> tuple[int, int]:
    """The stretch of a run to look at: the counterexample, or what came before a finding, or the
    healing that did not help, or the first fault."""
    steps = result["linearizability"].get("counterexample") or ()
    if steps:
        begins = min(step["invoked_ns"] for step in steps)
        ends = max(step["completed_ns"] or step["invoked_ns"] for step in steps)
        return begins - MARGIN_NS, ends + MARGIN_NS
    phases = {phase.name: phase.begins_ns for phase in history.phases}
    if result["findings"]:
        return 0, END
    liveness = result["liveness"]
    if liveness and not liveness["passed"] and "heal" in phases:
        return phases["heal"] - MARGIN_NS, phases["heal"] + 2 * SECOND_NS
    faults = [fault.injected_ns for fault in history.faults]
    around = min(faults, default=phases.get("calls", 0) + AROUND_NS)
    return around - AROUND_NS, around + AROUND_NS


def _carry_out(scenario: Scenario, tape: Tape, until_ns: int) -> None:
    """The same run again, up to that moment or the first finding."""
    # Without the wire codec, since a message that was read back is another object.
    scenario = replace(scenario, world=replace(scenario.world, wired=False))
    cluster = cluster_of(scenario, most_events=MOST_EVENTS * 100, tape=tape)
    cluster.clock.at(until_ns, cluster.clock.stop, None)
    run = SimulatedRun(scenario, cluster, MemoryRecorder(cluster.clock))
    with suppress(Runaway, Stopped):
        cluster.clock.run(run.perform())


def moments(result: dict[str, Any]) -> list[int]:
    """When the operations of the counterexample began and ended."""
    steps = result["linearizability"].get("counterexample") or ()
    return [
        at for step in steps for at in (step["invoked_ns"], step["completed_ns"]) if at is not None
    ]


def chosen(messages: list[Taped], around: list[int]) -> list[Taped]:
    """Those to draw: all, or those that matter, and of these the nearest to those moments; the
    last, where there are none."""
    if len(messages) > DRAWN_MAX:
        messages = [taped for taped in messages if taped.matters]
    return nearest(messages, [taped.sent_ns for taped in messages], around)


def nearest(messages: list[Any], sent_ns: list[int], around: list[int]) -> list[Any]:
    """At most `DRAWN_MAX` messages in their order, as many before and after each moment: a write
    that was lost long before anybody missed it is among them."""
    if len(messages) <= DRAWN_MAX:
        return messages
    if not around:
        return messages[-DRAWN_MAX:]
    distance = [min(abs(sent - at) for at in around) for sent in sent_ns]
    kept = sorted(range(len(messages)), key=distance.__getitem__)[:DRAWN_MAX]
    return [messages[place] for place in sorted(kept)]
