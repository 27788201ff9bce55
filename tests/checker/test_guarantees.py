"""Weaker guarantees: known examples, what must follow from what, and staleness."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from random import Random
from typing import Any

import pytest

from checker.history import History
from checker.linearizability.check import check
from checker.linearizability.registers.facts import Ambiguous
from checker.linearizability.registers.graph import (
    decide,
)
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from checker.weaker import weaker
from checker.weaker.guarantees import NAMES, guarantees
from checker.weaker.sessions import GUARANTEES
from checker.weaker.staleness import staleness
from tests.checker.registers import draw, of_key
from tests.deep import DEEP

Row = tuple[int, str, str, Any, int, int]


def history(*rows: Row) -> History:
    """Rows of process, function, key, value, and where it began and ended, in milliseconds."""
    return History(
        Operation(
            process, function, key,
            value if function == "write" else None,
            value if function == "read" else None,
            Outcome.OK, begin, end, begin * 10**6, end * 10**6,
        )
        for process, function, key, value, begin, end in rows
    )  # fmt: skip


def words(found: History) -> str:
    """One letter a guarantee: v, i or u."""
    results = guarantees(found)
    return "".join(results[name].verdict.word[0] for name in NAMES)


STALE_READ_BY_ANOTHER = history(
    (1, "write", "x", 1, 1, 2), (1, "write", "x", 2, 3, 4), (2, "read", "x", 1, 5, 6)
)
OWN_WRITE_UNSEEN = history(
    (1, "write", "x", 1, 1, 2), (2, "write", "x", 2, 3, 4), (2, "read", "x", 1, 5, 6)
)
BACK_IN_TIME = history(
    (1, "write", "x", 1, 1, 2), (1, "write", "x", 2, 3, 4),
    (2, "read", "x", 2, 5, 6), (2, "read", "x", 1, 7, 8),
)  # fmt: skip
CAUSE_UNSEEN = history(
    (1, "write", "x", 1, 1, 2),
    (2, "read", "x", 1, 3, 4), (2, "write", "y", 1, 5, 6),
    (3, "read", "y", 1, 7, 8), (3, "read", "x", None, 9, 10),
)  # fmt: skip
TWO_ORDERS = history(
    (1, "write", "x", 1, 1, 20), (2, "write", "x", 2, 2, 21),
    (3, "read", "x", 1, 22, 23), (3, "read", "x", 2, 24, 25),
    (4, "read", "x", 2, 22, 23), (4, "read", "x", 1, 24, 25),
)  # fmt: skip
STORE_BUFFERS = history(
    (1, "write", "x", 1, 1, 2), (1, "read", "y", None, 3, 4),
    (2, "write", "y", 1, 1, 2), (2, "read", "x", None, 3, 4),
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # sequential, causal convergence, causal, then the four guarantees of sessions
        pytest.param(STALE_READ_BY_ANOTHER, "vvvvvvv", id="stale read by another"),
        pytest.param(OWN_WRITE_UNSEEN, "vvvivvv", id="own write unseen"),
        pytest.param(BACK_IN_TIME, "iiivivv", id="back in time"),
        pytest.param(CAUSE_UNSEEN, "iiivvvv", id="cause unseen"),
        pytest.param(TWO_ORDERS, "iivvivv", id="two orders"),
        pytest.param(STORE_BUFFERS, "ivvvvvv", id="store buffers"),
    ],
)
def test_known_examples(found: History, expected: str) -> None:
    assert words(found) == expected


@pytest.mark.slow
def test_what_follows_from_what() -> None:
    random = Random(2)
    seen: Counter[str] = Counter()
    for _ in range(3000):
        operations = draw(
            random,
            random.randint(4, 14),
            clients=3,
            keys=random.choice([1, 2]),
            lie=0.15,
            cas=0.2,
            tie=0,
        )
        results = guarantees(History(operations))
        verdicts = {name: result.verdict for name, result in results.items()}
        try:
            valid = all(decide(of_key(operations, key)).order is not None for key in (0, 1))
        except Ambiguous:
            continue
        if valid:
            assert verdicts["sequential"] is not Verdict.INVALID
            assert all(verdicts[name] is Verdict.VALID for name in NAMES[1:])
        if verdicts["sequential"] is Verdict.VALID:
            assert verdicts["causal convergence"] is Verdict.VALID
        if verdicts["causal convergence"] is Verdict.VALID:
            assert verdicts["causal"] is Verdict.VALID
        for name, verdict in verdicts.items():
            seen[f"{name} {verdict.word}"] += 1
    assert all(seen[f"{name} invalid"] > 50 for name in NAMES)
    assert all(seen[f"{name} valid"] > 300 for name in NAMES)


def sequentially_consistent(operations: list[Operation]) -> bool:
    """Try every interleaving of the processes."""
    lines: dict[int, list[Operation]] = {}
    for operation in operations:
        lines.setdefault(operation.process, []).append(operation)
    dead = set()

    def search(left: tuple[tuple[Operation, ...], ...], values: dict[Any, Any]) -> bool:
        if not any(o.outcome is Outcome.OK for line in left for o in line):
            return True
        situation = (tuple(map(len, left)), tuple(values.items()))
        if situation in dead:
            return False
        dead.add(situation)
        for i, line in enumerate(left):
            if not line:
                continue
            operation, rest = line[0], (*left[:i], line[1:], *left[i + 1 :])
            value = values.get(operation.key)
            after = value
            reads = operation.outcome is Outcome.OK and operation.function != "write"
            if reads and operation.result != value:
                continue
            if operation.function == "write" and operation.outcome is not Outcome.FAIL:
                after = operation.argument
            elif operation.function == "cas" and operation.outcome is not Outcome.FAIL:
                after = operation.argument[1] if operation.argument[0] == value else value
            if search(rest, {**values, operation.key: after}):
                return True
            if operation.outcome is Outcome.INFO and search(rest, values):
                return True
        return False

    return search(tuple(map(tuple, lines.values())), dict.fromkeys(o.key for o in operations))


@pytest.mark.slow
@pytest.mark.parametrize("keys", [1, 2])
def test_sequential_consistency_against_every_interleaving(keys: int) -> None:
    random = Random(4)
    seen: Counter[Verdict] = Counter()
    for _ in range(4000 * DEEP):
        operations = draw(
            random, random.randint(3, 8), clients=3, keys=keys, lie=0.4, cas=0.2, tie=0
        )
        verdict = guarantees(History(operations))["sequential"].verdict
        if verdict is not Verdict.UNKNOWN:
            assert (verdict is Verdict.VALID) == sequentially_consistent(operations), operations
        seen[verdict] += 1
    assert min(seen[Verdict.VALID], seen[Verdict.INVALID]) > 0.15 * seen.total()
    assert seen[Verdict.UNKNOWN] < 0.1 * seen.total()


class Plain:
    """What a small history says, worked out by definition: who saw what, and what knows of what.

    Operations are those that count: completed ones, and updates of which somebody saw the value.
    """

    def __init__(self, operations: list[Operation]) -> None:
        happened = [o for o in operations if o.outcome is not Outcome.FAIL]
        facts = {id(o): (o, *effect(o)) for o in happened}
        self.writer = {(o.key, wrote): o for o, _, wrote in facts.values() if wrote is not None}
        self.saw: dict[int, tuple[Any, Any]] = {}
        self.used: list[Operation] = []
        todo = [o for o in happened if o.outcome is Outcome.OK]
        while todo:
            o = todo.pop()
            if o in self.used:
                continue
            self.used.append(o)
            _, saw, _ = facts[id(o)]
            if saw is not ABSENT:
                self.saw[id(o)] = (o.key, saw)
                if saw is not None:
                    todo.append(self.writer[o.key, saw])
        self.used.sort(key=lambda o: o.invoked)
        self.wrote = {id(o): facts[id(o)][2] for o in self.used}
        self.edges = {
            (a.invoked, b.invoked)
            for a in self.used
            for b in self.used
            if (a.process == b.process and a.invoked < b.invoked) or self.source(b) is a
        }

    def source(self, o: Operation) -> Operation | None:
        return self.writer.get(self.saw.get(id(o), (None, None)))

    def writes(self, key: Any) -> list[Operation]:
        return [o for o in self.used if o.key == key and self.wrote[id(o)] is not None]

    def causal(self) -> tuple[bool, bool]:
        """CC and CCv, by their bad patterns."""
        before = closure(self.edges)
        if any((o.invoked, o.invoked) in before for o in self.used):
            return False, False
        conflicts = set(before)
        for reader in self.used:
            if id(reader) not in self.saw:
                continue
            source = self.source(reader)
            for write in self.writes(reader.key):
                if write in (source, reader) or (write.invoked, reader.invoked) not in before:
                    continue
                if source is None or (source.invoked, write.invoked) in before:
                    return False, False
                conflicts.add((write.invoked, source.invoked))
        acyclic = all(a != b for a, b in closure(conflicts))
        return True, acyclic

    def session(self, guarantee: str) -> bool:
        """Whether each key has an order of its writes that gives a guarantee."""
        return all(self._ordered(guarantee, key) for key in {o.key for o in self.used})

    def _ordered(self, guarantee: str, key: Any) -> bool:
        writes = self.writes(key)
        chained = {(s, w) for w in writes if (s := self.source(w)) is not None}
        timed = {(a, b) for a in writes for b in writes if a.completed and a.completed < b.invoked}
        asked = set(self._asked(guarantee, key))
        orders = [dict.fromkeys(order) for order in permutations(writes)]
        if not any(holds(order, chained | timed) for order in orders):
            timed = set()  # real time itself contradicts what was seen, so only that counts
        return any(holds(order, chained | timed | asked) for order in orders)

    def _asked(self, guarantee: str, key: Any) -> Iterator[tuple[Any, Any]]:
        for a in self.used:
            for b in self.used:
                if (a.process, a.key, b.key) != (b.process, key, key) or a.invoked >= b.invoked:
                    continue
                one = a if guarantee in ("read your writes", "monotonic writes") else self.source(a)
                other = b if guarantee in ("monotonic writes", "writes follow reads") else None
                if other is None and id(b) in self.saw:
                    other = self.source(b) or "nothing"
                if one is None or self.wrote.get(id(one)) is None or other is None:
                    continue
                if other == "nothing" or self.wrote[id(other)] is not None:
                    yield one, other


ABSENT = object()


def effect(o: Operation) -> tuple[Any, Any]:
    """What it saw, or `ABSENT`, and what it wrote, or None."""
    ok = o.outcome is Outcome.OK
    if o.function == "cas":
        hit = not ok or o.result == o.argument[0]
        return (o.argument[0], o.argument[1]) if hit else (o.result, None)
    return (o.result if ok else ABSENT, None) if o.function == "read" else (ABSENT, o.argument)


def closure(edges: set[tuple[int, int]]) -> set[tuple[int, int]]:
    while more := {(a, d) for a, b in edges for c, d in edges if b == c} - edges:
        edges = edges | more
    return edges


def holds(order: dict[Operation, None], pairs: set[tuple[Any, Any]]) -> bool:
    place = {id(o): number for number, o in enumerate(order)}
    return all(
        one is other or (other != "nothing" and place[id(one)] < place[id(other)])
        for one, other in pairs
    )


def swap(random: Random, operations: list[Operation]) -> None:
    """Let two operations of a process change places, so that something sees the future."""
    done = [n for n, o in enumerate(operations) if o.outcome is Outcome.OK]
    one, other = random.choice(done or [0]), random.choice(done or [0])
    a, b = operations[one], operations[other]
    if a.process == b.process:
        places = ("invoked", "completed", "invoked_ns", "completed_ns")
        operations[one] = replace(a, **{name: getattr(b, name) for name in places})
        operations[other] = replace(b, **{name: getattr(a, name) for name in places})
        operations.sort(key=lambda o: o.invoked)


@pytest.mark.slow
def test_causal_and_session_guarantees_against_their_definitions() -> None:
    random = Random(62)
    seen: Counter[str] = Counter()
    for _ in range(3000 * DEEP):
        operations = draw(
            random, random.randint(3, 8), clients=3, keys=random.choice([1, 1, 2]),
            lie=random.choice([0.3, 0.6]), cas=random.choice([0.2, 0.7]), tie=0,
        )  # fmt: skip
        operations = [
            replace(o, argument=tuple(o.argument)) if o.function == "cas" else o for o in operations
        ]
        if random.random() < 0.5:
            swap(random, operations)
        results = guarantees(History(operations))
        if any(result.verdict is Verdict.UNKNOWN for result in results.values()):
            continue
        if all("nothing can explain" in result.reason for result in results.values()):
            continue
        plain = Plain(operations)
        consistent, convergent = plain.causal()
        truths = {"causal": consistent, "causal convergence": convergent}
        truths |= {name: plain.session(name) for name in GUARANTEES}
        for name, truth in truths.items():
            assert (results[name].verdict is Verdict.VALID) == truth, (name, operations)
            seen[f"{name} {truth}"] += 1
    assert min(seen.values()) >= 10, seen
    assert len(seen) == 2 * (len(GUARANTEES) + 2)


def test_what_held_instead_comes_with_an_invalid_result() -> None:
    result = check(STALE_READ_BY_ANOTHER, MODELS["register"]())
    assert result.weaker is not None
    assert result.weaker().sentences() == [
        f"still guaranteed: {', '.join(NAMES)}",
        "stale reads: 1 of 1; typically 1 version and 1 ms behind, at worst 1 and 1 ms",
    ]
    assert check(STALE_READ_BY_ANOTHER.operations[:2], MODELS["register"]()).weaker is None
    forked = check(
        [
            Operation(1, "cas", [1], [None, 1], None, Outcome.OK, 1, 2, 1, 2),
            Operation(2, "cas", [1], [None, 2], None, Outcome.OK, 3, 4, 3, 4),
        ],
        MODELS["cas-register"](),
    )
    assert forked.weaker is not None
    told = forked.weaker().to_json()
    assert told["guarantees"]["sequential"]["verdict"] == "invalid"
    assert told["guarantees"]["causal"]["verdict"] == "unknown"
    assert told["sentences"][1].startswith("not decided: causal convergence, causal, ")


def test_of_a_long_history_only_the_violated_key_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weaker, "WHOLE_UP_TO", 4)
    found = history(*[(9, "write", "y", n, 2 * n, 2 * n + 1) for n in range(10, 13)])
    result = check([*STALE_READ_BY_ANOTHER.operations, *found.operations], MODELS["register"]())
    assert result.weaker is not None
    assert "(of key 'x' alone" in result.weaker().sentences()[0]


def test_staleness() -> None:
    found = staleness(
        history(
            (1, "write", "x", 1, 1, 2), (1, "write", "x", 2, 3, 4), (1, "write", "x", 3, 5, 6),
            (2, "read", "x", 1, 10, 11), (2, "read", "x", 2, 12, 13), (2, "read", "x", 3, 14, 15),
            (2, "read", "x", 1, 4, 5),
        )
    )  # fmt: skip
    assert [(read.versions, read.age_ns) for read in found.stale] == [
        (2, 6_000_000),
        (1, 6_000_000),
    ]
    assert found.to_json() == {
        "reads": 4,
        "stale_reads": 2,
        "versions_max": 2,
        "versions_median": 1.5,
        "age_ms_max": 6.0,
        "age_ms_median": 6.0,
    }
