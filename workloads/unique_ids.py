"""Ids: no two calls may be answered with the same one."""

from collections.abc import Iterator

from checker.models.catalogue import MODELS
from workloads.keys import KEYS, KeyedCalls
from workloads.workload import Call, Workload


class IdCalls(KeyedCalls):
    options = KEYS

    def next(self) -> Call:
        return Call("generate", self.next_key())

    def final(self) -> Iterator[Call]:
        """One more of each key: it must differ from all before."""
        for key in self.youngest():
            yield Call("generate", key)


UNIQUE_IDS = Workload(
    name="unique-ids",
    about="generate ids, no two of them the same",
    calls=IdCalls,
    model=MODELS["unique-ids"],
)
