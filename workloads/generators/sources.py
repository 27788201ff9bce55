"""What generators call by name, drawn from a workload: all of it, one of its parts, one function.

A workload draws its calls as they come. One that is not of the function asked for waits until
somebody wants it, so that nothing is lost of what the workload meant to do.
"""

from collections import deque

from workloads.together import SideBySide, TogetherCalls
from workloads.workload import Call, Calls, Workload

ALL = "all"
"""The name of everything that a workload calls."""

DRAWS_MAX = 1_000
"""Calls that are drawn for one of some function, before it is given up."""

WAITING_MAX = 1_000
"""Calls of a function that wait to be wanted; beyond them the oldest are forgotten."""


def known(workload: Workload) -> dict[str, tuple[str, str]]:
    """All names: the part of the workload and the function that each stands for, or "" for any.

    The names of parts come before those of functions, which `part.function` names for certain.
    """
    parts = workload.parts if isinstance(workload, SideBySide) else (workload,)
    found = {ALL: ("", "")}
    found |= {part.name: (part.name, "") for part in parts}
    for part in parts:
        for function in part.functions:
            found[f"{part.name}.{function}"] = (part.name, function)
            found.setdefault(function, (part.name, function))
    return found


class Sources:
    """Takes calls out of what a workload draws, by the names that generators have for them."""

    def __init__(self, workload: Workload, calls: Calls) -> None:
        self._names = known(workload)
        self._calls = calls
        self._waiting: dict[tuple[str, str], deque[Call]] = {}

    def take(self, name: str) -> Call:
        """The next call of that name. Raises `LookupError` where the workload draws none."""
        part, function = self._names[name]
        if not function:
            return self._draw(part)
        waiting = self._waiting.get((part, function))
        if waiting:
            return waiting.popleft()
        for _ in range(DRAWS_MAX):
            call = self._draw(part)
            if call.function == function:
                return call
            others = self._waiting.setdefault((part, call.function), deque(maxlen=WAITING_MAX))
            others.append(call)
        raise LookupError(
            f"the workload draws no {name}: {DRAWS_MAX:,} calls were of other functions; let the "
            "load call what the workload does"
        )

    def _draw(self, part: str) -> Call:
        if part and isinstance(self._calls, TogetherCalls):
            return self._calls.of(part)
        return self._calls.next()
