"""The models that Labrys knows by name; a user's own looks the same as each of them.

A file here describes one kind of object; a model is a few lines. `observers`, `part` and
`behaves_as` only make it faster (see `checker.models.model` and `checker.models.known`).
"""

from collections.abc import Callable

from checker.models.accounts import SetFull, TotalQueue
from checker.models.bank import Bank
from checker.models.collections import AppendList, Set
from checker.models.counters import Counter
from checker.models.election import Elections
from checker.models.ids import UniqueIds
from checker.models.kv_map import KVMap
from checker.models.leader import Leader
from checker.models.leases import LeasedMutex
from checker.models.locks import Mutex
from checker.models.model import Model
from checker.models.owned_locks import FencedMutex, OwnedMutex, ReentrantMutex
from checker.models.priority_queue import PriorityQueue
from checker.models.queues import Queue, UnorderedQueue
from checker.models.registers import MultiRegister, Register
from checker.models.semaphore import Semaphore
from checker.models.stack import Stack
from checker.models.versioned import VersionedRegister

MODELS: dict[str, Callable[[], Model]] = {
    "register": lambda: Register("register"),
    "cas-register": lambda: Register("cas-register"),
    "etcd": lambda: Register("etcd"),
    "kv": lambda: Register("kv", ""),
    "queue": Queue,
    "unordered-queue": UnorderedQueue,
    "multi-register": MultiRegister,
    "set": Set,
    "list": AppendList,
    "counter": Counter,
    "mutex": Mutex,
    "owned-mutex": OwnedMutex,
    "reentrant-mutex": ReentrantMutex,
    "fenced-mutex": FencedMutex,
    "leased-mutex": LeasedMutex,
    "semaphore": Semaphore,
    "versioned-register": VersionedRegister,
    "stack": Stack,
    "priority-queue": PriorityQueue,
    "total-queue": TotalQueue,
    "set-full": SetFull,
    "bank": Bank,
    "kv-map": KVMap,
    "leader": Leader,
    "election": Elections,
    "unique-ids": UniqueIds,
}

NUMBERED: dict[str, Callable[[int], Model]] = {
    "reentrant-mutex": lambda number: ReentrantMutex(most=number),
    "semaphore": lambda number: Semaphore(permits=number),
}
"""Models that take a number, as in `semaphore:3`."""

TRANSACTIONS = (
    "list-append", "rw-register", "append", "wr", "long-fork", "causal", "causal-reverse", "adya",
    "dirty-read", "monotonic",
)  # fmt: skip
"""What Elle and Jepsen judge of transactions over many keys, which no model here does."""


def numbered(name: str) -> Callable[[], Model] | None:
    """What makes a model with a number in its name; None for any other name."""
    kind, colon, number = name.partition(":")
    if kind not in NUMBERED or not colon or not number.isdecimal() or int(number) < 1:
        return None
    return lambda: NUMBERED[kind](int(number))
