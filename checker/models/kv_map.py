"""Several keys as one object, so that operations may concern more than one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.model import ANY, Inconsistent, Kind, State
from checker.models.wording import shown, unknown
from checker.operation import Operation, Outcome


@dataclass
class KVMap:
    """Several keys as one object: `read` and `write` of one key or of several together.

    `read` takes a key, a list of keys, or null for all, and answers a value, a list or an object;
    `write` takes `[key, value]`, or an object whose fields are written together; `delete` takes a
    key and `cas` `[key, expected, new]`. A key that is absent is null.
    """

    name: str = "kv-map"
    start: Any = None
    functions: ClassVar = {
        "read": ANY, "write": (Kind.ENTRIES, Kind.ANYTHING), "delete": ANY,
        "cas": (Kind.TRIPLE, Kind.ANYTHING),
    }  # fmt: skip
    observers: ClassVar = frozenset({"read"})
    starts_with_object: ClassVar = True

    def initial(self) -> State:
        return _state({_key(key): canonical(value) for key, value in (self.start or {}).items()})

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        assert isinstance(state, frozenset)
        values = dict(state)
        asked = operation.argument
        match operation.function:
            case "write":
                values.update(_entries(asked))
                return _state(values)
            case "delete":
                values.pop(_key(asked), None)
                return _state(values)
            case "cas":
                return self._swap(values, operation)
            case "read":
                if operation.outcome is Outcome.INFO:
                    return state
                return self._read(state, values, operation)
        return unknown(operation)

    def unmissed(self, operations: Sequence[Operation]) -> Iterator[int]:
        """Unanswered writes and compare-and-sets of whose values none was read, or expected.

        Wherever such a one stands, each of its values was overwritten before anything saw it.
        """
        seen = {pair for o in operations for pair in _seen(o)}
        for place, o in enumerate(operations):
            if o.outcome is Outcome.INFO and o.function in ("write", "cas"):
                if o.function == "write":
                    given = _entries(o.argument)
                else:
                    given = [(_key(o.argument[0]), canonical(o.argument[2]))]
                if seen.isdisjoint(given) and all(value is not None for _, value in given):
                    yield place

    def _swap(self, values: dict[str, State], operation: Operation) -> State | Inconsistent:
        name, expected, new = operation.argument
        found = values.get(_key(name))
        if found == canonical(expected):
            values[_key(name)] = canonical(new)
        elif operation.outcome is not Outcome.INFO:
            return Inconsistent(f"the value of {name!r} is {shown(found)}, not {expected!r}")
        return _state(values)

    def _read(
        self, state: State, values: dict[str, State], operation: Operation
    ) -> State | Inconsistent:
        asked, answer = operation.argument, operation.result
        if asked is None or isinstance(answer, dict):
            read = {_key(key): canonical(value) for key, value in (answer or {}).items()}
            wanted = values if asked is None else {_key(k): values.get(_key(k)) for k in asked}
            if _state(read) == _state(wanted):
                return state
            one = min(k for k in {**read, **wanted} if read.get(k) != wanted.get(k))
            return Inconsistent(f"the value of {one} is {shown(wanted.get(one))}")
        if isinstance(asked, list | tuple):
            seen = list(map(canonical, answer or []))
            if seen == [values.get(_key(key)) for key in asked]:
                return state
            return Inconsistent("these keys did not have these values together")
        if values.get(_key(asked)) == canonical(answer):
            return state
        found = shown(values.get(_key(asked)))
        return Inconsistent(f"the value of {asked!r} is {found}, not {answer!r}")


def _key(key: Any) -> str:
    """A key as an object has it."""
    return key if isinstance(key, str) else repr(key)


def _entries(asked: Any) -> list[tuple[str, State]]:
    """What a write leaves of each key."""
    pairs = asked.items() if isinstance(asked, dict) else [asked]
    return [(_key(key), canonical(value)) for key, value in pairs]


def _seen(operation: Operation) -> Iterable[tuple[str, State]]:
    """The keys and values that an operation saw: a compare-and-set without an answer may have seen
    what it expected. A read of all does not tell the keys that are absent, and need not: `unmissed`
    leaves out nothing that makes a key absent."""
    asked, answer = operation.argument, operation.result
    if operation.function == "cas" and operation.outcome is not Outcome.FAIL:
        return [(_key(asked[0]), canonical(asked[1]))]
    if operation.function != "read" or operation.outcome is not Outcome.OK:
        return []
    if asked is None or isinstance(answer, dict):
        return _entries(answer or {})
    if isinstance(asked, list | tuple):
        return zip(map(_key, asked), map(canonical, answer or []), strict=False)
    return [(_key(asked), canonical(answer))]


def _state(values: dict[str, Any]) -> State:
    """What is not absent."""
    return frozenset(item for item in values.items() if item[1] is not None)
