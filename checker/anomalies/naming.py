"""The one door to the names of anomalies: from a verdict and its history to a headline."""

from typing import Any

from checker.anomalies import collections, registers, services
from checker.anomalies.anomaly import Anomaly, AnomalyKind, Evidence, evidence, unfitting
from checker.anomalies.circumstances import circumstances
from checker.eventual import ALGORITHM as EVENTUAL
from checker.history import History
from checker.verdict import Result, Verdict

VERSIONS = "versions"
"""The algorithm that finds versions to lie; its reason says so, and there is no other name."""


def name_anomaly(result: Result, history: History) -> Anomaly | None:
    """The anomaly that a verdict's counterexample shows; None where there is no counterexample."""
    shown = result.counterexample
    if result.verdict is not Verdict.INVALID or not shown:
        return None
    if result.algorithm == VERSIONS:
        return Anomaly(AnomalyKind.OTHER, result.reason, shown[-1])
    if result.algorithm == EVENTUAL:
        return _in_the_end(result)
    known = evidence(history, shown)
    return _named(known) or unfitting(known)


def headline(anomaly: Anomaly, result: Result, history: History) -> str:
    """The anomaly and the faults around it, as one sentence with its full stop."""
    around = circumstances(history.faults, anomaly.shown_by, result.counterexample)
    return f"{anomaly.sentence}{around}."


def told(result: Result, history: History) -> dict[str, Any] | None:
    """The anomaly as JSON values: its `kind`, `sentence`, and `headline`, which has the faults."""
    anomaly = name_anomaly(result, history)
    if anomaly is None:
        return None
    return {
        "kind": anomaly.kind.value,
        "sentence": f"{anomaly.sentence}.",
        "headline": headline(anomaly, result, history),
    }


def _named(known: Evidence) -> Anomaly | None:
    """By what was called, since a function has one meaning in all models that know it."""
    functions = {o.function for o in known.shown}
    if functions <= registers.FUNCTIONS and not _whole(known) and not _several(known):
        return registers.of_register(known)
    if functions & collections.TAKES:
        return collections.of_queue(known)
    if functions == {"generate"}:
        return services.of_ids(known)
    if functions <= {"inspect", "campaign", "resign", "observe"}:
        return services.of_leader(known)
    if functions <= {"acquire", "release"}:
        return services.of_lock(known)
    if functions <= collections.CONTAINERS and (
        functions & {"contains", "remove"} or _whole(known)
    ):
        return collections.of_set(known)
    if functions <= {*services.COUNTS, "read"}:
        return services.of_counter(known)
    return None


def _whole(known: Evidence) -> bool:
    """Whether reads show a whole collection: one that others add or append to."""
    return any(
        o.function in ("add", "append") and type(read.result) is not int
        for read in known.shown
        if read.function == "read" and read.result is not None
        for o in known.others
    ) and any(isinstance(o.result, (list, tuple)) for o in known.shown)


def _several(known: Evidence) -> bool:
    """Whether reads show several values together that no write replaces: balances, say."""
    told = any(isinstance(o.result, dict) for o in known.shown)
    return told and not any(o.function in ("write", "cas") for o in known.others)


def _in_the_end(result: Result) -> Anomaly:
    """What the last reads show, in the checker's own words."""
    last = result.counterexample[-1]
    if "nobody had added" in result.reason:
        kind = AnomalyKind.GARBAGE_READ
    elif "does not show" in result.reason:
        kind = AnomalyKind.LOST_WRITE
    else:
        kind = AnomalyKind.LOST_UPDATE
    return Anomaly(kind, result.reason, last)
