"""The page of any history that `labrys check` judged: a run's page, so far as the file goes.

A file may have no times; then its positions stand for them, on the timeline alone, and what is
measured in time is left out. Times that count from elsewhere than the run's beginning are counted
from the first invocation.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from checker.columns import NEVER, Ints
from checker.files import write_whole
from checker.history import History
from reports.page import page_of
from reports.stored import StoredRun

POSITION_NS = 1_000_000_000
"""How far apart positions stand where there are no times: as if each took a second."""

LATE_NS = 3_600 * 1_000_000_000
"""A history that begins later than this on its clock counts from elsewhere, from 1970 say."""

_TOLD = ("verdict", "algorithm", "reason", "key", "counterexample", "explanation", "cycle")


def write_page(path: Path, history: History, answer: dict[str, Any], reproduce: str) -> None:
    """Write the page of a judged file; `answer` is what `labrys check --json` prints of it.

    Raises `OSError` where it cannot be written.
    """
    write_whole(path, page_of(_stored(history, answer, reproduce)))


def _stored(history: History, answer: dict[str, Any], reproduce: str) -> StoredRun:
    """The file as if it had been a run of its own."""
    timed = history.source is None or history.source.timed
    base_ns = _beginning(history) if timed else 0
    linearizability = {name: answer[name] for name in _TOLD}
    if base_ns:
        linearizability["counterexample"] = [
            _earlier(item, base_ns) for item in answer["counterexample"]
        ]
    anomaly = answer["anomaly"]
    return StoredRun(
        directory=None,
        run={
            "name": Path(answer["file"]).name,
            "system": answer["read_as"] or "a history",
            "workload": f"model {answer['model']}" if answer["model"] else "",
            "reproduce": reproduce,
        },
        result={
            "verdict": answer["verdict"],
            "reason": anomaly["headline"] if anomaly else answer["reason"],
            "anomaly": anomaly,
            "linearizability": linearizability,
            "instead": answer["instead"],
            "seconds": {"check": answer["seconds"]},
        },
        history=_from_zero(history, base_ns) if timed else _by_position(history),
        problems=tuple(filter(None, [*answer["notes"], answer["cut"]])),
        timed=timed,
    )


def _beginning(history: History) -> int:
    first = int(history.columns.invoked_ns.min()) if len(history) else 0
    return first if first > LATE_NS or first < 0 else 0


def _earlier(item: dict[str, Any], by_ns: int) -> dict[str, Any]:
    moved = {name: item[name] - by_ns for name in ("invoked_ns", "completed_ns")
             if item[name] is not None}  # fmt: skip
    return {**item, **moved}


def _from_zero(history: History, base_ns: int) -> History:
    columns = history.columns
    if not base_ns:
        return history
    return _moved(history, columns.invoked_ns - base_ns, columns.completed_ns - base_ns)


def _by_position(history: History) -> History:
    columns = history.columns
    return _moved(history, columns.invoked * POSITION_NS, columns.completed * POSITION_NS)


def _moved(history: History, invoked_ns: Ints, completed_ns: Ints) -> History:
    """The operations at other times; faults and phases, which have times too, are left out."""
    open_ended = history.columns.completed_ns == NEVER
    open_ended |= history.columns.completed == NEVER
    columns = replace(
        history.columns,
        invoked_ns=invoked_ns,
        completed_ns=np.where(open_ended, NEVER, completed_ns),
    )
    return History(columns=columns, torn=history.torn, source=history.source)
