"""What the faults of a run really covered: how often each was in force, on whom, for how long, and
which operations it met.

A schedule says what was meant to happen. This says what did, by what the environment showed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from checker.columns import NEVER, OUTCOMES, Columns
from checker.history import FaultSpan, History
from checker.strength import Gate
from checker.wording import plural

CLASSES = ("one", "minority", "majority", "all", "leader")
"""What a fault may strike; a leader counts as one as well."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """One fault by name, over the whole run.

    `targets` counts its strikes by `CLASSES`. `met` is how often it met something, as the
    environment counted (packets that a rule dropped, say), None where nothing counted.
    `operations` are those whose interval overlaps one of its spans, by function and outcome.
    """

    name: str
    family: str
    scheduled: int
    in_force: int
    total_ns: int
    targets: dict[str, int]
    met: int | None
    seen: tuple[str, ...]
    operations: dict[str, dict[str, int]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def coverage(
    history: History,
    planned: Iterable[tuple[str, str]],
    nodes: int,
    leaders: Sequence[tuple[int, str]] = (),
) -> list[Coverage]:
    """What each planned fault covered in a cluster of that size; `planned` has the family and
    the name of each.

    `leaders` are the nodes that were seen to lead, each with the moment in nanoseconds from which
    it did, in order.
    """
    families: dict[str, str] = {}
    scheduled: Counter[str] = Counter()
    for family, name in planned:
        families[name] = family
        scheduled[name] += 1
    end_ns = max((phase.begins_ns for phase in history.phases), default=0)
    found = []
    for name, family in families.items():
        spans = [s for s in history.faults if s.name == name and s.applied is not False]
        targets = Counter(kind for span in spans for kind in _classes(span, nodes, leaders))
        counts = [span.met for span in spans if span.met is not None]
        found.append(
            Coverage(
                name=name,
                family=family,
                scheduled=scheduled[name],
                in_force=len(spans),
                total_ns=sum(_lasted_ns(span, end_ns) for span in spans),
                targets={kind: targets[kind] for kind in CLASSES if targets[kind]},
                met=sum(counts) if counts else None,
                seen=tuple(dict.fromkeys(span.seen for span in spans if span.seen))[:3],
                operations=_operations(history.columns, spans),
            )
        )
    return found


def in_force(covered: Iterable[Coverage], asked: Iterable[str]) -> Iterable[Gate]:
    """A gate for each fault that was `asked` for by its own name, which must have been in force.

    Of a family that was asked for one fault must have been (`checker.strength`), and any of them
    may have found nothing to strike, as a pause of a node that another fault holds down.
    """
    names = set(asked)
    for one in covered:
        if one.name in names:
            detail = f"{one.in_force} of {plural(one.scheduled, 'time')}"
            yield Gate(f"{one.name} in force", one.in_force > 0, detail)


def classes(count: int, nodes: int) -> str:
    """What that many of all nodes are."""
    if count == nodes:
        return "all"
    if count == 1:
        return "one"
    return "majority" if count > nodes // 2 else "minority"


def _classes(span: FaultSpan, nodes: int, leaders: Sequence[tuple[int, str]]) -> Iterable[str]:
    if span.nodes:
        yield classes(len(span.nodes), nodes)
    led = [node for since_ns, node in leaders if since_ns <= span.injected_ns]
    if (led and led[-1] in span.nodes) or (span.nodes and span.name.endswith("-leader")):
        yield "leader"


def _lasted_ns(span: FaultSpan, end_ns: int) -> int:
    healed_ns = end_ns if span.healed_ns is None else span.healed_ns
    return max(0, healed_ns - span.injected_ns)


def _operations(columns: Columns, spans: Iterable[FaultSpan]) -> dict[str, dict[str, int]]:
    met = np.zeros(len(columns), np.bool_)
    for span in spans:
        healed = NEVER if span.healed is None else span.healed
        met |= (columns.invoked < healed) & (span.injected < columns.completed)
    found = {}
    for number, function in enumerate(columns.functions):
        outcomes = columns.outcome[met & (columns.function == number)]
        counts = {word.value: int((outcomes == code).sum()) for code, word in enumerate(OUTCOMES)}
        found[function] = {word: count for word, count in counts.items() if count}
    return {function: counts for function, counts in found.items() if counts}
