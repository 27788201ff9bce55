"""Elections: nodes are asked who leads, and in which term; a term never has two leaders."""

from collections.abc import Iterable

from checker.models.catalogue import MODELS
from workloads.workload import Call, Calls, Workload

INSPECT = Call("inspect", "leader", pure=True)


class LeaderCalls(Calls):
    options = frozenset()

    def next(self) -> Call:
        return INSPECT

    def final(self) -> Iterable[Call]:
        return (INSPECT,)


LEADER = Workload(
    name="leader",
    about="ask nodes who leads, and in which term",
    calls=LeaderCalls,
    model=MODELS["leader"],
    warm_up=INSPECT,
)
