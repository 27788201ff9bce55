"""Reads, writes and compare-and-sets on several keys, each of which is a register.

Values are distinct within a key unless asked otherwise, because that makes every stale read visible
and checking fast. A CAS mostly expects the value last seen, so that a fair share of them succeeds.
"""

from dataclasses import replace
from random import Random
from typing import Any

from checker.models.catalogue import MODELS
from workloads.documents import SMALL, documents
from workloads.keys import ReadsAndChanges
from workloads.workload import Call, Shape, Workload

_DOCUMENTS = 64


class RegisterCalls(ReadsAndChanges):
    """Draws calls: the share of reads that was asked for, and as many writes as CAS."""

    options = Shape.options()

    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self._seen: dict[str, Any] = {}
        kind, _, largest = shape.values.partition(":")
        self._documents = (
            documents(random, self.fake(), _DOCUMENTS, int(largest or SMALL))
            if kind == "documents"
            else []
        )

    def change(self, key: str) -> Call:
        if self.random.random() < 0.5:
            return Call("write", key, self._fresh_value(key))
        return Call("cas", key, [self._expected(key), self._fresh_value(key)])

    def saw(self, call: Call, result: Any) -> None:
        if call.function == "cas" and result == call.argument[0]:
            self._seen[call.key] = call.argument[1]
        else:
            self._seen[call.key] = result

    def _expected(self, key: str) -> Any:
        """The value last seen, and now and then a fresh one, which cannot be there."""
        if self.random.randrange(8) == 0:
            return self._fresh_value(key)
        return self._seen.get(key)

    def _fresh_value(self, key: str) -> Any:
        kind, _, count = self.shape.values.partition(":")
        if kind == "repeated":
            return self.random.randrange(int(count))
        counter = self.numbers.fresh(key)
        if kind == "documents":
            return {"version": counter, **self.random.choice(self._documents)}
        return counter


def _simpler(call: Call) -> Call | None:
    """A plain write in the place of a compare-and-set, which then needs no call before it."""
    return (
        replace(call, function="write", argument=call.argument[1])
        if call.function == "cas"
        else None
    )


REGISTER = Workload(
    name="register",
    about="read, write and cas on several keys; each key is linearizable on its own",
    functions=("read", "write", "cas"),
    calls=RegisterCalls,
    model=MODELS["cas-register"],
    simpler=_simpler,
)
