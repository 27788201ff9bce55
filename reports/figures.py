"""The figures by which systems are compared: what each key of `reports.measures` means in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.intervals import Interval
from reports.wording import digits, duration, percent, size

GROUPS = (
    "Throughput",
    "Latency of ok operations",
    "During faults",
    "After faults",
    "Cost",
    "Staleness",
)

NOTES = {
    "Throughput": "ok operations a second, over the time of the calls.",
    "Latency of ok operations": "Over the whole run, by kind; the percentiles are of each run, and "
    "what is shown is their mean over the repeats.",
    "During faults": "While at least one fault of the family was in force; those of other "
    "families may overlap it. Kept: the throughput then, as a share of that outside all faults. "
    "Silence: the longest time without an answer, on average over the faults. Answered: of the "
    "operations invoked then; clients wait for their answers, so few are invoked while nothing is "
    "served, and silence says more.",
    "After faults": "From the healing of a fault to the first answer to an operation invoked "
    "after it, on average over the faults; and from the last healing until every node served.",
    "Cost": "What all nodes together sent and synced, heartbeats and elections and all, for each "
    "ok operation. The counters of a killed node lose up to half a second.",
    "Staleness": "Reads that missed a write which had ended before they began.",
}


ORDER = ("throughput", "latency", "kept", "silence", "answered", "recovery", "cost", "stale")
"""The kinds of figures as they are shown; those of one group stand together."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `unit` is rate, ns, share, bytes or count; `better` is "more" or "less"."""

    key: str
    label: str
    group: str
    unit: str
    better: str
    main: bool = True

    @property
    def place(self) -> int:
        return ORDER.index(self.key.partition(".")[0])

    def in_words(self, value: float) -> str:
        """A value in words: "1,003/s", "3.20 ms", "62.0 %"."""
        match self.unit:
            case "rate":
                return f"{digits(value)}/s"
            case "ns":
                return duration(value)
            case "share":
                return percent(value) if value <= 1 else f"{value:.0%}".replace("%", " %")
            case "bytes":
                return size(value)
            case _:
                return digits(value)

    def difference_in_words(self, value: float) -> str:
        """A difference in words; of shares in percentage points."""
        return f"{digits(value * 100)} points" if self.unit == "share" else self.in_words(value)

    def bounded(self, interval: Interval) -> Interval:
        """An interval without what the figure can never be."""
        most = 1.0 if self.key.startswith(("answered.", "stale.share")) else float("inf")
        return Interval(interval.estimate, max(interval.low, 0.0), min(interval.high, most))


def figure_of(key: str) -> Figure:
    """What a key of `Measured.figures` means."""
    kind, _, rest = key.partition(".")
    match kind:
        case "throughput":
            where = {"outside": "outside faults", "inside": "during faults", "overall": "overall"}
            return Figure(key, f"Throughput {where.get(rest, rest)}", GROUPS[0], "rate", "more")
        case "latency":
            function, _, percentile = rest.rpartition(".")
            word = {"p50": "median"}.get(percentile, percentile)
            main = percentile != "p90"
            return Figure(key, f"Latency of {function}, {word}", GROUPS[1], "ns", "less", main)
        case "kept":
            return Figure(key, f"Throughput kept during {rest}", GROUPS[2], "share", "more")
        case "answered":
            return Figure(key, f"Answered during {rest}", GROUPS[2], "share", "more", False)
        case "silence":
            return Figure(key, f"Silence during {rest}", GROUPS[2], "ns", "less")
        case "recovery":
            of = "of" if rest == "every node" else "after"
            return Figure(key, f"Recovery {of} {rest}", GROUPS[3], "ns", "less")
        case "cost":
            words = {"messages_sent": "Messages", "bytes_sent": "Bytes", "fsyncs": "Fsyncs"}
            unit = "bytes" if rest == "bytes_sent" else "count"
            return Figure(key, f"{words.get(rest, rest)} per operation", GROUPS[4], unit, "less")
    label = {"share": "Stale reads", "age": "Worst age of a stale read"}.get(rest, rest)
    return Figure(key, label, GROUPS[5], "share" if rest == "share" else "ns", "less")


PICTURE = ("throughput.outside", "latency", "kept", "silence", "recovery", "cost")
"""What the picture of a comparison shows first; of latencies the 99th percentile, of families of
faults kills where there were any."""

_SPARE = ("throughput.inside", "throughput.overall", "answered", "stale.share")


def first_six(keys: Sequence[str]) -> list[str]:
    """The keys of the picture: one of each kind, and others where a kind is missing."""
    found: list[str] = []
    for kind in (*PICTURE, *_SPARE):
        own = sorted((key for key in keys if f"{key}.".startswith(f"{kind}.")), key=_told_first)
        found += [own[0]] if own and len(found) < len(PICTURE) else []
    return found


def _told_first(key: str) -> tuple[bool, ...]:
    """Kills, writes, tails and messages before others; and single families before all nodes."""
    return (
        not key.endswith((".kill", ".p99", ".messages_sent")),
        not key.startswith("latency.write."),
        key.endswith(".every node"),
    )
