"""Runs a scenario in virtual time and judges it, in memory; thousands of them are a campaign."""

from collections.abc import Sequence
from dataclasses import dataclass

from checker.anomalies.naming import headline, name_anomaly
from checker.history import History
from checker.models.model import only_observes
from checker.requirements import judge_requirements, missed_requirement
from checker.verdict import Result, Verdict
from harness.clock import SECOND_NS, Clock
from harness.recorder import Recorder
from harness.run import Observations
from harness.simulation.clock import Runaway
from harness.simulation.cluster import SimulatedCluster
from harness.simulation.run import SimulatedRun
from harness.simulation.scenario import Scenario, Scripted
from harness.simulation.tape import Tape
from harness.simulation.trace import Step
from harness.standstill import endless_calls_end
from harness.strength import families_of
from workloads.workload import Call

MEMORY_BYTES = 1 << 29

REQUIREMENT = "requirement missed"
"""The kind of a run that misses what is required of it."""

NOT_LIVE = "not live"
"""The kind of a run in which a node did not serve again."""

MOST_EVENTS = 100_000
"""A run of a campaign normally takes a few thousand events; far more means a message storm, which
is a finding of its own."""


class MemoryRecorder(Recorder):
    """A recorder whose history stays in memory."""

    def __init__(self, clock: Clock) -> None:
        self.lines: list[bytes] = []
        self._begin(clock)

    def _put(self, line: bytes) -> None:
        self.lines.append(line)

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Simulated:
    """What came of a scenario. `kind` groups violations: "" for none, "unknown" where undecided."""

    scenario: Scenario
    kind: str
    reason: str
    fingerprint: str
    history: History
    result: Result
    observed: Observations
    lines: Sequence[bytes]
    events: int
    virtual_ns: int
    trace: Sequence[Step]
    anomaly: str = ""
    """What the history shows by its usual name, "" where it is not invalid."""

    @property
    def failed(self) -> bool:
        return self.kind not in ("", "unknown")


def simulate(
    scenario: Scenario, *, keep_trace: bool = False, most_events: int | None = MOST_EVENTS
) -> Simulated:
    """Carry out a scenario and judge it; without `most_events` it may take as many as it likes."""
    cluster = cluster_of(scenario, keep_trace=keep_trace, most_events=most_events)
    recorder = MemoryRecorder(cluster.clock)
    run = SimulatedRun(scenario, cluster, recorder)
    try:
        observed = cluster.clock.run(run.perform())
    except Runaway:
        storm = f"{MOST_EVENTS:,} events in {cluster.clock.now_ns() / SECOND_NS:.1f} s"
        detail = f"a storm of messages: {storm}, and no end of it"
        observed = Observations(liveness={"passed": False, "detail": detail, "recovery_ns": None})
    history = History.from_lines(recorder.lines)
    config = scenario.config
    with endless_calls_end():
        result = config.named_workload.check(
            history, time_limit_s=config.check_time_limit, memory_limit_bytes=MEMORY_BYTES
        )
    kind, reason, anomaly = _kind(result, observed, history)
    missed = _missed(scenario, history, result)
    if missed and kind in ("", "unknown"):
        kind, reason = REQUIREMENT, missed
    return Simulated(
        scenario=scenario,
        kind=kind,
        reason=reason,
        fingerprint=cluster.trace.fingerprint(),
        history=history,
        result=result,
        observed=observed,
        lines=recorder.lines,
        events=cluster.clock.events,
        virtual_ns=cluster.clock.now_ns(),
        trace=cluster.trace.kept or (),
        anomaly=anomaly,
    )


def cluster_of(
    scenario: Scenario,
    *,
    keep_trace: bool = False,
    most_events: int | None = None,
    tape: Tape | None = None,
) -> SimulatedCluster:
    """The cluster that a scenario asks for, not yet open."""
    config = scenario.config
    node, habits = config.node_class, dict(scenario.world.habits)
    return SimulatedCluster(
        system=type(node.__name__, (node,), habits) if habits else node,
        nodes=config.node_names,
        members=config.member_names,
        seed=config.seed,
        world=scenario.world,
        keep_trace=keep_trace,
        most_events=most_events,
        tape=tape,
    )


def script_of(simulated: Simulated, *, whole: bool) -> tuple[Scripted, ...]:
    """What clients did, as a script that does it again: to the end, or until healing began.

    Each call asks that node first which answered it then.
    """
    phases = {phase.name: phase for phase in simulated.history.phases}
    if "calls" not in phases:
        return ()
    begins = phases["calls"]
    ends = phases["heal"].begins if "heal" in phases and not whole else None
    clients = simulated.scenario.config.clients
    model = simulated.scenario.config.named_workload.model()
    return tuple(
        Scripted(
            o.process % clients,
            o.invoked_ns - begins.begins_ns,
            Call(o.function, o.key, o.argument, pure=only_observes(model, o)),
            o.node,
        )
        for o in simulated.history.operations
        if o.invoked > begins.begins and (ends is None or o.invoked < ends)
    )


def _kind(result: Result, observed: Observations, history: History) -> tuple[str, str, str]:
    """The kind of violation, if any; the sentence that says what it is; the anomaly's name."""
    if result.verdict is Verdict.INVALID:
        anomaly = name_anomaly(result, history)
        if anomaly is None:
            return "not linearizable", result.reason, ""
        return "not linearizable", headline(anomaly, result, history), anomaly.kind.value
    if observed.findings:
        return kind_of_finding(observed.findings[0]), observed.findings[0], ""
    if observed.liveness and not observed.liveness["passed"]:
        return NOT_LIVE, observed.liveness["detail"], ""
    if result.verdict is Verdict.UNKNOWN:
        return "unknown", result.reason, ""
    return "", "", ""


def kind_of_finding(finding: str) -> str:
    """By which name findings like this one are grouped."""
    return next((word for word in _NAMED if word in finding), "finding")


def _missed(scenario: Scenario, history: History, result: Result) -> str:
    """Which requirements were missed, if any."""
    planned = ((one.fault.family, one.fault.name) for one in scenario.schedule)
    required = scenario.config.requirements
    met = judge_requirements(history, required, families_of(planned))
    return missed_requirement(result, met)


_NAMED = ("invariant of the cluster", "broken invariant")
"""Words by which findings are grouped."""
