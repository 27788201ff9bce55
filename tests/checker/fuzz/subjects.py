"""What the fuzzer needs to know of each model: how it is called, and what it answers.

A model whose functions are declared works without an entry (`declared`). One makes it answer well.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, TypeAlias

from checker.columns import canonical
from checker.models.catalogue import MODELS
from checker.models.model import Inconsistent, Model, State
from checker.operation import Operation, Outcome

Answer: TypeAlias = Callable[..., Any]
Call: TypeAlias = Callable[[Random, "Values"], tuple[str, Any]]

SCALARS: tuple[Any, ...] = (None, 0, 1, True, False, 1.0, 0.0, "", "1", "a", "Ünï∂", "\u2028", -7)
NESTED: tuple[Any, ...] = ([], [1], [True], {"a": 1}, {"a": [1.0]}, [[None]], {})


class Values:
    """The values of one history: a small pool that repeats, or new ones each time."""

    def __init__(self, random: Random, texts: bool = False) -> None:
        self.random = random
        self.repeat = random.choice((0.0, 0.0, 0.3, 0.8, 1.0))
        if texts:
            everything: tuple[Any, ...] = ("", "a", "b", "ab", "é")
        else:
            everything = random.choice((SCALARS, SCALARS[1:3], SCALARS + NESTED, (1, 2, 3)))
        self.pool = random.sample(everything, min(len(everything), random.randint(2, 4)))
        self._texts = texts
        self._nested = random.random() < 0.2
        self._count = 0

    def one(self) -> Any:
        """A value to write."""
        if self.random.random() < self.repeat:
            return self.random.choice(self.pool)
        self._count += 1
        number = 100 + self._count
        if self._texts:
            return f"<{number}>"
        if self._nested:
            # A pair would be a key and a value in EDN.
            return self.random.choice((number, str(number), [number, None, 0], {"n": number}))
        return number

    def known(self) -> Any:
        """A value that may well have been written."""
        if self._count and self.random.random() > self.repeat and not self._nested:
            number = 100 + self.random.randint(1, self._count)
            return f"<{number}>" if self._texts else number
        return self.random.choice(self.pool)


class NotNow(Exception):
    """The operation cannot happen in this state."""


@dataclass(frozen=True)
class Subject:
    """A model with the calls that are drawn of it.

    `answer` gives what a call that is alone would return in a state, or raises `NotNow`; it may
    choose. It is given a random generator, the state, the function, the argument, and the process
    where the model looks at that. `texts` says that all values must be strings, and `files` names
    the formats in which a history of it stays what it is: EDN holds an argument or a result of an
    operation, not both.
    """

    make: Callable[[], Model]
    call: Call
    answer: Answer
    texts: bool = False
    files: tuple[str, ...] = (".jsonl", ".edn")


def plain(stand_in: Any) -> Any:
    """The value of which `canonical` made this."""
    if isinstance(stand_in, frozenset):
        return [plain(item) for item in sorted(stand_in, key=repr)]
    if not isinstance(stand_in, tuple):
        return stand_in
    if not stand_in or stand_in[0] not in ("list", "dict", "float", "bool"):
        return [plain(item) for item in stand_in]
    match stand_in[0]:
        case "list":
            return [plain(item) for item in stand_in[1:]]
        case "dict":
            return {name[1:-1]: plain(item) for name, item in stand_in[1:]}
        case "float":
            return float(stand_in[1])
    return stand_in[1]


def one_of(*functions: str) -> Call:
    """Calls of these functions with nothing."""
    return lambda random, values: (random.choice(functions), None)


def registers(*functions: str) -> Call:
    def call(random: Random, values: Values) -> tuple[str, Any]:
        match function := random.choice(functions):
            case "write" | "append":
                return function, values.one()
            case "cas":
                return function, [values.known(), values.one()]
            case "cas-mismatch":
                return function, values.known()
        return function, None

    return call


def register(random: Random, state: Any, function: str, argument: Any) -> Any:
    if function == "cas-mismatch" and canonical(argument) == state:
        raise NotNow
    return plain(state) if function in ("read", "cas") else None


def either(update: str, *others: str) -> Call:
    """Half updates with a value, half other functions with nothing."""

    def call(random: Random, values: Values) -> tuple[str, Any]:
        if random.random() < 0.5:
            return update, values.one()
        return random.choice(others), None

    return call


def queue(random: Random, state: Any, function: str, argument: Any) -> Any:
    return plain(state[0]) if function == "dequeue" and state else None


def stack(random: Random, state: Any, function: str, argument: Any) -> Any:
    return plain(state[-1]) if function == "dequeue" and state else None


def bag(random: Random, state: Any, function: str, argument: Any) -> Any:
    if function == "enqueue":
        return None
    values, _ = state
    return plain(random.choice(values)) if values else None


def transaction(random: Random, values: Values) -> tuple[str, Any]:
    steps = []
    for _ in range(random.randint(1, 3)):
        name = random.choice(("x", "y", 1, True))
        write = random.random() < 0.5
        kind = random.choice(("w", "write") if write else ("r", "read"))
        steps.append([kind, name, values.one() if write else None])
    return "txn", steps


def transacted(random: Random, state: Any, function: str, argument: Any) -> Any:
    held, answer = dict(state), []
    for kind, name, value in argument:
        if kind in ("w", "write"):
            held[canonical(name)] = canonical(value)
            answer.append([kind, name, value])
        else:
            answer.append([kind, name, plain(held.get(canonical(name)))])
    return answer


def elements(*functions: str) -> Call:
    def call(random: Random, values: Values) -> tuple[str, Any]:
        function = random.choice(functions)
        if function == "read":
            return function, None
        return function, values.one() if function == "add" else values.known()

    return call


def held(random: Random, state: Any, function: str, argument: Any) -> Any:
    if function == "contains":
        return canonical(argument) in state
    if function != "read":
        return None
    found = [plain(item) for item in sorted(state, key=repr)]
    random.shuffle(found)
    return found or random.choice(([], None))


def listed(random: Random, state: Any, function: str, argument: Any) -> Any:
    return [plain(item) for item in state] if function == "read" else None


def amounts(random: Random, values: Values) -> tuple[str, Any]:
    return random.choice((("add", random.choice((1, 1, 2, 3, -1, 0, 10**15))), ("read", None)))


def counted(random: Random, state: Any, function: str, argument: Any) -> Any:
    if function != "read":
        return None
    return state or random.choice((0, None))


def locked(random: Random, state: Any, function: str, argument: Any) -> Any:
    if bool(state) == (function == "acquire"):
        raise NotNow
    return None


def generated(random: Random, state: Any, function: str, argument: Any) -> Any:
    fresh = [value for value in (*range(9), "a", True, None) if canonical(value) not in state]
    if not fresh:
        raise NotNow
    return random.choice(fresh)


class Pile:
    """A user's object that holds values in an order, and none at first."""

    def initial(self) -> State:
        return ()


@dataclass
class Stack(Pile):
    """A user's stack, which happens to be called as a queue is."""

    name: str = "queue"

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        if operation.function == "enqueue":
            return (*state, canonical(operation.argument))
        top = state[-1] if state else None
        if operation.outcome is Outcome.INFO or canonical(operation.result) == top:
            return state[:-1]
        return Inconsistent("another value is on top")


@dataclass
class Recorder(Pile):
    """A user's object with the functions of a register: a read tells how often each was written."""

    name: str = "recorder"
    observers: ClassVar[frozenset[str]] = frozenset({"read"})

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        if operation.function == "write":
            return tuple(sorted((*state, canonical(operation.argument)), key=repr))
        known = operation.outcome is not Outcome.INFO
        if known and operation.result != len(state):
            return Inconsistent(f"{len(state)} values were written")
        return state


def recorded(random: Random, state: Any, function: str, argument: Any) -> Any:
    return len(state) if function == "read" else None


@dataclass
class Semaphore:
    """A user's semaphore of two permits."""

    name: str = "semaphore"
    permits: int = 2

    def initial(self) -> State:
        return 0

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, int)
        after = state + (1 if operation.function == "acquire" else -1)
        return after if 0 <= after <= self.permits else Inconsistent("no permit")


def permitted(random: Random, state: Any, function: str, argument: Any) -> Any:
    if state == (2 if function == "acquire" else 0):
        raise NotNow
    return None


@dataclass
class Cache(Pile):
    """A user's cache of the two keys used last; a `get` is not an observer, since it uses the
    key."""

    name: str = "cache"
    observers: ClassVar[frozenset[str]] = frozenset()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, tuple)
        kept: OrderedDict[Any, Any] = OrderedDict(state)
        if operation.function == "put":
            name, value = map(canonical, operation.argument)
            kept[name] = value
            kept.move_to_end(name)
        else:
            name = canonical(operation.argument)
            known = operation.outcome is not Outcome.INFO
            if known and kept.get(name) != canonical(operation.result):
                return Inconsistent("another value is kept")
            if name in kept:
                kept.move_to_end(name)
        return tuple(kept.items())[-2:]


def cached(random: Random, values: Values) -> tuple[str, Any]:
    name = random.choice((1, 2, True))
    return ("get", name) if random.random() < 0.5 else ("put", [name, values.one()])


def kept(random: Random, state: Any, function: str, argument: Any) -> Any:
    return plain(dict(state).get(canonical(argument))) if function == "get" else None


READS = ("read", "read", "write", "write")
ENTRIES: dict[str, Subject] = {
    "register": Subject(MODELS["register"], registers(*READS), register),
    "cas-register": Subject(MODELS["cas-register"], registers(*READS, "cas", "cas"), register),
    "etcd": Subject(MODELS["etcd"], registers(*READS, "cas", "cas-mismatch"), register),
    "kv": Subject(MODELS["kv"], registers("read", "read", "write", "append"), register, True),
    "kv of registers": Subject(MODELS["kv"], registers(*READS, "cas"), register),
    "appends": Subject(MODELS["kv"], registers("read", "append"), register, True),
    "queue": Subject(MODELS["queue"], either("enqueue", "dequeue"), queue),
    "unordered-queue": Subject(MODELS["unordered-queue"], either("enqueue", "dequeue"), bag),
    "multi-register": Subject(MODELS["multi-register"], transaction, transacted),
    "set": Subject(MODELS["set"], elements("add", "add", "remove", "contains", "read"), held),
    "set of elements": Subject(MODELS["set"], elements("add", "remove", "contains"), held),
    "grow-only set": Subject(MODELS["set"], elements("add", "read"), held),
    "list": Subject(MODELS["list"], either("append", "read"), listed),
    "counter": Subject(MODELS["counter"], amounts, counted),
    "mutex": Subject(MODELS["mutex"], one_of("acquire", "release"), locked),
    "unique-ids": Subject(MODELS["unique-ids"], one_of("generate"), generated),
    "stack of a user": Subject(Stack, either("enqueue", "dequeue"), stack),
    "semaphore of a user": Subject(Semaphore, one_of("acquire", "release"), permitted),
    "recorder of a user": Subject(Recorder, registers("read", "write"), recorded),
    "cache of a user": Subject(Cache, cached, kept, files=(".jsonl",)),
}
"""By name; several may be of one model, each a use of it that is judged in another way."""
