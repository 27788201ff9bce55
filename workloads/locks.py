"""Locks and semaphores: what is held by as many as may hold it is refused to all others.

A refusal of the store is a definite failure: the lock was held then, and nothing happened. Who
acquires is a client with a name of its own, and only it may release. A lock that may have been
acquired without an answer is released on suspicion now and then, or it would be held for ever.
"""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

from checker.models.catalogue import MODELS
from checker.models.model import Model
from checker.models.semaphore import Semaphore
from workloads.keys import KEYS, KeyedCalls
from workloads.workload import Call, Calls, Shape, Workload

RELEASES = 0.6
"""How often a lock that is known to be held is released next, instead of being asked for."""

PERMITS = 3
"""Of each semaphore."""

SUSPICIONS = 0.3
"""How often somebody who asked for a lock and was not answered releases it, to be sure."""


class LockCalls(KeyedCalls):
    """`named` says whether holders have names; `permits` may hold it at once."""

    options = KEYS

    def __init__(
        self, random: Random, shape: Shape, *, named: bool = False, permits: int = 1
    ) -> None:
        super().__init__(random, shape)
        self._named = named
        self._permits = permits
        self._clients = 0
        self._holders: dict[str, list[Any]] = {}
        self._asked: dict[str, list[Any]] = {}

    def next(self) -> Call:
        key = self.next_key()
        holders, asked = self._holders.get(key), self._asked.get(key)
        if holders and self.random.random() < RELEASES:
            return Call("release", key, self.random.choice(holders))
        if asked and self.random.random() < SUSPICIONS:
            return Call("release", key, self.random.choice(asked))
        claim = self._claim()
        self._asked.setdefault(key, []).append(claim)
        return Call("acquire", key, claim)

    def saw(self, call: Call, result: Any) -> None:
        if call.function == "acquire":
            self._forget(self._asked, call)
            self._holders.setdefault(call.key, []).append(call.argument)
        else:
            self._forget(self._holders, call)
            self._forget(self._asked, call)

    def refused(self, call: Call) -> None:
        self._forget(self._asked if call.function == "acquire" else self._holders, call)

    def _forget(self, claims: dict[str, list[Any]], call: Call) -> None:
        some = claims.get(call.key, [])
        if call.argument in some:
            some.remove(call.argument)

    def final(self) -> Iterator[Call]:
        """Release what is held, and see that it can be had again."""
        for key in self.youngest():
            for holder in self._holders.get(key, ()):
                yield Call("release", key, holder)
            yield Call("acquire", key, self._claim())

    def _claim(self) -> Any:
        self._clients += 1
        claim: dict[str, Any] = {"client": f"c{self._clients}"} if self._named else {}
        if self._permits > 1:
            claim["permits"] = self._permits
        return claim or None


def _locks(
    name: str, about: str, model: Callable[[], Model], calls: Callable[[Random, Shape], Calls]
) -> Workload:
    return Workload(
        name=name,
        about=about,
        functions=("acquire", "release"),
        calls=calls,
        model=model,
        warm_up=Call("acquire", "warm-up"),
    )


LOCK = _locks("lock", "acquire and release locks", MODELS["mutex"], LockCalls)
OWNED_LOCK = _locks(
    "owned-lock",
    "acquire and release locks; only who holds one can release it",
    MODELS["owned-mutex"],
    partial(LockCalls, named=True),
)
SEMAPHORE = _locks(
    "semaphore",
    f"acquire and release the {PERMITS} permits of semaphores",
    partial(Semaphore, permits=PERMITS),
    partial(LockCalls, permits=PERMITS),
)
