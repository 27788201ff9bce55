"""Elections in a store: clients campaign, resign, and ask who leads; a term has one leader at most.

That is how programs elect a leader among themselves with etcd, ZooKeeper or Chubby. `leader`
(leader.py) asks the nodes of the store itself who of them leads.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from checker.models.catalogue import MODELS
from workloads.keys import KEYS, ReadsAndChanges
from workloads.workload import Call, Shape, Workload

CANDIDATES = ("a", "b", "c", "d", "e")


class ElectionCalls(ReadsAndChanges):
    options = KEYS | {"reads"}

    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self._leaders: dict[str, str] = {}
        """Who was last seen to lead."""

    def look(self, key: str) -> Call:
        return Call("observe", key, pure=True)

    def change(self, key: str) -> Call:
        leader = self._leaders.get(key)
        if leader is not None and self.random.random() < 0.5:
            return Call("resign", key, {"client": leader})
        return Call("campaign", key, {"client": self.random.choice(CANDIDATES)})

    def saw(self, call: Call, result: Any) -> None:
        if call.function != "resign" and result and result[0] is not None:
            self._leaders[call.key] = result[0]
        else:
            self._leaders.pop(call.key, None)

    def refused(self, call: Call) -> None:
        if call.function == "resign":
            self._leaders.pop(call.key, None)

    def final(self) -> Iterator[Call]:
        for key in self.youngest():
            yield self.look(key)


ELECTION = Workload(
    name="election",
    about="campaign, resign, and ask who leads: one leader a term at most",
    calls=ElectionCalls,
    model=MODELS["election"],
    warm_up=Call("observe", "warm-up", pure=True),
)
