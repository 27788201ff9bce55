"""The operations of a counterexample and the edges between them, as a page shows them."""

from dataclasses import dataclass

from reports.wording import moment


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of the counterexample. `until_ns` is None where it may still take effect."""

    number: int
    process: str
    predicate: str
    outcome: str
    node: str
    invoked: int
    completed: int | None
    from_ns: int
    until_ns: int | None
    timed: bool = True
    lines: str = ""

    @property
    def when(self) -> str:
        if self.timed:
            end = "unknown" if self.until_ns is None else moment(self.until_ns)
            return f"{moment(self.from_ns)} to {end}{self.lines}"
        ends = "unknown" if self.completed is None else str(self.completed)
        return f"position {self.invoked} to {ends}{self.lines}"


@dataclass(frozen=True, slots=True)
class DrawnEdge:
    """Operation `source` must come before `target`, by their numbers."""

    source: int
    target: int
    label: str
    sentence: str
