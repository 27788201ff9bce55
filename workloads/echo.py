"""Echo: a call is answered with its own argument."""

from collections.abc import Iterator
from random import Random

from checker.models.model import Inconsistent, State
from checker.operation import Operation, Outcome
from workloads.keys import KEYS, KeyedCalls, Numbers
from workloads.workload import Call, Shape, Workload


class EchoCalls(KeyedCalls):
    options = KEYS

    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self._numbers = Numbers()

    def next(self) -> Call:
        key = self.next_key()
        return Call("echo", key, f"please echo {self._numbers.fresh(key)}", pure=True)

    def final(self) -> Iterator[Call]:
        return iter(())


class Echo:
    """Keeps nothing, and says what it is told."""

    name = "echo"

    def initial(self) -> State:
        return 0

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        if operation.outcome is Outcome.OK and operation.result != operation.argument:
            return Inconsistent(f"{operation.argument!r} came back as {operation.result!r}")
        return state


ECHO = Workload(
    name="echo",
    about="say something, and hear it again",
    functions=("echo",),
    calls=EchoCalls,
    model=Echo,
    warm_up=Call("echo", "warm-up", "please echo 0", pure=True),
)
