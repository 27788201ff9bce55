"""Sets: elements are added, removed and looked for, and the whole set is read."""

from dataclasses import replace

from checker.models.catalogue import MODELS
from workloads.keys import ReadsAndChanges
from workloads.workload import Call, Workload


class GrowingCalls(ReadsAndChanges):
    """Adds distinct elements, and reads."""

    def change(self, key: str) -> Call:
        return Call("add", key, self.numbers.fresh(key))


class SetCalls(GrowingCalls):
    """Also removes elements, and looks for single ones."""

    def look(self, key: str) -> Call:
        if self.random.random() < 0.5:
            return super().look(key)
        return Call("contains", key, self._known(key), pure=True)

    def change(self, key: str) -> Call:
        if self.random.random() < 0.6:
            return super().change(key)
        return Call("remove", key, self._known(key))

    def _known(self, key: str) -> int:
        """One of the elements that were added, mostly a late one."""
        last = self.numbers.given(key)
        return max(1, last - int(self.random.expovariate(0.2)))


GROWING_SET = Workload(
    name="growing-set",
    about="add to sets and read them whole",
    functions=("add", "read"),
    calls=GrowingCalls,
    model=MODELS["set"],
)
SET = replace(
    GROWING_SET,
    name="set",
    about="add to sets, remove from them, ask for elements, and read them whole",
    functions=("add", "remove", "contains", "read"),
    calls=SetCalls,
)
