"""Run directories as the harness leaves them, made without it: for tests and for looking at pages.

A register store is imitated: an operation takes effect somewhere between its invocation and its
completion, on one dictionary, so that every history is linearizable by construction; faults make
some operations slow, refused or unanswered. `python -m tests.reports.sample_runs FOLDER` writes one
directory of each sort.
"""

import heapq
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from checker.anomalies.naming import told
from checker.history import History
from checker.statistics import summarize
from checker.verdict import Result, Verdict

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
NODES = ("n1", "n2", "n3", "n4", "n5")
Event = dict[str, Any]

FAULTS = (
    ("isolate-leader", "partition", "n1 cut off from all others"),
    ("kill-minority", "kill", "killed n2, n4"),
    ("partition-majorities-ring", "partition", "each node sees its two neighbours only"),
    ("pause-leader", "pause", "paused n3 (leader)"),
    ("kill-leader", "kill", "killed n3 (leader)"),
    ("partition-one-way", "partition", "n1 hears nobody"),
    ("pause-majority", "pause", "paused n1, n2, n5"),
)


@dataclass
class Store:
    """A linearizable dictionary that serves badly for the first part of each fault."""

    random: Random
    faults: list[tuple[int, int]]
    values: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)

    def trouble(self, moment_ns: int) -> bool:
        """Whether a leader is missing: 1.2 s at most after each injection."""
        return any(at <= moment_ns < min(at + 1_200_000_000, until) for at, until in self.faults)

    def call(self, keys: list[str]) -> tuple[str, str, Any]:
        key = self.random.choice(keys)
        function = self.random.choices(("read", "write", "cas"), (5, 3, 2))[0]
        if function == "read":
            return function, key, None
        self.counters[key] = self.counters.get(key, 0) + 1
        if function == "write":
            return function, key, self.counters[key]
        seen = self.values.get(key)
        if self.random.random() < 0.3:
            seen = (seen or 0) - 1
        return function, key, [seen, self.counters[key]]

    def apply(self, function: str, key: str, argument: Any) -> Any:
        found = self.values.get(key)
        if function == "read":
            return found
        if function == "write":
            self.values[key] = argument
            return argument
        if found == argument[0]:
            self.values[key] = argument[1]
        return found


def history_events(
    *, seed: int, operations: int, clients: int, seconds: float, faults: int, keys: list[str]
) -> tuple[list[Event], list[Event]]:
    """The events of a run in order, and its schedule."""
    random = Random(seed)
    end_ns = int(seconds * SECOND_NS)
    schedule = _schedule(random, faults, end_ns)
    store = Store(random, [(fault["at_ns"], fault["until_ns"]) for fault in schedule])
    pace_ns = max(int(end_ns * clients / max(operations, 1)), 1)
    events: list[tuple[int, int, Event]] = []
    queue: list[tuple[int, int, str, int, tuple[Any, ...]]] = [
        (random.randrange(pace_ns), client, "invoke", client, ()) for client in range(clients)
    ]
    heapq.heapify(queue)
    left, ticket, processes = operations, clients, clients

    def emit(moment: int, **event: Any) -> None:
        events.append((moment, len(events), {**event, "time_ns": moment}))

    while queue:
        moment, _, kind, process, rest = heapq.heappop(queue)
        ticket += 1
        if kind == "invoke":
            if not left:
                continue
            left -= 1
            call = store.call(keys)
            emit(moment, type="invoke", process=process, function=call[0], key=call[1],
                 **({} if call[2] is None else {"argument": call[2]}))  # fmt: skip
            latency = int(pace_ns * random.uniform(0.3, 1.3) * random.lognormvariate(-0.4, 0.5))
            plan = "ok"
            if store.trouble(moment):
                plan = random.choices(("ok", "fail", "info"), (2, 5, 3))[0]
                latency = 500 * MILLISECOND_NS if plan == "info" else latency
                latency = int(latency * 20) if plan == "ok" else latency
            heapq.heappush(
                queue,
                (moment + int(latency * 0.6), ticket, "effect", process, (call, plan, latency)),
            )
        elif kind == "effect":
            call, plan, latency = rest
            happens = plan == "ok" or (plan == "info" and random.random() < 0.5)
            result = store.apply(*call) if happens else None
            ends = moment + int(latency * 0.4)
            heapq.heappush(queue, (ends, ticket, plan, process, (result,)))
        else:
            node = random.choice(NODES)
            if kind == "ok":
                emit(moment, type="ok", process=process, result=rest[0], node=node)
            elif kind == "fail":
                emit(moment, type="fail", process=process, error="no-leader", node=node)
            else:
                emit(moment, type="info", process=process, error="timeout")
                process, processes = processes, processes + 1
            gap = int(pace_ns * random.uniform(0.0, 0.6))
            heapq.heappush(queue, (moment + gap, ticket, "invoke", process, ()))
    for fault in schedule:
        emit(fault["at_ns"], type="inject", process="nemesis", fault=fault["number"],
             name=fault["name"], detail=fault.pop("detail"))  # fmt: skip
        emit(fault["until_ns"], type="heal", process="nemesis", fault=fault["number"])
    last = max((moment for moment, _, _ in events), default=0)
    emit(0, type="phase", process="harness", name="calls")
    emit(max(last, end_ns), type="phase", process="harness", name="recovery")
    return [event for _, _, event in sorted(events, key=lambda item: item[:2])], schedule


def _schedule(random: Random, faults: int, end_ns: int) -> list[Event]:
    step = end_ns // (faults + 1)
    schedule = []
    for number in range(1, faults + 1):
        name, family, detail = FAULTS[(number - 1) % len(FAULTS)]
        at = int(step * (number - 0.5) + random.uniform(0, 0.3) * step)
        schedule.append({
            "number": number, "name": name, "family": family, "detail": detail,
            "at_ns": at, "until_ns": at + int(step * random.uniform(0.4, 0.8)),
        })  # fmt: skip
    return schedule


def run_json(schedule: list[Event], *, seed: int, clients: int, seconds: float) -> dict[str, Any]:
    return {
        "labrys": "run", "version": 1, "name": "brave otter", "system": "raft",
        "workload": "register", "environment": "local", "seed": seed,
        "began": "2026-11-23T02:10:00+00:00",
        "reproduce": "labrys run raft --environment local --faults partition,kill,pause"
        f" --time-limit {seconds:g} --seed {seed}",
        "versions": {"labrys": "0.1.0", "python": "3.13.5", "commit": "fc7fe1a",
                     "platform": "Linux-6.12-x86_64", "docker": None},
        "machine": {"cores": 2, "memory_bytes": 8_232_894_464, "cpu": "x86_64"},
        "config": {"nodes": 5, "clients": clients, "time_limit": seconds, "rate": 0, "seed": seed,
                   "faults": ["partition", "kill", "pause"], "values": "distinct",
                   "operation_timeout_s": 0.5, "system": "raft", "workload": "register"},
        "cluster": {"environment": "local", "nodes": {n: f"127.0.0.1:{7001 + i}"
                                                      for i, n in enumerate(NODES)}},
        "schedule": schedule,
        "refused": ["clock-jump: local processes share the clock of this machine"],
    }  # fmt: skip


def result_json(history: History, *, verdict: str, linearizability: dict[str, Any],
                reason: str = "", gates: bool = True,
                anomaly: dict[str, Any] | None = None) -> dict[str, Any]:  # fmt: skip
    statistics = summarize(history)
    return {
        "labrys": "result", "version": 1, "verdict": verdict, "reason": reason,
        "anomaly": anomaly,
        "linearizability": linearizability,
        "gates": [
            {"name": "every kind of call succeeded during faults", "passed": gates,
             "detail": "read 812, write 407, cas 290" if gates else "cas never succeeded"},
            {"name": "faults of every family were applied", "passed": True,
             "detail": "partition 3, kill 2, pause 2"},
            {"name": "operations overlapped", "passed": True,
             "detail": f"{statistics.concurrency:.1f} open at once on average"},
        ],
        "coverage": [
            {"name": "isolate-leader", "family": "partition", "scheduled": 2, "in_force": 2,
             "total_ns": 2_500_000_000, "targets": {"one": 2, "leader": 2}, "met": 1234,
             "seen": ["nothing passes 4 links"], "operations": {"read": {"ok": 7, "info": 1}}},
            {"name": "pause-all", "family": "pause", "scheduled": 1, "in_force": 0, "total_ns": 0,
             "targets": {}, "met": None, "seen": [], "operations": {}},
        ],
        "liveness": {"passed": True, "detail": "every node served within the bound of 10 s",
                     "recovery_ns": 1_204_000_000},
        "findings": [],
        "statistics": statistics.to_json(),
        "seconds": {"start": 1.31, "calls": 60.02, "recovery": 1.9, "check": 0.21},
    }  # fmt: skip


def write(folder: Path, run: dict[str, Any] | None, events: list[Event] | None,
          result: Callable[[History], dict[str, Any]] | None) -> Path:  # fmt: skip
    """Write a run directory; what is None is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    if run is not None:
        (folder / "run.json").write_text(json.dumps(run, indent=1))
    if events is not None:
        lines = [{"labrys": "history", "version": 1}, *events]
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        (folder / "history.jsonl").write_text(text)
    if result is not None:
        history = History.read(folder / "history.jsonl")
        (folder / "result.json").write_text(json.dumps(result(history), indent=1))
    (folder / "nodes").mkdir(exist_ok=True)
    for node in NODES:
        log = [f"02:10:{second:02d}.{second * 37 % 1000:03d} {node} term 4: append entries from "
               f"n1, commit index {second * 113}" for second in range(60)]  # fmt: skip
        (folder / "nodes" / f"{node}.log").write_text("\n".join(log) + "\n")
    return folder


def valid_result(keys: int, operations: int) -> dict[str, Any]:
    return {"verdict": "valid", "algorithm": "zones", "reason": "", "key": None,
            "counterexample": [], "explanation": [], "cycle": [],
            "statistics": {"keys": keys, "operations": operations}, "parts": {}}  # fmt: skip


def standard(folder: Path, *, seed: int = 7, operations: int = 24_000, clients: int = 10,
             seconds: float = 60.0, faults: int = 7) -> Path:  # fmt: skip
    """A valid run."""
    keys = [f"order:{Random(seed + i).randrange(1000, 9999)}" for i in range(24)]
    events, schedule = history_events(
        seed=seed, operations=operations, clients=clients, seconds=seconds, faults=faults, keys=keys
    )
    run = run_json(schedule, seed=seed, clients=clients, seconds=seconds)

    def result(history: History) -> dict[str, Any]:
        return result_json(
            history, verdict="valid", linearizability=valid_result(len(keys), len(history))
        )

    return write(folder, run, events, result)


def invalid(folder: Path, *, key: str = "order:8812", hostile: str = "") -> Path:
    """A stale read after an isolated leader, in a run of 6,000 operations."""
    events, schedule = history_events(
        seed=11, operations=6_000, clients=10, seconds=20.0, faults=3,
        keys=[f"order:{1000 + 7 * i}{hostile}" for i in range(12)],
    )  # fmt: skip
    trio = [
        (900, "write", 17, 17, 3.102, 3.140, "n1"),
        (901, "write", 18, 18, 3.200, 3.241, "n2"),
        (902, "read", None, 17, 3.260, 3.264, "n1"),
    ]
    for process, function, argument, result, began, ended, node in trio:
        call = {"type": "invoke", "process": process, "function": function, "key": key}
        if argument is not None:
            call["argument"] = argument
        events.append({**call, "time_ns": int(began * SECOND_NS)})
        events.append({"type": "ok", "process": process, "result": result, "node": node,
                       "time_ns": int(ended * SECOND_NS)})  # fmt: skip
    events.sort(key=lambda event: event["time_ns"])
    run = run_json(schedule, seed=11, clients=10, seconds=20.0)
    run["system"] = "raft-stale-reads"
    run["reproduce"] = run["reproduce"].replace("run raft ", "run raft-stale-reads ")

    def result_of(history: History) -> dict[str, Any]:
        found = [operation.to_json() for operation in history.operations if operation.key == key]
        sentences = [
            "1 comes before 2: it ended at 3.140 s, and 2 began at 3.200 s.",
            "2 comes before 3: it ended at 3.241 s, and 3 began at 3.260 s.",
            "3 comes before 2: it read 17, which 2 overwrites, and 17 was written only once, by 1.",
        ]
        edges = [(1, 2, "real time"), (2, 3, "real time"), (3, 2, "overwritten by")]
        shown = tuple(o for o in history.operations if o.key == key)
        anomaly = told(Result(verdict=Verdict.INVALID, counterexample=shown), history)
        assert anomaly is not None
        return result_json(history, verdict="invalid", reason=anomaly["headline"],
            anomaly=anomaly, linearizability={
            "verdict": "invalid", "algorithm": "zones", "key": key, "parts": {},
            "reason": f"key {json.dumps(key)}: no order explains these 3 operations",
            "counterexample": found,
            "explanation": [*sentences, "These cannot both be true."],
            "cycle": [{"from": a, "to": b, "label": label, "sentence": sentence}
                      for (a, b, label), sentence in zip(edges, sentences, strict=True)],
            "statistics": {"keys": 13, "operations": len(history)},
        })  # fmt: skip

    return write(folder, run, events, result_of)


def unknown(folder: Path) -> Path:
    """A run that could not have failed: no compare-and-set succeeded during faults; a node died."""
    standard(folder, seed=3, operations=900, clients=4, seconds=15.0, faults=2)
    path = folder / "result.json"
    result = json.loads(path.read_text())
    result |= {
        "verdict": "unknown",
        "reason": "the run proves too little: cas never succeeded during faults",
        "findings": [{"node": "n3", "detail": "n3 ended though nobody killed it",
                      "log": "AssertionError: commit index 812 went back to 790"}],
    }  # fmt: skip
    result["gates"][0] |= {"passed": False, "detail": "cas never succeeded"}
    path.write_text(json.dumps(result))
    return folder


def killed(folder: Path) -> Path:
    """The harness was killed: no result, the last line cut in the middle, a fault never healed."""
    standard(folder, seed=5, operations=3_000, clients=5, seconds=20.0, faults=4)
    (folder / "result.json").unlink()
    path = folder / "history.jsonl"
    text = path.read_text()
    healing = text.index('{"type":"heal","process":"nemesis","fault":3')
    path.write_text(text[:healing] + '{"type":"invoke","proc')
    return folder


def empty(folder: Path) -> Path:
    """Nothing was called: the environment was slow to start."""
    run = run_json([], seed=1, clients=5, seconds=5.0)

    def result(history: History) -> dict[str, Any]:
        return result_json(history, verdict="unknown", gates=False, reason="nothing was called",
                           linearizability=valid_result(0, 0))  # fmt: skip

    return write(folder, run, [], result)


def large(folder: Path, operations: int = 200_000) -> Path:
    """More operations than a page can hold one by one."""
    return standard(folder, seed=9, operations=operations, clients=40, seconds=180.0, faults=12)


MARKUP = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>&\"'`${7*7}"


def hostile(folder: Path) -> Path:
    """Markup in every text that a system, a history or a configuration can carry."""
    invalid(folder, key=f"order{MARKUP}", hostile=MARKUP)
    run = json.loads((folder / "run.json").read_text())
    run |= {"name": MARKUP, "system": MARKUP, "reproduce": f"labrys run {MARKUP}"}
    run["refused"].append(MARKUP)
    run["config"][MARKUP] = {MARKUP: [MARKUP]}
    run["versions"][MARKUP] = MARKUP
    (folder / "run.json").write_text(json.dumps(run))
    result = json.loads((folder / "result.json").read_text())
    result["reason"] = result["liveness"]["detail"] = MARKUP
    result["gates"][0] = {"name": MARKUP, "passed": True, "detail": MARKUP}
    result["findings"] = [{"node": "n1", "detail": MARKUP, "log": MARKUP}]
    result["linearizability"]["explanation"].append(f"{MARKUP} \ud800 \u2028")
    result["linearizability"]["cycle"][0]["label"] = MARKUP
    (folder / "result.json").write_text(json.dumps(result))
    path = folder / "history.jsonl"
    text = path.read_text()
    markup = json.dumps(MARKUP)[1:-1]
    text = text.replace('"result":17,', f'"result":"{markup}",')
    text = text.replace('"node":"n3"', f'"node":"n3{markup}"')
    text = text.replace('"isolate-leader"', f'"isolate{markup}"').replace("no-leader", markup)
    path.write_text(text.replace('"function":"read"', f'"function":"read{markup}"'))
    (folder / "nodes" / "n1.log").write_text(f"{MARKUP}\n" * 30)
    return folder


SAMPLES: dict[str, Callable[[Path], Path]] = {
    "valid": standard, "invalid": invalid, "unknown": unknown, "killed": killed, "empty": empty,
    "large": large, "hostile": hostile,
}  # fmt: skip

if __name__ == "__main__":
    for name, make in SAMPLES.items():
        print(make(Path(sys.argv[1]) / name))
