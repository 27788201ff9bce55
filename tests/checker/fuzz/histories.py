"""Random histories of several keys, in which all comes together that one history may hold.

Repeated, null, nested and true values beside numbers that Python holds for equal, equal times,
crashed and failed operations, versions. A history is correct by construction, or has one answer
changed, or lies now and then.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from checker.models.model import Inconsistent, Kind
from checker.operation import Operation, Outcome
from tests.checker.fuzz.subjects import NotNow, Subject, Values

KEYS: tuple[Any, ...] = ("k", "a", "ключ", None, 0, 1, True, 1.0, "1", "", [1], {"a": 1}, [True])

CROWDS = (1, 3, 61, 62, 63, 64, 125)
"""Calls that begin last: 62 operations that are open at once are one number to the engines."""

CORRECT, PLANTED, LYING = "correct", "planted", "lying"


@dataclass(frozen=True)
class Shape:
    """How a history is to look."""

    operations: int
    keys: int
    clients: int
    way: str
    crash: float
    fail: float
    lie: float
    tie: float
    versions: bool
    crowd: int = 0
    """How many calls begin last, on one key, and are never answered."""

    empties: bool = True
    """Whether calls stay that took nothing, since nothing was there: some rules need that."""

    @classmethod
    def small(cls, random: Random) -> "Shape":
        """One whose every order can be tried."""
        keys = random.choice((1, 1, 2, 2, 3))
        way = random.choice((CORRECT, PLANTED, PLANTED, LYING, LYING, LYING))
        return cls(
            operations=random.randint(2, 4 + 4 * keys),
            keys=keys,
            clients=random.randint(2, 4),
            way=way,
            crash=random.choice((0.0, 0.1, 0.3)),
            fail=random.choice((0.0, 0.1)),
            lie=random.choice((0.1, 0.3, 0.8)) if way == LYING else 0.0,
            tie=random.choice((0.0, 0.0, 0.3)),
            versions=random.random() < 0.15,
            crowd=random.choice(CROWDS) if random.random() < 0.1 else 0,
        )

    @classmethod
    def large(cls, random: Random) -> "Shape":
        """One that only engines can judge."""
        return cls(
            operations=random.randint(200, 2_000),
            keys=random.choice((1, 2, 5, 20)),
            clients=random.randint(2, 6),
            way=random.choice((CORRECT, PLANTED)),
            crash=random.choice((0.0, 0.002, 0.01)),
            fail=random.choice((0.0, 0.05)),
            lie=0.0,
            tie=random.choice((0.0, 0.1)),
            versions=random.random() < 0.1,
        )

    @classmethod
    def busy(cls, random: Random) -> "Shape":
        """One like those of a simulated run: many processes on one key, with calls that crash."""
        return cls(
            operations=random.randint(30, 80),
            keys=1,
            clients=random.randint(3, 8),
            way=random.choice((CORRECT, CORRECT, PLANTED)),
            crash=random.choice((0.0, 0.02, 0.05, 0.1, 0.2)),
            fail=random.choice((0.0, 0.05)),
            lie=0.0,
            tie=random.choice((0.0, 0.0, 0.1)),
            versions=False,
            empties=random.random() < 0.5,
        )


@dataclass
class _Pending:
    """A call that is under way: what it will be told, and whether it took effect."""

    function: str
    key: int
    argument: Any
    invoked: int
    done: bool = False
    failed: bool = False
    idle: bool = False
    result: Any = None
    version: int | None = None


class _World:
    """One object for each key, and the processes that call them."""

    def __init__(self, random: Random, subject: Subject, shape: Shape) -> None:
        self.random, self.subject, self.shape = random, subject, shape
        self.model = subject.make()
        self.values = Values(random, subject.texts)
        self.keys = random.sample(KEYS, shape.keys) if shape.keys <= 4 else list(range(shape.keys))
        self.states = [self.model.initial() for _ in self.keys]
        self.pasts = [[state] for state in self.states]
        self.changes = [0 for _ in self.keys]
        self.position = 1
        self.history: list[Operation] = []

    def call(self) -> _Pending:
        function, argument = self.subject.call(self.random, self.values)
        return _Pending(function, self.random.randrange(len(self.keys)), argument, self.position)

    def answer(self, process: int, state: Any, call: _Pending) -> Any:
        """What the object would answer in a state; raises `NotNow`."""
        more = (process,) if getattr(self.model, "by_process", False) else ()
        return self.subject.answer(self.random, state, call.function, call.argument, *more)

    def take_effect(self, process: int, call: _Pending) -> None:
        """Let the object answer; a call that cannot happen now fails."""
        call.done = True
        state = self.states[call.key]
        try:
            call.result = self.answer(process, state, call)
        except NotNow:
            call.failed = True
            return
        asked = Operation(
            process, call.function, None, call.argument, call.result, Outcome.OK, 0, 1, 0, 1
        )
        after = self.model.step(state, asked)
        assert not isinstance(after, Inconsistent), (self.model, state, asked)
        call.idle = after == state
        if after != state or call.function in ("write", "append"):
            self.changes[call.key] += 1
            self.pasts[call.key].append(after)
        self.states[call.key] = after
        call.version = self.changes[call.key]

    def lie(self, process: int, call: _Pending) -> None:
        """Answer from some state of the past, or of another key, or with any value."""
        kinds = getattr(self.model, "functions", {}).get(call.function, (Kind.ANYTHING,) * 2)
        if self.random.random() < 0.3 and call.result is not None and kinds[1] is Kind.ANYTHING:
            call.result = self.values.known()
            return
        past = self.random.choice(self.pasts[self.random.choice((call.key, 0))])
        with contextlib.suppress(NotNow):
            call.result = self.answer(process, past, call)

    def complete(self, process: int, call: _Pending, outcome: Outcome) -> None:
        shown = outcome is Outcome.OK
        if call.idle and shown and call.function in ("dequeue", "pop") and not self.shape.empties:
            return
        end = None if outcome is Outcome.INFO else self.position
        versioned = shown and self.shape.versions
        self.history.append(
            Operation(
                process, call.function, self.keys[call.key], call.argument,
                call.result if shown else None, outcome, call.invoked, end,
                call.invoked * 1000, None if end is None else end * 1000,
                version=call.version if versioned else None,
            )
        )  # fmt: skip


def draw(random: Random, subject: Subject, shape: Shape) -> list[Operation]:
    """A history; it is linearizable for certain if the shape says that it is correct."""
    world = _World(random, subject, shape)
    processes = list(range(shape.clients))
    pending: dict[int, _Pending] = {}
    left = shape.operations
    chance = random.random
    while left or pending:
        place = int(chance() * len(processes))
        process = processes[place]
        call = pending.get(process)
        world.position += chance() >= shape.tie
        if call is None:
            if left:
                left -= 1
                pending[process] = world.call()
            continue
        if not call.done and chance() < 0.6:
            if chance() < shape.fail:
                call.done = call.failed = True
            else:
                world.take_effect(process, call)
            if chance() < 0.4:
                continue
        if chance() < shape.crash:
            world.complete(process, call, Outcome.INFO)
            processes[place] = max(processes) + 1
        elif not call.done:
            continue
        else:
            if not call.failed and chance() < shape.lie:
                world.lie(process, call)
            world.complete(process, call, Outcome.FAIL if call.failed else Outcome.OK)
        del pending[process]
    history = sorted(world.history, key=lambda operation: operation.invoked)
    if shape.way == PLANTED:
        history = planted(random, subject, world.pasts, history)
    return [*history, *crowd(random, history, shape.crowd)]


def crowd(random: Random, history: Sequence[Operation], count: int) -> list[Operation]:
    """This many calls on one key of a history, which begin after all of it and are never answered.

    They change nothing about whether it is linearizable.
    """
    if not count or not history:
        return []
    key = repr(random.choice(history).key)
    calls = [o for o in history if repr(o.key) == key]
    last = max(max(o.invoked, o.completed or 0) for o in history)
    process = max(o.process for o in history)
    return [
        replace(
            random.choice(calls), process=process + place, result=None, outcome=Outcome.INFO,
            invoked=last + place, completed=None, invoked_ns=(last + place) * 1000,
            completed_ns=None, version=None,
        )
        for place in range(1, count + 1)
    ]  # fmt: skip


def planted(
    random: Random, subject: Subject, pasts: list[list[Any]], history: Sequence[Operation]
) -> list[Operation]:
    """The history with one answer changed or two calls exchanged, late in it if it is long.

    Perhaps that is a violation.
    """
    known = [place for place, o in enumerate(history) if o.outcome is Outcome.OK]
    random.shuffle(known)
    if len(history) > 100:
        known = [place for place in known if place > 0.8 * len(history)]
    if len(known) > 1 and random.random() < 0.5:
        return exchanged(history, *known[:2])
    for place in known:
        one = history[place]
        other = random.choice(random.choice(pasts))
        try:
            result = subject.answer(random, other, one.function, one.argument)
        except NotNow:
            continue
        if repr(result) != repr(one.result):
            return [*history[:place], replace(one, result=result), *history[place + 1 :]]
    return list(history)


def exchanged(history: Sequence[Operation], one: int, other: int) -> list[Operation]:
    """The history with two operations that have each called what the other did."""
    result = list(history)
    for here, there in ((one, other), (other, one)):
        result[here] = replace(
            history[there],
            process=history[here].process,
            invoked=history[here].invoked,
            completed=history[here].completed,
            invoked_ns=history[here].invoked_ns,
            completed_ns=history[here].completed_ns,
        )
    return result
