"""Whether the harness did its own part: gates over what it recorded, counted and judged.

The checker believes a history. These gates compare the history with what was counted beside it
while the run went on, so that a harness which loses operations, records them late, asks one node
only or skips a step cannot call a system valid. A run that was stored before there was such a count
has fewer gates.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from checker.columns import FAIL, NEVER, OK
from checker.history import History
from checker.strength import Gate
from checker.verdict import Result
from checker.wording import plural

LATE_SHARE = 0.05
"""The share of completions that may be recorded late: a busy machine holds up a few."""


class Counts(msgspec.Struct):
    """What the recorder counted, by phase in `asked`; the nodes, and which of them must serve in
    the end."""

    operations: int
    completions: int
    late: int
    asked: dict[str, dict[str, int]]
    nodes: list[str]
    serving: list[str]
    outcomes: dict[str, int] | None = None


def trust_gates(
    history: History, observed: dict[str, Any], judged: Result, kinds: Sequence[str]
) -> list[Gate]:
    """The gates for a run's history, what was observed beside it, and what the checker made of it.

    `kinds` are the functions that every node must have served after healing. Raises `ValueError`
    where the observations are damaged.
    """
    found = [_in_order(history), *_all_judged(history, judged)]
    if "recorded" in observed:
        recorded = msgspec.convert(observed["recorded"], Counts)
        found += [_all_recorded(history, recorded), _on_time(recorded), _all_asked(recorded)]
        if recorded.outcomes is not None:
            found.append(_all_completed(history, recorded.outcomes))
        if liveness := observed.get("liveness"):
            unasked = msgspec.convert(liveness.get("unasked", []), list[str])
            found.append(_recovered(history, len(recorded.serving), kinds, unasked))
    return found


def _in_order(history: History) -> Gate:
    """The order of the log is that of its times: a clock that goes back tells neither."""
    columns = history.columns
    known = (columns.completed != NEVER) & (columns.completed_ns != NEVER)
    positions = np.concatenate([columns.invoked, columns.completed[known]])
    times = np.concatenate([columns.invoked_ns, columns.completed_ns[known]])
    backwards = int(np.count_nonzero(np.diff(times[np.argsort(positions)]) < 0))
    detail = "no event is older than one before it"
    if backwards:
        detail = f"{backwards} event{'s are' if backwards > 1 else ' is'} older than the one before"
    return Gate("events in order of time", not backwards, detail)


def _all_judged(history: History, judged: Result) -> Iterable[Gate]:
    for name, recorded in (("operations", len(history)), ("keys", len(history.columns.keys))):
        count = judged.statistics.get(name)
        if count is not None:
            yield Gate(f"all {name} judged", count == recorded, f"{count} of {recorded}")


def _all_recorded(history: History, recorded: Counts) -> Gate:
    count = f"{len(history)} of {recorded.operations}"
    return Gate("all operations kept", len(history) == recorded.operations, count)


def _all_completed(history: History, outcomes: dict[str, int]) -> Gate:
    """What never ended cannot be told from what did and was not written, but by counting."""
    told = {"ok": OK, "fail": FAIL}
    counted = sum(outcomes.get(word, 0) for word in told)
    known = np.isin(history.columns.outcome, list(told.values()))
    kept = int(np.count_nonzero(known))
    return Gate("all completions kept", kept == counted, f"{kept} of {counted}")


def _on_time(recorded: Counts) -> Gate:
    passed = recorded.late <= LATE_SHARE * recorded.completions
    detail = f"{recorded.late} of {recorded.completions} were late"
    return Gate("completions recorded on time", passed, detail)


def _all_asked(recorded: Counts) -> Gate:
    """Every node was sent requests while clients called: one that is never asked cannot err."""
    asked = recorded.asked.get("calls", {})
    never = [node for node in recorded.nodes if not asked.get(node)]
    fewest = min((asked.get(node, 0) for node in recorded.nodes), default=0)
    detail = (
        f"never asked: {', '.join(never)}" if never else f"each {plural(fewest, 'time')} or more"
    )
    return Gate("every node asked", not never, detail)


def _recovered(history: History, nodes: int, kinds: Sequence[str], unasked: Sequence[str]) -> Gate:
    """After healing there were as many calls of each kind answered as there are nodes, and there
    was time to ask each of them."""
    columns = history.columns
    during = np.zeros(len(columns), np.bool_)
    for number, phase in enumerate(history.phases):
        if phase.name == "recovery":
            later = history.phases[number + 1 :]
            ends = later[0].begins if later else NEVER
            during |= (columns.invoked > phase.begins) & (columns.invoked < ends)
    answered = [
        int(np.count_nonzero(during & (columns.outcome == OK) & (columns.function == number)))
        for number in (columns.functions.find(kind) for kind in kinds)
    ]
    fewest = min(answered, default=0)
    asked = plural(nodes, "node")
    detail = (
        f"after healing each kind of call was answered {plural(fewest, 'time')} or more, by {asked}"
    )
    if unasked:
        detail += f"; no time was left to ask for {', '.join(unasked)}"
    return Gate("every node served again", fewest >= nodes and not unasked, detail)
