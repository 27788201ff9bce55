"""The faults around an anomaly, as the end of its sentence: ", while n2 was cut off from n1"."""

import re
from collections.abc import Sequence

from checker.history import FaultSpan
from checker.operation import Operation
from checker.wording import joined, plural

TOLD_MAX = 2
"""How many faults a sentence names; of others it tells the number."""

_STATES = (
    (re.compile(r"paused (?P<who>[^:;]+)"), "paused"),
    (re.compile(r"killed (?P<who>[^:;]+)"), "down"),
    (re.compile(r"power lost at (?P<who>[^:;]+)"), "without power"),
    (re.compile(r"no space left at (?P<who>[^:;]+)"), "without space on disk"),
    (re.compile(r"(?P<who>[^:;]+?) (?P<how>cut off from [^:;]+)"), ""),
)
"""What recorders write of a fault, and the state in which its nodes are."""

_PAST = {
    "sends arrives": "sent arrived", "is sent to": "was sent to", "arrives": "arrived",
    "passes": "passed", "meet only": "met only", "sees only": "saw only", "stays": "stayed",
}  # fmt: skip
_PRESENT = re.compile(
    r"(nothing (passes|that) .+|.+ meet only in .+|each sees only .+|\S+ stays \S+)"
)


def circumstances(
    faults: Sequence[FaultSpan], shown_by: Operation, shown: Sequence[Operation]
) -> str:
    """The faults in force while that operation was under way; else those since the first of the
    counterexample began. "" where the run had none at all."""
    if not faults:
        return ""
    now = _between(faults, shown_by.invoked_ns, _end_ns(shown_by))
    if now:
        return f", while {_told(now, shown_by, 'was', 'were')}"
    first = min(o.invoked_ns for o in shown)
    before = _between(faults, first, shown_by.invoked_ns)
    if before:
        return f", after {_told(before, shown_by, 'had been', 'had been')}"
    return ", while no fault was in force"


def _end_ns(operation: Operation) -> int:
    return operation.invoked_ns if operation.completed_ns is None else operation.completed_ns


def _between(faults: Sequence[FaultSpan], first_ns: int, last_ns: int) -> list[FaultSpan]:
    return [
        fault
        for fault in faults
        if fault.injected_ns <= last_ns and (fault.healed_ns is None or fault.healed_ns >= first_ns)
    ]


def _told(faults: list[FaultSpan], shown_by: Operation, one: str, more: str) -> str:
    """The faults in words: first those that struck the node that answered, then the latest."""

    def tells(fault: FaultSpan) -> tuple[bool, bool, int]:
        struck = fault.nodes or re.split(r"[\s,;:]+", fault.detail)
        return shown_by.node in struck, _plain(fault), fault.injected_ns

    ranked = sorted(faults, key=tells, reverse=True)
    said = [state_of(fault, one, more) for fault in ranked[:TOLD_MAX]]
    more_faults = len(ranked) - TOLD_MAX
    end = f" (and {plural(more_faults, 'more fault')})" if more_faults > 0 else ""
    return ", and ".join(dict.fromkeys(said)) + end


def _plain(fault: FaultSpan) -> bool:
    """Whether what it did can be told in plain words."""
    return any(shape.fullmatch(fault.detail) for shape, _ in _STATES)


def state_of(fault: FaultSpan, one: str = "was", more: str = "were") -> str:
    """What the fault meant for its nodes: "n1 and n2 were paused"."""
    for shape, state in _STATES:
        found = shape.fullmatch(fault.detail.removesuffix("."))
        if found is not None:
            nodes = found["who"].split(", ")
            how = state or _listed(found["how"])
            return f"{joined(nodes)} {one if len(nodes) == 1 else more} {how}"
    if one == "was" and _PRESENT.fullmatch(fault.detail):
        said = re.sub(r"^nothing that (\S+) sends arrives", r"nothing that \1 sent arrived",
                      fault.detail)  # fmt: skip
        for present, past in _PAST.items():
            said = said.replace(present, past)
        return said
    return f"the fault {fault.name} {one} in force"


def _listed(words: str) -> str:
    """ "cut off from n1, n2" as a sentence lists it."""
    head, _, names = words.rpartition("from ")
    return f"{head}from {joined(names.split(', '))}"
