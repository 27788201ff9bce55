"""The counterexample of a stored result: its operations, its argument, and their drawing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from checker.history import FaultSpan
from reports.space_time import Pair, draw, letter
from reports.steps import DrawnEdge, Step
from reports.stored import find, objects
from reports.wording import did, plain

SHOWN_MAX = 40
"""More operations than this no reader follows; minimal counterexamples have a handful."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the argument, with the number of the edge that it names, if any."""

    text: str
    edge: int | None

    @property
    def letter(self) -> str:
        """How its arrow is called in the drawing."""
        return "" if self.edge is None else letter(self.edge)


@dataclass(frozen=True)
class Counterexample:
    """What a page shows of a violation; `left_out` counts operations beyond `SHOWN_MAX`."""

    key: str
    steps: tuple[Step, ...]
    edges: tuple[DrawnEdge, ...]
    sentences: tuple[Sentence, ...]
    diagram: Pair
    left_out: int


def counterexample(
    linearizability: dict[str, Any], faults: Sequence[FaultSpan] = ()
) -> Counterexample | None:
    """Read the counterexample of a stored result; None where it has none. Of the run's faults
    those that were in force are drawn."""
    found = list(objects(linearizability, "counterexample"))
    key = plain(linearizability.get("key"), 120)
    steps = tuple(_step(n, item, key) for n, item in enumerate(found[:SHOWN_MAX], start=1))
    if not steps:
        return None
    edges = tuple(_edges(linearizability, len(steps)))
    texts = [
        text for text in find(linearizability, list, "explanation") or ()
        if text and not _tells_an_operation(text, len(steps))
    ]  # fmt: skip
    return Counterexample(
        key=key,
        steps=steps,
        edges=edges,
        sentences=tuple(_sentence(plain(text, 1000), edges) for text in texts[:100]),
        diagram=draw(steps, edges, faults),
        left_out=len(found) - len(steps),
    )


def _tells_an_operation(text: Any, count: int) -> bool:
    """Whether a sentence says no more than one of the shown operations does: "3: process 2 …"."""
    found = re.match(r"(\d{1,9}): process ", text) if isinstance(text, str) else None
    return found is not None and 1 <= int(found[1]) <= count


def _step(number: int, item: dict[str, Any], key: str) -> Step:
    outcome = find(item, str, "outcome") or "info"
    invoked = find(item, int, "invoked") or 0
    return Step(
        number=number,
        process=plain(item.get("process"), 20),
        predicate=did(
            find(item, str, "function") or "?", item.get("argument"), item.get("result"), outcome
        ),
        outcome=outcome,
        node=find(item, str, "node") or "",
        invoked=invoked,
        completed=find(item, int, "completed"),
        from_ns=find(item, int, "invoked_ns") or 0,
        until_ns=None if outcome == "info" else find(item, int, "completed_ns"),
        timed=item.get("invoked_ns") is not None,
        lines=_lines(find(item, int, "line"), find(item, int, "completed_line")),
        key="" if key == "null" else key,
    )


def _lines(first: int | None, last: int | None) -> str:
    """Where an operation stands in its file."""
    if first is None:
        return ""
    return f"line {first}" if last in (None, first) else f"lines {first} and {last}"


def _edges(linearizability: dict[str, Any], count: int) -> list[DrawnEdge]:
    """The edges between shown operations."""
    edges = []
    for item in objects(linearizability, "cycle"):
        source = find(item, int, "from") or find(item, int, "source") or 0
        target = find(item, int, "to") or find(item, int, "target") or 0
        if 1 <= source <= count and 1 <= target <= count and source != target:
            label = plain(item.get("label", ""), 40)
            edges.append(DrawnEdge(source, target, label, plain(item.get("sentence", ""), 1000)))
    return edges[:100]


def _sentence(text: str, edges: Sequence[DrawnEdge]) -> Sentence:
    """Find the edge that a sentence tells: its own sentence, else one whose numbers it names."""
    for number, edge in enumerate(edges):
        if edge.sentence and edge.sentence == text:
            return Sentence(text, number)
    named = set(re.findall(r"\b\d+\b", text))
    for number, edge in enumerate(edges):
        if not edge.sentence and {str(edge.source), str(edge.target)} <= named:
            return Sentence(text, number)
    return Sentence(text, None)
