"""Lists: elements are appended to a key's list, and the whole list is read.

Elements are distinct, so a read shows the order of all appends before it: nothing tells more of a
history, and nothing is checked faster.
"""

from checker.models.catalogue import MODELS
from workloads.keys import KEYS, KeyedCalls
from workloads.workload import Call, Workload


class AppendCalls(KeyedCalls):
    options = KEYS | {"reads"}

    def next(self) -> Call:
        key = self.next_key()
        if self.reads():
            return Call("read", key, pure=True)
        return Call("append", key, self.numbers.fresh(key))


APPEND = Workload(
    name="append",
    about="append to lists and read them; each list is linearizable on its own",
    calls=AppendCalls,
    model=MODELS["list"],
)
