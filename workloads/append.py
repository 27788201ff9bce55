"""Lists: elements are appended to a key's list, and the whole list is read.

Elements are distinct, so a read shows the order of all appends before it: nothing tells more of a
history, and nothing is checked faster.
"""

from checker.models.catalogue import MODELS
from workloads.keys import ReadsAndChanges
from workloads.workload import Call, Workload


class AppendCalls(ReadsAndChanges):
    def change(self, key: str) -> Call:
        return Call("append", key, self.numbers.fresh(key))


APPEND = Workload(
    name="append",
    about="append to lists and read them; each list is linearizable on its own",
    calls=AppendCalls,
    model=MODELS["list"],
)
