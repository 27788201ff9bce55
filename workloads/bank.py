"""Banks: amounts are moved between the accounts of one key, which are read together.

Money is neither made nor lost, and no account is overdrawn: the store refuses that. A bank is read
only once a transfer in it was answered, since it has no accounts before.
"""

from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

from checker.models.bank import Bank
from workloads.keys import KEYS, KeyedCalls
from workloads.workload import Call, Shape, Workload

ACCOUNTS = ("a", "b", "c", "d", "e")
OPENING = 10
"""What each account begins with, as stores must have it that serve this workload."""


class BankCalls(KeyedCalls):
    options = KEYS | {"reads"}

    def __init__(self, random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self._open: set[str] = set()

    def next(self) -> Call:
        key = self.next_key()
        if key in self._open and self.reads():
            return Call("read", key, pure=True)
        source, target = self.random.sample(ACCOUNTS, 2)
        amount = self.random.randint(1, 4)
        return Call("transfer", key, {"from": source, "to": target, "amount": amount})

    def saw(self, call: Call, result: Any) -> None:
        self._open.add(call.key)

    def final(self) -> Iterator[Call]:
        for key in self.youngest():
            if key in self._open:
                yield Call("read", key, pure=True)


BANK = Workload(
    name="bank",
    about="transfer between the accounts of banks and read them together",
    calls=BankCalls,
    model=partial(Bank, start=dict.fromkeys(ACCOUNTS, OPENING)),
)
