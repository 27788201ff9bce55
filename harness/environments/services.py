"""The services that Maelstrom offers to nodes, after its `services.md`.

`lin-kv` is a linearizable key-value store, `seq-kv` a sequentially consistent one, `lww-kv` one in
which the last write wins, and `lin-tso` gives timestamps. Each answers one message at a time.
"""

from abc import ABC, abstractmethod
from collections import deque
from random import Random
from typing import Any, TypeAlias

import msgspec

Body: TypeAlias = dict[str, Any]
Values: TypeAlias = dict[bytes, Any]

PAST = 32
"""States of the past that a client of `seq-kv` may still see."""

REPLICAS = 5


class Service(ABC):
    """Something that nodes can ask."""

    @abstractmethod
    def answer(self, client: str, body: Body) -> Body:
        """The answer to a request of this node."""


class LinKv(Service):
    """Reads, writes and compare-and-sets take effect at once."""

    def __init__(self) -> None:
        self._values: Values = {}

    def answer(self, client: str, body: Body) -> Body:
        answer, changed = _apply(self._values, body)
        self._values |= changed
        return answer


class SeqKv(Service):
    """What changes nothing may see a state of the past, but none older than its client has seen."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._states: deque[Values] = deque([{}], maxlen=PAST)
        self._newest = 0
        self._seen: dict[str, int] = {}

    def answer(self, client: str, body: Body) -> Body:
        oldest = self._newest - len(self._states) + 1
        number = self._random.randint(max(oldest, self._seen.get(client, 0)), self._newest)
        answer, changed = _apply(self._states[number - oldest], body)
        if changed:  # A change takes effect on the newest state, whatever it finds there.
            answer, changed = _apply(self._states[-1], body)
            if changed:
                self._states.append({**self._states[-1], **changed})
                self._newest += 1
            number = self._newest
        self._seen[client] = number
        return answer


class LwwKv(Service):
    """Replicas that know of each other's writes later; of two values the later one wins.

    What is written gets a timestamp of a Lamport clock; equal ones are told apart by the value.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._replicas: list[dict[bytes, tuple[int, bytes, Any]]] = [{} for _ in range(REPLICAS)]
        self._clocks = [0] * REPLICAS

    def answer(self, client: str, body: Body) -> Body:
        self._gossip(self._random.randrange(REPLICAS), self._random.randrange(REPLICAS))
        number = self._random.randrange(REPLICAS)
        replica = self._replicas[number]
        named = _canonical(body.get("key"))
        answer, changed = _apply({named: replica[named][2]} if named in replica else {}, body)
        for key, value in changed.items():
            replica[key] = (self._clocks[number], _canonical(value), value)
            self._clocks[number] += 1
        return answer

    def _gossip(self, source: int, target: int) -> None:
        theirs, mine = self._replicas[source], self._replicas[target]
        for key, entry in theirs.items():
            if key not in mine or mine[key][:2] < entry[:2]:
                mine[key] = entry
        self._clocks[target] = max(self._clocks[source], self._clocks[target])


class LinTso(Service):
    """Timestamps from 0 on, none of them twice."""

    def __init__(self) -> None:
        self._next = 0

    def answer(self, client: str, body: Body) -> Body:
        if body.get("type") != "ts":
            return _not_served(body)
        self._next += 1
        return {"type": "ts_ok", "ts": self._next - 1}


def services(seed: int) -> dict[str, Service]:
    """Those of one run, by the names under which nodes ask them."""
    return {
        "lin-kv": LinKv(),
        "seq-kv": SeqKv(Random(f"{seed}:seq-kv")),
        "lww-kv": LwwKv(Random(f"{seed}:lww-kv")),
        "lin-tso": LinTso(),
    }


def _apply(values: Values, body: Body) -> tuple[Body, Values]:
    """The answer to a request on these values, and what it changes of them."""
    key = _canonical(body.get("key"))
    missing = {"type": "error", "code": 20, "text": "key does not exist"}
    match body.get("type"):
        case "read":
            found = key in values
            return ({"type": "read_ok", "value": values[key]} if found else missing), {}
        case "write":
            return {"type": "write_ok"}, {key: body.get("value")}
        case "cas":
            if key not in values and not body.get("create_if_not_exists"):
                return missing, {}
            if key in values and _canonical(values[key]) != _canonical(body.get("from")):
                text = f"current value {values[key]!r} is not {body.get('from')!r}"
                return {"type": "error", "code": 22, "text": text}, {}
            return {"type": "cas_ok"}, {key: body.get("to")}
    return _not_served(body), {}


def _not_served(body: Body) -> Body:
    text = f"there is no request {body.get('type')!r} here"
    return {"type": "error", "code": 10, "text": text}


def _canonical(value: Any) -> bytes:
    """A JSON value in one form of bytes; equal if and only if the values are."""
    return msgspec.json.encode(value, order="deterministic")
