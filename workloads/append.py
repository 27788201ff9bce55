"""Lists: elements are appended to a key's list, and the whole list is read.

Elements are distinct, so a read shows the order of all appends before it: nothing tells more of a
history, and nothing is checked faster.
"""

from random import Random

from checker.models.catalogue import MODELS
from workloads.keys import KeyedCalls, Numbers
from workloads.workload import Call, Shape, Workload


class AppendCalls(KeyedCalls):
    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self._numbers = Numbers()

    def next(self) -> Call:
        key = self.next_key()
        if self.reads():
            return Call("read", key, pure=True)
        return Call("append", key, self._numbers.fresh(key))


APPEND = Workload(
    name="append",
    about="append to lists and read them; each list is linearizable on its own",
    functions=("append", "read"),
    calls=AppendCalls,
    model=MODELS["list"],
)
