"""Counters: amounts are added, each answered with the new count, and the count is read."""

from checker.models.catalogue import MODELS
from workloads.keys import ReadsAndChanges
from workloads.workload import Call, Workload


class CounterCalls(ReadsAndChanges):
    def change(self, key: str) -> Call:
        return Call("inc", key, self.random.randint(1, 5))


COUNTER = Workload(
    name="counter",
    about="add to counters and read them; each addition is answered with the new count",
    functions=("inc", "read"),
    calls=CounterCalls,
    model=MODELS["counter"],
)
