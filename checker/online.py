"""Judges a history while it happens, event by event, and forgets what cannot matter any more.

Registers whose values are distinct are judged at each completion, by the conditions of
`registers.chains`. A completion tells three things at most: that a value was there,
that a compare-and-set tied it to the value before, and by when. So a chain only ever grows at its
end, and a violation shows at once.

What may be forgotten hangs on the *watermark* of a key, the earliest invocation among its open
operations: whatever completes later was invoked then or later.
- A chain whose end is followed by another chain that something of it had ended before, and that
  itself ended something before the watermark, is dead: an operation that sees a value of it from
  now on contradicts real time. The same holds of the values in a chain that were replaced before
  the watermark. So a value that is not known is a violation, be it stale or never written.
- An operation that crashed may take effect at any later time, and its value is kept for ever; no
  alarm is ever raised for having forgotten one. Memory is thus proportional to the open operations
  and to those that crashed.

Keys on which a value is written twice while the first is still known, and other models, are kept
whole up to a bound and judged again from time to time (`checker.linearizability.check`); beyond the
bound they are left to the check of the whole history afterwards.

No verdict is `VALID` here: the history as a whole is judged when it is complete.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from checker.columns import canonical
from checker.linearizability.check import check
from checker.linearizability.registers.stream import Broken, Repeated, Stream
from checker.models.known import is_register, known_object
from checker.models.model import Model
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from checker.wording import of_key

KEPT_UP_TO = 2_000
"""Operations of one key that are kept, in case that it cannot be judged as they come."""

ALL_KEPT_UP_TO = 200_000
"""Operations of all keys that are kept; beyond, those of the keys idle for longest are let go."""

LOOK_EVERY = 50
"""Completions after which a key that cannot be judged as they come is judged again."""

LOOK_FOR_S = 0.1
"""Seconds for judging a key again."""


@dataclass
class _Key:
    """What is known of a key: a stream, or None; its operations by position, or None if let go.

    `unjudged` counts the completions since it was judged again.
    """

    stream: Stream | None
    operations: dict[int, Operation] | None = field(default_factory=dict)
    unjudged: int = 0


class Online:
    """Takes the events of a run in their order; `violation` is a sentence once there is one.

    `let_go` counts the keys that are no longer judged here, since too much would have to be kept.
    """

    def __init__(self, model: Model) -> None:
        self.violation = ""
        self.let_go = 0
        self._model = model
        self._object = known_object(model)
        self._position = 0
        self._open: dict[int, tuple[Hashable, Operation]] = {}
        self._keys: OrderedDict[Hashable, _Key] = OrderedDict()
        self._kept = 0

    def invoke(self, process: int, function: str, key: Any, argument: Any) -> None:
        """A process calls."""
        self._position += 1
        operation = Operation(
            process, function, key, argument, None, Outcome.INFO, self._position, None, 0, None
        )
        name = canonical(key)
        self._open[process] = name, operation
        known = self._key(name)
        if known.stream is not None:
            try:
                known.stream.invoke(operation)
            except Repeated:
                known.stream = None
                self.let_go += known.operations is None
        self._keep(known, operation)

    def complete(self, process: int, outcome: Outcome, result: Any) -> None:
        """The open call of a process is answered, or never will be."""
        self._position += 1
        name, operation = self._open.pop(process)
        if outcome is not Outcome.INFO:
            operation = replace(operation, outcome=outcome, result=result, completed=self._position)
        known = self._key(name)
        self._keep(known, operation)
        if known.stream is None:
            self._look(known)
            return
        try:
            known.stream.complete(operation)
        except Broken as broken:
            self.violation = self.violation or of_key(operation.key, str(broken))
            known.stream = None
            self._let_go(known)

    def _key(self, name: Hashable) -> _Key:
        found = self._keys.get(name)
        if found is None:
            thing = self._object
            stream = Stream(thing.initial) if is_register(thing) else None
            found = self._keys[name] = _Key(stream)
        self._keys.move_to_end(name)
        return found

    def _keep(self, known: _Key, operation: Operation) -> None:
        """Remember an operation, or what became of it, and let go of what is too much."""
        if known.operations is None:
            return
        self._kept -= len(known.operations)
        known.operations[operation.invoked] = operation
        self._kept += len(known.operations)
        if len(known.operations) > KEPT_UP_TO:
            self._let_go(known)
        while self._kept > ALL_KEPT_UP_TO:
            idle = next(other for other in self._keys.values() if other.operations)
            self._let_go(idle)

    def _let_go(self, known: _Key) -> None:
        self._kept -= len(known.operations or ())
        known.operations = None
        self.let_go += known.stream is None

    def _look(self, known: _Key) -> None:
        """Judge a key again, if enough has happened since; what is open counts as crashed."""
        known.unjudged += 1
        if known.operations is None:
            return
        if known.unjudged < LOOK_EVERY * (1 + len(known.operations) // 200):
            return  # the longer it is the longer it takes, so the less often
        known.unjudged = 0
        operations = list(known.operations.values())
        result = check(operations, self._model, time_limit_s=LOOK_FOR_S)
        if result.verdict is Verdict.INVALID:
            self.violation = self.violation or result.reason
