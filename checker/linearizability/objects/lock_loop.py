"""The locks of a long history, all keys at once; `locks` says why this is right.

The loop runs as plain Python on lists, or compiled on arrays where the history is long enough.
"""

from functools import cache
from typing import Any

import numpy as np

from checker.columns import OK, Columns
from checker.linearizability.objects.codes import WRONG, PartFindings, Rows, by_key

COMPILED_FROM = 150_000
"""Operations from which loading the compiled loop, a second, is less than running without it."""

NO_ONE = -1


def find_lock(columns: Columns) -> PartFindings:
    """Locks that are free at first."""
    rows, keys, count = Rows.of(columns), len(columns.keys), len(columns)
    fast = count >= COMPILED_FROM
    chosen = np.flatnonzero(rows.of_function("acquire") | rows.of_function("release"))
    ended = chosen[columns.outcome[chosen] == OK]
    events = np.concatenate([2 * chosen, 2 * ended + 1])
    events = events[np.argsort(np.concatenate([rows.call[chosen], rows.ret[ended]]))]

    def given(column: Any) -> Any:
        return np.asarray(column, np.int64) if fast else np.asarray(column).tolist()

    wrong = given(np.zeros(keys))
    (_compiled() if fast else play)(
        given(events), given(columns.key), given(rows.of_function("release")),
        given(columns.outcome != OK), given(rows.ret), given(np.zeros(keys)),
        given(np.full(2 * keys, NO_ONE)), given(np.full(count, NO_ONE)),
        given(np.full(count, NO_ONE)), given(np.zeros(2 * keys)), wrong,
    )  # fmt: skip
    found = by_key(columns)
    found.mark(np.flatnonzero(np.asarray(wrong)), WRONG)
    return found


@cache
def _compiled() -> Any:
    from checker.linearizability.objects import lock_loop
    from checker.linearizability.search.compiling import compiled

    return compiled(("leave", "play"), lock_loop)["play"]


def leave(row: int, waiting: int, heads: Any, after: Any, before: Any) -> None:
    """A row waits no more."""
    if before[row] == NO_ONE:
        heads[waiting] = after[row]
    else:
        after[before[row]] = after[row]
    if after[row] != NO_ONE:
        before[after[row]] = before[row]
    after[row] = row


def play(
    events: Any, key: Any, releases: Any, late: Any, end: Any, held: Any, heads: Any, after: Any,
    before: Any, crashed: Any, wrong: Any,
) -> None:  # fmt: skip
    """Let everything take effect, of all keys at once.

    `events` are rows, doubled, plus 1 where they end, in order; `late` says of a row that it
    crashed. Of each key `heads` hold the first waiting acquire and the first waiting release, which
    `after` and `before` lead on from; a row that waits no more is its own successor. `crashed`
    counts those that wait for ever. Filled in is `wrong`, by key.
    """
    for event in events:
        row = event >> 1
        k = key[row]
        if wrong[k]:
            continue
        mine = 2 * k + releases[row]
        if event & 1 == 0:
            if late[row]:
                crashed[mine] += 1
                continue
            after[row] = heads[mine]
            before[row] = NO_ONE
            if heads[mine] != NO_ONE:
                before[heads[mine]] = row
            heads[mine] = row
            continue
        if after[row] == row:
            continue
        if held[k] != releases[row]:
            theirs = 2 * k + 1 - releases[row]
            soonest = heads[theirs]
            if soonest == NO_ONE:
                if crashed[theirs] == 0:
                    wrong[k] = 1
                    continue
                crashed[theirs] -= 1
            else:
                other = after[soonest]
                while other != NO_ONE:
                    if end[other] < end[soonest]:
                        soonest = other
                    other = after[other]
                leave(soonest, theirs, heads, after, before)
        leave(row, mine, heads, after, before)
        held[k] = 1 - releases[row]
