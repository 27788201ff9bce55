"""The figures of a comparison, computed again from history.jsonl and observations.json with loops.

Nothing here is shared with the code under test: no numpy, no History, no statistics.
"""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

S = 1_000_000_000
Op = dict[str, Any]


class Naive:
    """A stored run, read line by line."""

    def __init__(self, path: Path) -> None:
        self.run = json.loads((path / "run.json").read_text())
        self.observed = json.loads((path / "observations.json").read_text())
        self.operations: list[Op] = []
        self.faults: dict[int, Op] = {}
        self.phases: list[tuple[str, int]] = []
        pending: dict[Any, Op] = {}
        for place, line in enumerate((path / "history.jsonl").read_text().splitlines()):
            event = json.loads(line)
            match event.get("type"):
                case "invoke":
                    pending[event["process"]] = {**event, "outcome": "info", "at": place}
                    self.operations.append(pending[event["process"]])
                case "ok" | "fail" | "info" as outcome:
                    operation = pending.pop(event["process"])
                    operation |= {"outcome": outcome, "done_ns": event["time_ns"], "done": place}
                    operation |= {"result": event.get("result"), "error": event.get("error")}
                case "inject":
                    self.faults[event["fault"]] = {**event, "at": place}
                case "heal":
                    self.faults[event["fault"]] |= {"healed": place, "healed_ns": event["time_ns"]}
                case "phase":
                    self.phases.append((event["name"], event["time_ns"]))
        names = [name for name, _ in self.phases]
        self.begin = self.phases[names.index("calls")][1]
        self.end = self.phases[names.index("calls") + 1][1]
        self.planned = {fault["number"]: fault["family"] for fault in self.run["schedule"]}
        self.ok = [operation for operation in self.operations if operation["outcome"] == "ok"]

    def figures(self, invalid: bool) -> dict[str, float]:
        found = {**self.rates(), **self.latencies(), **self.costs(), **self.stale(invalid)}
        for family in set(self.planned.values()):
            found |= self.family(family)
        found["recovery.every node"] = self.observed["liveness"]["recovery_ns"]
        return found

    def rates(self) -> dict[str, float]:
        inside, inside_ns = self.inside(list(self.faults))
        total = sum(self.begin <= o["done_ns"] <= self.end for o in self.ok)
        length = self.end - self.begin
        return {
            "throughput.overall": total * S / length,
            "throughput.inside": inside * S / inside_ns,
            "throughput.outside": (total - inside) * S / (length - inside_ns),
        }

    def inside(self, numbers: list[int]) -> tuple[int, int]:
        """ok completions, and nanoseconds, within at least one of these faults and the calls."""
        spans = []
        for number in numbers:
            fault = self.faults[number]
            first = max(fault["time_ns"], self.begin)
            last = min(fault.get("healed_ns", self.end), self.end)
            spans += [(first, last)] if first < last else []
        edges = sorted({edge for span in spans for edge in span})
        length = sum(
            b - a
            for a, b in pairwise(edges)
            if any(first <= a and b <= last for first, last in spans)
        )
        done = sum(any(first <= o["done_ns"] <= last for first, last in spans) for o in self.ok)
        return done, length

    def latencies(self) -> dict[str, float]:
        found = {}
        for function in {o["function"] for o in self.ok}:
            took = sorted(o["done_ns"] - o["time_ns"] for o in self.ok if o["function"] == function)
            for percent in (50, 90, 99):
                rank = math.ceil(percent * len(took) / 100)
                found[f"latency.{function}.p{percent}"] = took[rank - 1]
        return found

    def answered(self, operation: Op) -> bool:
        outcome = operation["outcome"]
        return outcome == "ok" or (outcome == "fail" and operation.get("error") is None)

    def family(self, family: str) -> dict[str, float]:
        own = [n for n, word in self.planned.items() if word == family and n in self.faults]
        done, length = self.inside(own)
        invoked = answered = 0
        silences, recoveries = [], []
        for number in own:
            fault = self.faults[number]
            begin, end = fault["time_ns"], fault["healed_ns"]
            mine = [o for o in self.operations if fault["at"] < o["at"] < fault["healed"]]
            invoked += len(mine)
            answered += sum(map(self.answered, mine))
            answers = [o["done_ns"] for o in self.operations if self.answered(o)]
            moments = [begin, *sorted(t for t in answers if begin <= t < end), end]
            silences.append(max(b - a for a, b in pairwise(moments)))
            after = [
                o["done_ns"]
                for o in self.operations
                if self.answered(o) and o["at"] > fault["healed"]
            ]
            recoveries += [min(after) - end] if after else []
        outside = self.rates()["throughput.outside"]
        asked = {f"answered.{family}": answered / invoked} if invoked else {}
        return asked | {
            f"kept.{family}": done * S / length / outside,
            f"silence.{family}": sum(silences) / len(silences),
            f"recovery.{family}": sum(recoveries) / len(recoveries),
        }

    def costs(self) -> dict[str, float]:
        found = {}
        for name in ("messages_sent", "bytes_sent", "fsyncs"):
            told = [n[name] for n in self.observed["counters"].values() if name in n]
            if told:
                found[f"cost.{name}"] = sum(told) / len(self.ok)
        return found

    def stale(self, invalid: bool) -> dict[str, float]:
        if not invalid:
            return {"stale.share": 0.0, "stale.age": 0.0}
        reads, ages = 0, []
        for key in {o["key"] for o in self.operations}:
            mine = [o for o in self.operations if o["key"] == key]
            writes = [(w, written(w)) for w in mine if written(w) is not None]
            for operation in mine:
                saw, value = seen(operation)
                if not saw:
                    continue
                sources = [w for w, new in writes if new == value]
                if value is not None and len(sources) != 1:
                    continue
                reads += 1
                source_end = sources[0].get("done", math.inf) if value is not None else -1
                if value is not None and sources[0]["outcome"] == "info":
                    source_end = math.inf
                missed = [
                    w
                    for w, _ in writes
                    if w["outcome"] == "ok" and w["at"] > source_end and w["done"] < operation["at"]
                ]
                if missed:
                    first = min(missed, key=lambda w: w["done"])
                    ages.append(operation["time_ns"] - first["done_ns"])
        return {"stale.share": len(ages) / reads, "stale.age": max(ages, default=0)}


def written(o: Op) -> Any:
    if o["outcome"] == "fail" or o["function"] == "read":
        return None
    if o["function"] == "write":
        return o["argument"]
    applied = o["outcome"] == "info" or o["result"] == o["argument"][0]
    return o["argument"][1] if applied else None


def seen(o: Op) -> tuple[bool, Any]:
    """Whether an operation is judged as a read, and what it saw."""
    if o["outcome"] != "ok" or o["function"] == "write":
        return False, None
    return True, o["result"]
