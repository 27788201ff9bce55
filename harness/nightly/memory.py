"""What earlier nights found, from the file to which all of them append their results.

A failure is *new* where no earlier night had its fingerprint. It is *known* where every night since
then had it, as far as its cells ran, and *flaky* where one of its cells was green in between.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.nightly.symptom import symptom_of

_GREEN = ("pass", "caught")
_RECORDS = ("nightly run", "night")


@dataclass
class _Past:
    """One earlier night: its commit, what failed, and the outcomes of each cell's runs."""

    began: str
    commit: str = ""
    failed: set[str] = field(default_factory=set)
    cells: dict[str, set[str]] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)
    """Of cells whose system has a repository of its own."""

    def green(self, cell: str) -> bool:
        """Whether the cell ran, and nothing but passes came of it: of a canary, if it was
        caught."""
        outcomes = self.cells.get(cell, set())
        if "caught" in outcomes:
            return True
        return bool(outcomes) and outcomes <= {"pass", "unknown"} and "pass" in outcomes

    def of(self, cell: str) -> str:
        return self.commits.get(cell) or self.commit


@dataclass(frozen=True)
class Remembered:
    """What is known of a failure. Nights are told by when they began, commits as their records
    name them; "" where there is none. It was `seen` in this many of the `nights` since the
    first, tonight among them, in which its cells ran."""

    state: str
    first_seen: str = ""
    first_commit: str = ""
    last_green: str = ""
    last_green_commit: str = ""
    seen: int = 1
    nights: int = 1

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class PastNights:
    """All earlier nights of a file of results."""

    def __init__(self, records: Iterable[dict[str, Any]] = ()) -> None:
        self._nights: dict[str, _Past] = {}
        for record in records:
            self._take(record)

    @classmethod
    def read(cls, path: Path) -> "PastNights":
        """The nights of a file; none where there is no file. Lines that are not records of a night
        are passed over, as the trend does, which counts them."""
        try:
            lines = path.read_bytes().splitlines()
        except OSError:
            return cls()
        return cls(record for line in lines if (record := _record(line)) is not None)

    def _take(self, record: dict[str, Any]) -> None:
        began = record.get("began") if record["labrys"] == "night" else record.get("night")
        if not isinstance(began, str):
            return
        night = self._nights.setdefault(began, _Past(began))
        if record["labrys"] == "night":
            failures = record.get("failures")
            for failure in failures if isinstance(failures, list) else []:
                if isinstance(failure, dict):
                    night.failed.add(str(failure.get("fingerprint")))
            return
        cell, outcome = str(record.get("cell")), str(record.get("outcome"))
        night.commit = str(record.get("commit") or night.commit)
        if record.get("system_commit"):
            night.commits[cell] = str(record["system_commit"])
        night.cells.setdefault(cell, set()).add(outcome)
        if outcome not in (*_GREEN, "unknown", "not run"):
            night.failed.add(symptom_of(record).fingerprint)

    def remembered(self, fingerprint: str, cells: Iterable[str]) -> Remembered:
        """What earlier nights know of a failure that these cells show tonight."""
        cells = tuple(cells)
        nights = [self._nights[began] for began in sorted(self._nights)]
        green = [n for n in nights if any(n.green(cell) for cell in cells)]
        last = green[-1] if green else None
        last_green = (last.began, next((c for x in cells if (c := last.of(x))), "")) if last else ()
        with_it = [n for n in nights if fingerprint in n.failed]
        if not with_it:
            return Remembered("new", "", "", *last_green)
        first = with_it[0]
        since = [
            n for n in nights
            if n.began >= first.began and (n in with_it or any(cell in n.cells for cell in cells))
        ]  # fmt: skip
        between = any(n not in with_it and n in green for n in since)
        commit = next((c for x in cells if (c := first.of(x))), "")
        return Remembered(
            "flaky" if between else "known", first.began, commit, *(last_green or ("", "")),
            seen=len(with_it) + 1, nights=len(since) + 1,
        )  # fmt: skip


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    known = isinstance(record, dict) and record.get("labrys") in _RECORDS
    return record if known else None
