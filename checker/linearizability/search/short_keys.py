"""Decides the keys of a long history together: the driver of `sweep`.

What it finds of a key is what the search finds that judges the key alone; it only takes less time.
It explains nothing: a key that is wrong is judged once more by itself.
"""

import time
from functools import cache
from typing import Any

import numpy as np

from checker.columns import FAIL, OK, Columns
from checker.errors import ModelError
from checker.linearizability.objects.codes import AMBIGUOUS, PartFindings, Rows, code
from checker.linearizability.objects.codes import CLEAN as NOTHING_WRONG
from checker.linearizability.objects.codes import WRONG as BROKEN
from checker.linearizability.registers.chains import LATE
from checker.linearizability.search import acting, sequences, sweep
from checker.linearizability.search.actions import Actions, KeyAsked, of_columns
from checker.linearizability.search.compiling import compiled, compiled_before, in_time
from checker.linearizability.search.limits import LimitReached
from checker.linearizability.search.problem import Steps
from checker.memory import ROW_BYTES, Watch, too_small
from checker.models.known import KnownObject, ObjectKind, is_register
from checker.models.model import Model

LOADED_FROM, LOADING_FROM, COMPILING_FROM = 3_000, 20_000, 150_000
"""Operations from which the sweep pays: once it is loaded; where it must be, which takes a second;
and where it must be compiled first, which takes a dozen."""

COMPILING_S = 15.0
"""Seconds of a processor that compiling may take."""

BUDGET = 2_000_000
"""Steps between two looks at the clock: some hundredths of a second."""

STEPS_MOST, STEPS_EACH = 1_000_000, 30
"""Steps after which a key is too hard, and how many more it may take for each of its events: at
most some hundredths of a second."""

DUE_MOST = 64
"""Dequeues of a key up to which it is looked at which of them can be the n-th."""

NODES = 1 << 15
"""Sequences that the store holds, in as many places twice."""

TABLE = 1 << 18
ASKED_MOST = TABLE * 3 // 4
"""Places in the table of a model's own steps, and how many are filled."""

LOOK_EVERY = 256
"""Steps of a model between two looks at the memory."""

APART = ("clear", "child", "without_first", "inserted", "removed")
FUNCTIONS = (
    "_hash", "clear", "child", "without_first", "holds", "inserted", "removed", "read_as",
    "tabled", "keeps", "chosen", "step", "choices", "place_of", "add", "enter", "leave", "idle",
    "fits", "expand", "finish", "invoke", "judge", "run",
)  # fmt: skip


def possible(model: Model, thing: KnownObject | None) -> bool:
    """Whether keys of this model are single objects that can be judged together."""
    if hasattr(model, "judge") or is_register(thing):
        return False
    is_set = thing is not None and thing.kind is ObjectKind.SET
    return is_set or getattr(model, "part", None) is None


def pays(operations: int, until: float) -> bool:
    """Whether this many are judged sooner together, if there is time to compile what that takes.

    `until` is the moment of `time.monotonic` at which to give up.
    """
    if _compiled.cache_info().currsize:
        return operations >= LOADED_FROM
    if operations >= COMPILING_FROM:
        return in_time(until, COMPILING_S, sequences, acting, sweep)
    return operations >= LOADING_FROM and compiled_before(sequences, acting, sweep)


def settle(
    columns: Columns,
    model: Model,
    thing: KnownObject | None,
    found: PartFindings,
    until: float,
    memory_bytes: int,
) -> None:
    """Decide what can be decided of the parts of a history that are ambiguous so far.

    `until` is the moment of `time.monotonic` at which to give up.
    """
    if not (found.finding == AMBIGUOUS).any():
        return
    observers: frozenset[str] = getattr(model, "observers", frozenset())
    watching = np.array([name in observers for name in columns.functions], np.bool_)
    counts = (columns.outcome != FAIL) & (found.finding[found.part] == AMBIGUOUS)
    counts &= (columns.outcome == OK) | ~watching[columns.function]
    rows = np.flatnonzero(counts)
    if not len(rows) or too_small(memory_bytes, len(columns), 2 * ROW_BYTES):
        return
    actions = of_columns(columns, rows, model, thing, until)
    if actions is None:
        return
    there = np.zeros(len(found.finding), np.int64)
    there[found.part[rows]] = 1
    parts, part = np.flatnonzero(there), (np.cumsum(there) - 1)[found.part[rows]]
    memory = _memory(columns, actions, part, len(parts))
    verdicts = _swept(memory, actions.steps, until, memory_bytes)
    found.finding[parts[verdicts == sweep.CLEAN]] = NOTHING_WRONG
    found.finding[parts[verdicts == sweep.WRONG]] = BROKEN


@cache
def _compiled() -> Any:
    return compiled(FUNCTIONS, sequences, acting, sweep, apart=APART)["run"]


def _memory(columns: Columns, actions: Actions, part: Any, parts: int) -> sweep.Sweep:
    """All that the sweep works on."""
    rows, count = actions.rows, len(actions.rows)
    placed = Rows.of(columns)
    call, ret = placed.call[rows], placed.ret[rows]
    crashed = (columns.outcome[rows] != OK) | (ret == LATE)
    ended = np.flatnonzero(~crashed)
    events = np.concatenate([2 * np.arange(count), 2 * ended + 1])
    order = np.argsort(np.concatenate([code(part, call), code(part[ended], ret[ended])]))
    events = events[order]
    bounds = _bounds(part[events >> 1], parts)
    end = np.arange(count) + 2 * count
    ends = events & 1 == 1
    end[events[ends] >> 1] = np.flatnonzero(ends)
    columns_ = {
        acting.DOES: actions.does, acting.VALUE: actions.value, acting.ANSWER: actions.answer,
        acting.LABEL: _labels(actions), acting.END: end, acting.CRASHED: crashed,
        acting.OBSERVES: actions.observes,
    }  # fmt: skip
    operations = np.empty((count, acting.ACTION), np.int64)
    for place, column in columns_.items():
        operations[:, place] = column
    due, due_bounds = _due(actions, part, parts, call, ret, crashed)
    return sweep.Sweep(
        due=due,
        due_bounds=due_bounds,
        acting=_acting(operations.reshape(-1), actions),
        now=_new(sweep.NOW),
        events=events,
        bounds=bounds,
        verdicts=_new(parts),
        begins=np.array(actions.begins, np.int64),
        slots=_new(count),
        targets=_new(count),
        held=_new(sweep.BITS),
        alike=_new(sweep.BITS),
        front=_new(sweep.CONFIGURATION * sweep.ROOM),
        found=_new(sweep.CONFIGURATION * sweep.ROOM),
        seen=_new(sweep.CONFIGURATION * sweep.ROOM),
    )


def _due(actions: Actions, part: Any, parts: int, call: Any, ret: Any, crashed: Any) -> Any:
    """The dequeues of queues, by part, and where those of each part begin.

    None of parts where one was never answered, and of none where null may be a value: which dequeue
    is the n-th that takes something is not known then.
    """
    takes = actions.does == acting.TAKE_FIRST
    puts = actions.value[actions.does == acting.PUT]
    if not takes.any() or actions.null in actions.begins[1:] or (puts == actions.null).any():
        return _new(0), _new(parts + 1)
    unclear = np.zeros(parts, np.bool_)
    unclear[part[takes & crashed]] = True
    unclear |= np.bincount(part[takes], minlength=parts) > DUE_MOST
    rows = np.flatnonzero(takes & ~unclear[part] & (actions.answer != actions.null))
    rows = rows[np.argsort(code(part[rows], call[rows]))]
    mine, bounds = part[rows], _bounds(part[rows], parts)
    starts = bounds[mine]
    begun, ended = code(mine, call[rows]), np.sort(code(mine, ret[rows]))
    due = np.empty((len(rows), sweep.DUE), np.int64)
    due[:, sweep.DUE_VALUE] = actions.answer[rows]
    due[:, sweep.DUE_FIRST] = np.searchsorted(ended, begun) - starts
    due[:, sweep.DUE_LAST] = np.searchsorted(begun, code(mine, ret[rows])) - starts - 1
    return due.reshape(-1), bounds


def _bounds(part: Any, parts: int) -> Any:
    """Where each of the parts begins, and the last one ends."""
    return np.append(0, np.cumsum(np.bincount(part, minlength=parts)))


def _labels(actions: Actions) -> Any:
    """What is done, with which value and answer, as one number each."""
    if actions.steps is not None:
        return actions.value
    label = actions.does
    for column in (actions.value, actions.answer):
        low = int(column.min())
        span = int(column.max()) - low + 1
        if span * (int(label.max()) + 1) >= 2**62:
            column, low = np.unique(column, return_inverse=True)[1], 0
            span = len(column)
        label = label * span + (column - low)
    return label


def _acting(operations: Any, actions: Actions) -> acting.Acting:
    limits = _new(acting.LIMITS)
    limits[acting.LOWEST], limits[acting.HIGHEST] = actions.lowest, actions.highest
    limits[acting.NULL] = actions.null
    sequenced = actions.steps is None
    limits[acting.LABELS] = len(actions.steps.labels) if actions.steps else 0
    sizes = [len(items) for items in actions.contents]
    return acting.Acting(
        operations=operations,
        limits=limits,
        ranks=np.array(actions.ranks, np.int64),
        items=np.array([item for items in actions.contents for item in items], np.int64),
        starts=np.append(0, np.cumsum(np.array(sizes, np.int64))),
        nodes=_new(sequences.NODE * (NODES if sequenced else 1)),
        places=np.full(2 * NODES if sequenced else 1, sequences.NO_NODE, np.int64),
        count=_new(1),
        spare=_new(NODES if sequenced else 0),
        keys=np.full(1 if sequenced else TABLE, -1, np.int64),
        afters=_new(1 if sequenced else TABLE),
        asked=_new(1 if sequenced else ASKED_MOST + 1),
    )


def _new(count: int) -> Any:
    return np.zeros(count, np.int64)


def _swept(memory: sweep.Sweep, steps: Steps | None, until: float, memory_bytes: int) -> Any:
    """What the sweep finds of each key."""
    run, watch, asked, upto = _compiled(), Watch(memory_bytes), memory.acting.asked, 1
    while time.monotonic() < until:
        if not run(memory, BUDGET, STEPS_MOST, STEPS_EACH):
            continue
        # A key may wait for what was asked for in vain: there was no room for the question.
        if steps is None or asked[0] < upto or asked[0] >= ASKED_MOST:
            break
        if not _answer(memory.acting, steps, upto, watch):
            break
        upto = int(asked[0]) + 1
        memory.now[sweep.KEY] = 0
    return memory.verdicts


def _answer(given: acting.Acting, steps: Steps, upto: int, watch: Watch) -> bool:
    """Fill in the steps that were asked for since; false where that cannot be done."""
    labels = len(steps.labels)
    places = given.asked[upto : int(given.asked[0]) + 1]
    afters = []
    try:
        for number, key in enumerate(given.keys[places].tolist()):
            if number % LOOK_EVERY == 0 and watch.exceeded():
                return False
            afters.append(steps.step(*divmod(key, labels)))
    except (LimitReached, ModelError, KeyAsked, MemoryError):
        # The search of each key by itself tells what is the matter.
        return False
    given.afters[places] = afters
    return True
