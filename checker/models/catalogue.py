"""The models that Labrys knows by name; a user's own looks the same as each of them.

A file here describes one kind of object; a model is a few lines. `observers`, `part` and
`behaves_as` only make it faster (see `checker.models.model` and `checker.models.known`).
"""

from collections.abc import Callable

from checker.models.collections import AppendList, Set
from checker.models.counters import Counter
from checker.models.ids import UniqueIds
from checker.models.locks import Mutex
from checker.models.model import Model
from checker.models.queues import Queue, UnorderedQueue
from checker.models.registers import MultiRegister, Register

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
    "unique-ids": UniqueIds,
}
