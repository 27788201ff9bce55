"""What came of asking the nodes for every kind of call once all was healed.

A kind that was asked of a node and not served is a failure of the system. One that there was no
time to ask for, as earlier nodes took it all, is no failure that was seen and no success either: it
is kept apart, and leaves the run unknown (`harness.trust`). A kind that was asked of no node is
neither, so that a store whose clients only read is not held to writes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from systems_under_test.node import NodeId


class Recovery:
    """Gathers, node by node, which kinds of calls it was asked for and which it did not serve."""

    def __init__(self) -> None:
        self._missing: list[str] = []
        self._unasked: list[tuple[str, NodeId]] = []
        self._drawn: set[str] = set()

    def add(self, node: NodeId, unserved: Iterable[str], asked: Mapping[str, int]) -> None:
        self._drawn.update(asked)
        for kind in unserved:
            if asked.get(kind):
                self._missing.append(f"{kind} at {node}")
            else:
                self._unasked.append((kind, node))

    def told(self, limit_s: float, took_ns: int) -> dict[str, Any]:
        """What observations.json says of it; `recovery_ns` is None unless every node served."""
        unasked = [f"{kind} at {node}" for kind, node in self._unasked if kind in self._drawn]
        within = f"within {limit_s:g} s of healing"
        detail = f"every node served again after {took_ns / 1e9:.2f} s"
        if unasked:
            detail = f"no time was left {within} to ask for {', '.join(unasked)}"
        if self._missing:
            detail = f"not served {within}: {', '.join(self._missing)}"
        return {
            "passed": not self._missing,
            "detail": detail,
            "recovery_ns": None if self._missing or unasked else took_ns,
            "unasked": unasked,
        }
