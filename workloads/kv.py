"""Several values as one object: transactions read and write some of them together."""

from collections.abc import Iterator

from checker.models.catalogue import MODELS
from workloads.keys import KEYS, KeyedCalls
from workloads.workload import Call, Workload

NAMES = ("u", "v", "w", "x")


class TransactionCalls(KeyedCalls):
    """Transactions of up to three steps; written values are distinct."""

    options = KEYS | {"reads"}

    def next(self) -> Call:
        key = self.next_key()
        only_reads = self.reads()
        steps: list[list[object]] = []
        for name in self.random.sample(NAMES, self.random.randint(1, 3)):
            if only_reads or self.random.random() < 0.4:
                steps.append(["r", name, None])
            else:
                steps.append(["w", name, self.numbers.fresh(key)])
        return Call("txn", key, steps)

    def final(self) -> Iterator[Call]:
        for key in self.youngest():
            yield Call("txn", key, [["r", name, None] for name in NAMES], pure=True)


KV = Workload(
    name="kv",
    about="read and write several values of one object together",
    calls=TransactionCalls,
    model=MODELS["multi-register"],
    warm_up=Call("txn", "warm-up", [["r", "u", None]], pure=True),
)
