"""The rows of the checker's benchmark: histories made in columns, and what it takes to judge them.

The histories are linearizable: every operation takes effect at a moment inside its interval, drawn
so that about as many operations overlap as there are clients.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.checker_columns import WRITE, Drawn, columns_of, in_order
from benchmarks.checker_objects import LOCK, QUEUE, SET, judge_objects, objects
from benchmarks.checker_repeated import repeated
from checker.columns import Columns
from checker.history import History
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.verdict import Verdict


@dataclass(frozen=True)
class Row:
    """What is measured: `prepare` makes the input outside the measured time."""

    title: str
    target: str
    prepare: Callable[[], Any]
    run: Callable[[Any], int]


def registers(count: int, keys: int, clients: int, seed: int = 1, cas: float = 0.2) -> History:
    """A history of reads, writes and compare-and-sets whose values are dense counters by key."""
    random = np.random.default_rng(seed)
    effect = np.sort(random.random(count)) * count
    begin = effect - random.random(count) * clients
    end = effect + random.random(count) * clients
    key = random.integers(0, keys, count)
    kind = np.where(random.random(count) < 0.5, 0, np.where(random.random(count) < cas * 2, 2, 1))
    del effect
    return History(columns=_columns(key, kind, _found(key, kind), keys, begin, end))


def _found(key: Any, kind: Any) -> Any:
    """The value that stands in the register before each operation; rows in order of effect."""
    count = len(key)
    order = np.argsort(key, kind="stable")
    updates = (kind[order] != 0).astype(np.int64)
    total = np.cumsum(updates)
    starts = np.flatnonzero(np.append(True, key[order][1:] != key[order][:-1]))
    base = np.repeat((total - updates)[starts], np.diff(np.append(starts, count)))
    found = np.empty(count, np.int64)
    found[order] = total - updates - base
    return found


def _columns(key: Any, kind: Any, found: Any, keys: int, begin: Any, end: Any) -> Columns:
    """Put the operations in order of invocation; value 0 is null, value n the n-th update."""
    order, invoked, completed = in_order(begin, end)
    key, kind, found = key[order], kind[order], found[order]
    del begin, end, order
    random = np.random.default_rng(2)
    # A hundredth crashed after they took effect.
    lost = (random.random(len(key)) < 0.01) & (kind == WRITE)
    drawn = Drawn(kind, key, found, found + 1, found, lost)
    values = int(found.max()) + 1
    return columns_of(drawn, invoked, completed, clients=10, keys=keys, values=values)


def judge(history: History) -> int:
    """Judge it, insist that it is valid, and return its operations."""
    result = check(history, MODELS["cas-register"]())
    assert result.verdict is Verdict.VALID, result
    return len(history)


def judge_in_vain(history: History) -> int:
    """Judge it for ten seconds at most, and return its operations, or those it came to."""
    result = check(history, MODELS["cas-register"](), time_limit_s=10)
    if result.verdict is Verdict.VALID:
        return len(history)
    return int(result.reason.split(" of ")[0].split()[-1]) // 2


def foreign() -> list[tuple[History, str, str]]:
    """The recorded histories of other tools, of a folder named in the environment or our own."""
    from checker.formats import read

    own = Path(__file__).parents[1] / "tests" / "histories" / "foreign"
    folder = Path(os.environ.get("LABRYS_HISTORIES", own))
    rows = [line.split("\t") for line in (folder / "verdicts.tsv").read_text().splitlines()]
    return [(read(folder / name, model=model), model, verdict) for name, model, verdict in rows]


def judge_foreign(histories: list[tuple[History, str, str]]) -> int:
    for history, model, verdict in histories:
        assert check(history, MODELS[model]()).verdict.word == verdict
    return sum(len(history) for history, _, _ in histories)


ROWS = {
    "a": Row(
        "1 M operations, 1,000 keys, 10 clients, distinct values",
        ">= 7 M/s",
        lambda: registers(1_000_000, 1000, 10),
        judge,
    ),
    "b": Row(
        "1 M operations, 100 keys, 50 clients, distinct values",
        ">= 7 M/s",
        lambda: registers(1_000_000, 100, 50),
        judge,
    ),
    "c": Row(
        "10 M operations, one key, 10 clients, distinct values",
        ">= 4 M/s, <= 2.5 GB",
        lambda: registers(10_000_000, 1, 10),
        judge,
    ),
    "d": Row(
        "1 M operations, 1,000 keys, 10 clients, five values",
        ">= 2 M/s",
        lambda: repeated(1_000_000, 1000, 10),
        judge,
    ),
    "d50": Row(
        "as d, with 50 crashed writes",
        ">= 4 M/s",
        lambda: repeated(1_000_000, 1000, 10, 50),
        judge,
    ),
    "e": Row(
        "100,000 operations, one key, 10 clients, five values",
        ">= 1 M/s, <= 500 MB",
        lambda: repeated(100_000, 1, 10),
        judge,
    ),
    "f20": Row(
        "as e, with 20 crashed writes",
        ">= 200,000/s",
        lambda: repeated(100_000, 1, 10, 20),
        judge,
    ),
    "f100": Row(
        "as e, with 100 crashed writes",
        ">= 30,000/s",
        lambda: repeated(100_000, 1, 10, 100),
        judge,
    ),
    "g20": Row(
        "100,000 operations, one key, 20 clients, five values",
        "225,000/s: the prototype",
        lambda: repeated(100_000, 1, 20),
        judge,
    ),
    "g50": Row(
        "100,000 operations, one key, 50 clients, five values",
        "7,000/s: the prototype",
        lambda: repeated(100_000, 1, 50),
        judge,
    ),
    "g100": Row(
        "100,000 operations, one key, 100 clients, five values",
        "80/s: the prototype",
        lambda: repeated(100_000, 1, 100),
        judge_in_vain,
    ),
    "i-locks": Row(
        "200,000 operations, 10,000 locks, 3 clients each, a hundredth crashed",
        ">= 0.5 M/s",
        lambda: objects(LOCK, 10_000, 20),
        judge_objects,
    ),
    "i-queues": Row(
        "the same of queues, five values",
        ">= 0.5 M/s",
        lambda: objects(QUEUE, 10_000, 20),
        judge_objects,
    ),
    "i-sets": Row(
        "the same of sets, five elements",
        ">= 0.5 M/s",
        lambda: objects(SET, 10_000, 20),
        judge_objects,
    ),
    "h": Row("recorded histories of other tools, one after another", "", foreign, judge_foreign),
}


def argsort_seconds(count: int) -> float:
    """How long numpy takes to argsort as many random 64-bit integers."""
    numbers = np.random.default_rng(3).integers(0, 2**62, max(count, 1))
    started = time.perf_counter()
    np.argsort(numbers)
    return time.perf_counter() - started
