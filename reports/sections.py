"""What each section of a run's page says, as plain texts and numbers for the template."""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from checker.availability import Served
from checker.eventual import ALGORITHM
from checker.history import FaultSpan
from checker.requirements import MISSED
from checker.statistics import PER_THOUSAND, Rate, Statistics
from checker.wording import plural
from reports.convincing import arrivals, strength
from reports.measures import costs
from reports.stored import StoredRun, find, number, objects
from reports.wording import (
    count,
    digits,
    duration,
    headed,
    moment,
    percent,
    plain,
    size,
)

ROWS_MAX = 300
"""The most rows of any table: a page stays readable, and bounded."""

FEWEST = 20
"""Of fewer operations no rate or percentile tells anything."""

_OF_MANY = ("Throughput", "Latency", "Operations at once")

GLYPHS = {"valid": "✔", "invalid": "✘", "unknown": "?", "": "–"}


@dataclass(frozen=True, slots=True)
class Headline:
    """The page's first words: a glyph and a word, a sentence, and the facts behind it."""

    word: str
    glyph: str
    headline: str
    reason: str
    basis: str


@dataclass(frozen=True, slots=True)
class Tile:
    label: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class FaultRow:
    number: int
    name: str
    detail: str
    begins: str
    lasts: str
    share: float | None
    served: str
    failover: str
    recovery: str


def title(stored: StoredRun) -> str:
    kind = _text(find(stored.result, dict, "anomaly") or {}, "kind", 40)
    names = (_text(stored.run, "system"), _text(stored.run, "name"))
    return " · ".join(filter(None, (kind or stored.verdict or "no verdict", *names)))


def subtitle(stored: StoredRun) -> list[str]:
    """The run in a few words: system, environment, nodes, clients, workload, faults, time, seed.
    Of a shrunk run it says what is in it, not what it was drawn from."""
    run, config = stored.run, stored.config
    nodes = config.get("nodes")
    nodes = len(nodes) if isinstance(nodes, (list, dict)) else nodes
    clients = config.get("clients")
    seconds = number(config, "time_limit") or number(config, "time_limit_s")
    faults = config.get("faults")
    if isinstance(faults, list):
        faults = ",".join(plain(fault, 40) for fault in faults) or "no faults"
    faults = config.get("schedule") or faults
    if "shrunk_from" in run:
        clients = len({operation.process for operation in stored.history.operations})
        faults = ", ".join(f"{f.number} {plain(f.name, 40)}" for f in stored.history.faults[:6])
        faults = f"shrunk to {plural(len(stored.history), 'operation')}, {faults or 'no faults'}"
    parts = [
        _text(run, "system"),
        _text(run, "environment"),
        plural(nodes, "node") if isinstance(nodes, int) else "",
        plural(clients, "client") if isinstance(clients, int) else "",
        _text(run, "workload"),
        plain(faults, 120) if faults is not None else "",
        f"{seconds:g} s" if seconds else "",
        f"seed {plain(run['seed'], 40)}" if "seed" in run else "",
    ]
    return [part for part in parts if part]


def began(stored: StoredRun) -> str:
    """When the run began, to the second: "2026-11-23 23:02:40 UTC"."""
    to_the_second = re.sub(r"\.\d+", "", _text(stored.run, "began", 40))
    return to_the_second.replace("T", " ").replace("+00:00", " UTC")


def verdict(stored: StoredRun, statistics: Statistics) -> Headline:
    word = stored.verdict
    judged = find(stored.result, dict, "linearizability") or {}
    violated = find(judged, str, "verdict") == "invalid"
    eventual = find(judged, str, "algorithm") == ALGORITHM
    reason = _text(stored.result, "reason", 1000) or _text(judged, "reason", 1000)
    headline = {
        "valid": "Valid: in the end every node had everything"
        if eventual
        else "Valid: this history is linearizable",
        "invalid": "Invalid: no order explains what the clients saw"
        if violated and not eventual
        else "Invalid, though linearizable: a requirement was missed"
        if reason.startswith(MISSED) and find(judged, str, "verdict") == "valid"
        else "Invalid",
        "unknown": "Unknown: neither a violation nor its absence was shown",
        "": "No verdict",
    }[word]
    named = _text(find(stored.result, dict, "anomaly") or {}, "headline", 1000)
    if word == "invalid" and named:
        headline, reason = named, _text(judged, "reason", 1000)
    elif headline == "Invalid" and reason:
        headline, reason = headed(reason)
    if not word and not reason:
        reason = "This run ended before it was judged; what it left is shown below."
    return Headline(word, GLYPHS[word], headline, reason, basis(stored, statistics))


def basis(stored: StoredRun, statistics: Statistics) -> str:
    """What the verdict rests on: "12,431 operations on 40 keys (…), judged in 0.2 s by zones"."""
    outcomes = ", ".join(f"{count(n)} {word}" for word, n in statistics.outcomes.items())
    said = f"{plural(statistics.operations, 'operation')} on {plural(statistics.keys, 'key')}" + (
        f" ({outcomes})" if statistics.operations else ""
    )
    seconds = number(stored.result, "seconds", "check")
    algorithm = _text(find(stored.result, dict, "linearizability") or {}, "algorithm")
    if stored.verdict and (seconds is not None or algorithm):
        said += ", judged"
        said += f" in {duration(seconds * 1e9)}" if seconds is not None else ""
        said += f" by {algorithm}" if algorithm else ""
    return said


def instead(stored: StoredRun) -> list[str]:
    """What held though the history is not linearizable, sentence by sentence."""
    found = find(stored.result, list, "instead", "sentences") or []
    return [plain(sentence, 1000) for sentence in found[:10] if isinstance(sentence, str)]


def figures(stored: StoredRun, statistics: Statistics) -> list[Tile]:
    """The key figures."""
    served = statistics.availability
    latency = statistics.overall_latency_ns
    faulted = bool(stored.history.faults)
    inside = f"{_rate(statistics.throughput_inside)} during faults" if faulted else "ok operations"
    healing = number(stored.result, "liveness", "recovery_ns")
    counted = Tile("Operations", count(statistics.operations),
                   f"on {plural(statistics.keys, 'key')}")  # fmt: skip
    if not stored.timed:
        return [counted, Tile("Answered", percent(served.overall.share), "the file has no times")]
    shown = [
        counted,
        Tile("Answered", percent(served.overall.share),
               f"{percent(served.inside.share)} during faults" if faulted else "no faults"),
        Tile("Throughput outside faults", _rate(statistics.throughput_outside),
               inside),
        Tile("Latency, median", _latency(latency, "p50"),
               f"99 % within {_latency(latency, 'p99')}"),
        Tile("Longest silence", _time(served.failover_ns), "without an answer in a fault"),
        Tile("Slowest recovery", _time(served.recovery_ns), "from healing to an answer"),
        Tile("Operations at once", digits(statistics.concurrency),
               f"at most {count(statistics.concurrency_max)}"),
    ]  # fmt: skip
    if healing is not None:
        shown.append(Tile("Every node serving", duration(healing), "after the last healing"))
    corrected = arrivals(stored)
    if corrected:
        shown.append(Tile("Latency from when calls were due", *corrected))
    planted = strength(stored)
    if planted:
        shown.append(Tile("Could have been caught", *planted))
    cost = costs(stored, statistics)
    if "cost.messages_sent" in cost:
        rest = [f"{digits(cost['cost.fsyncs'])} fsyncs"] if "cost.fsyncs" in cost else []
        rest += [size(cost["cost.bytes_sent"])] if "cost.bytes_sent" in cost else []
        told = digits(cost["cost.messages_sent"])
        shown.append(Tile("Messages per ok operation", told, ", ".join(rest)))
    if statistics.operations < FEWEST:
        shown = [tile for tile in shown if not tile.label.startswith(_OF_MANY)]
    return [tile for tile in shown if tile.value != "–"]


def gates(stored: StoredRun) -> list[dict[str, Any]]:
    """What the run had to do to count, and whether the system recovered."""
    rows = [
        {"name": plain(gate.get("name", "?"), 200), "passed": gate.get("passed") is True,
         "detail": plain(gate.get("detail", ""), 400)}
        for gate in objects(stored.result, "gates")
    ]  # fmt: skip
    liveness = find(stored.result, dict, "liveness")
    if liveness:
        rows.append(
            {"name": "the system recovered after healing", "passed": liveness.get("passed") is True,
             "detail": plain(liveness.get("detail", ""), 400)}
        )  # fmt: skip
    return rows[:ROWS_MAX]


def findings(stored: StoredRun) -> list[dict[str, str]]:
    """What else was found, a node that ended by itself say."""
    found = []
    for finding in (find(stored.result, list, "findings") or [])[:50]:
        item = finding if isinstance(finding, dict) else {"detail": finding}
        rest = {name: text for name, text in item.items() if name not in ("node", "detail")}
        found.append({
            "node": plain(item.get("node", ""), 60),
            "detail": plain(item.get("detail", ""), 2000),
            "rest": "\n".join(plain(text, 2000) for text in rest.values() if text),
        })  # fmt: skip
    return found


def faults(stored: StoredRun, statistics: Statistics) -> list[FaultRow]:
    spans = zip(stored.history.faults, statistics.availability.spans, strict=True)
    return [
        FaultRow(
            number=fault.number,
            name=plain(fault.name, 80),
            detail=plain(fault.detail, 300),
            begins=moment(fault.injected_ns),
            lasts=_lasts(fault),
            share=span.served.share,
            served=_served(span.served),
            failover=duration(span.failover_ns),
            recovery=_recovery(fault, span.recovery_ns),
        )
        for fault, span in sorted(spans, key=lambda pair: pair[0].number)[:ROWS_MAX]
    ]


def coverage(stored: StoredRun) -> list[dict[str, str]]:
    """A row for each fault by name: how often it was in force, on whom, and what it met."""
    rows = []
    for fault in islice(objects(stored.result, "coverage"), ROWS_MAX):
        met, lasted_ns = number(fault, "met"), number(fault, "total_ns")
        struck, planned = number(fault, "in_force") or 0, number(fault, "scheduled") or 0
        rows.append({
            "name": plain(fault.get("name"), 80),
            "in_force": f"{count(struck)} of {count(planned)}",
            "missed": "" if struck else "never in force",
            "targets": _tally(fault.get("targets"), " × "),
            "lasted": duration(lasted_ns or 0),
            "met": count(met) if met is not None else "",
            "seen": plain("; ".join(map(str, find(fault, list, "seen") or [])), 300),
            "operations": "; ".join(
                f"{plain(function, 60)}: {_tally(counts)}"
                for function, counts in list((find(fault, dict, "operations") or {}).items())[:20]
            ),
        })  # fmt: skip
    return rows


def _tally(counts: Any, between: str = " ") -> str:
    """ "one 3, leader 1", of a mapping from words to numbers."""
    if not isinstance(counts, dict):
        return ""
    return ", ".join(
        f"{plain(word, 40)}{between}{plain(number, 20)}" for word, number in counts.items()
    )


def _served(served: Served) -> str:
    if served.share is None:
        return "none invoked"
    return f"{percent(served.share)} of {count(served.invoked)}"


def _lasts(fault: FaultSpan) -> str:
    if fault.healed_ns is None:
        return "never healed"
    return duration(fault.healed_ns - fault.injected_ns)


def _recovery(fault: FaultSpan, recovery_ns: int | None) -> str:
    if fault.healed_ns is None:
        return "–"
    return "no answer after it" if recovery_ns is None else duration(recovery_ns)


def refused(stored: StoredRun) -> list[str]:
    return [plain(why, 400) for why in (find(stored.run, list, "refused") or [])[:ROWS_MAX]]


def unapplied(stored: StoredRun) -> list[str]:
    """Faults of the schedule that the history does not show."""
    applied = {fault.number for fault in stored.history.faults}
    missed = []
    for fault in objects(stored.run, "schedule"):
        if fault.get("number") not in applied:
            at = number(fault, "at_ns")
            due = f", due at {moment(at)}" if at is not None else ""
            missed.append(f"{plain(fault.get('number'), 20)} {plain(fault.get('name'), 80)}{due}")
    return missed[:ROWS_MAX]


def operations(statistics: Statistics) -> list[dict[str, Any]]:
    """Counts by function and outcome, with each outcome's share of the largest row."""
    largest = max((sum(counts.values()) for counts in statistics.counts.values()), default=0)
    rows = []
    for name, counts in list(statistics.counts.items())[:ROWS_MAX]:
        bars, x = [], 0.0
        for word, n in counts.items():
            width = 100 * n / largest if largest else 0.0
            bars.append((word, round(x, 3), round(width, 3)))
            x += width
        rows.append({"name": plain(name, 80), "counts": counts, "bars": bars,
                     "total": sum(counts.values())})  # fmt: skip
    return rows


def errors(statistics: Statistics) -> list[tuple[str, int]]:
    return [(plain(word, 120), n) for word, n in list(statistics.errors.items())[:20]]


def latencies(statistics: Statistics) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The table of percentiles: its columns, and a row for each function and one for all."""
    rows = [
        (plain(name, 80), [duration(values[p]) for p in PER_THOUSAND])
        for name, values in list(statistics.latency_ns.items())[:ROWS_MAX]
    ]
    overall = statistics.overall_latency_ns
    if overall and len(rows) > 1:
        rows.append(("all", [duration(overall[p]) for p in PER_THOUSAND]))
    return list(PER_THOUSAND), rows


def rates(statistics: Statistics) -> list[tuple[str, str, str, str]]:
    """Throughput overall, outside and during faults: name, rate, operations, time."""
    named = [("over the whole time of calls", statistics.throughput)]
    if statistics.throughput_inside.duration_ns:
        named.append(("outside faults", statistics.throughput_outside))
        named.append(("during faults", statistics.throughput_inside))
    return [(name, _rate(rate), count(rate.ok), duration(rate.duration_ns)) for name, rate in named]


def leaders(stored: StoredRun) -> list[tuple[str, int, int]]:
    """Who was seen to lead: the node, its term, and since when."""
    return [
        (plain(seen.get("node", "?"), 40), find(seen, int, "term") or 0, at_ns)
        for seen in objects(stored.result, "leaders")
        if (at_ns := find(seen, int, "time_ns")) is not None
    ]


def counters(stored: StoredRun) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """What the nodes told last: the columns' names, and a row for each node."""
    told = find(stored.result, dict, "counters") or {}
    nodes = [(node, data) for node, data in list(told.items())[:ROWS_MAX] if isinstance(data, dict)]
    numbers = ["messages_sent", "bytes_sent", "records", "fsyncs"]
    rows = []
    for node, data in nodes:
        cells = [
            "–" if (n := find(data, int, name)) is None
            else size(n) if name.startswith("bytes") else count(n)
            for name in numbers
        ]  # fmt: skip
        facts = find(data, dict, "facts") or {}
        role = plain(facts.get("role", ""), 40)
        term = next((f"{name} {plain(facts[name], 20)}" for name in ("term", "ballot")
                     if name in facts), "")  # fmt: skip
        rows.append((plain(node, 60), [", ".join(filter(None, (role, term))) or "–", *cells]))
    return ["Was last", *(name.replace("_", " ").capitalize() for name in numbers)], rows


def _text(data: dict[str, Any], name: str, limit: int = 120) -> str:
    return plain(data[name], limit) if data.get(name) is not None else ""


def _rate(rate: Rate) -> str:
    return "–" if rate.per_second is None else f"{digits(rate.per_second)}/s"


def _latency(percentiles: dict[str, int], name: str) -> str:
    return duration(percentiles[name]) if percentiles else "–"


def _time(ns: int | None) -> str:
    return "–" if ns is None else duration(ns)
