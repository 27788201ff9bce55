"""The gates agree with the plainest recomputation from the operations."""

from random import Random

import pytest

from checker.history import FaultSpan, History
from checker.least import Least
from checker.operation import Operation, Outcome
from checker.strength import gates, strength
from checker.wording import plural
from tests.checker.registers import draw


def counted(operations: list[Operation], faults: tuple[FaultSpan, ...], kind: str) -> int:
    return sum(
        o.function == kind
        and o.outcome is Outcome.OK
        and any(
            (span.healed is None or o.invoked < span.healed)
            and o.completed is not None
            and span.injected < o.completed
            for span in faults
        )
        for o in operations
    )


def overlapping(operations: list[Operation]) -> int:
    return sum(
        any(
            other.key == o.key
            and other.invoked < o.invoked
            and other.completed is not None
            and other.completed > o.invoked
            for other in operations
        )
        for o in operations
    )


def test_gates_by_hand() -> None:
    random = Random(21)
    shut = 0
    for _ in range(300):
        operations = draw(random, random.randint(0, 25), clients=2, keys=3, tie=0)
        spans = []
        for number in range(random.randint(1, 3)):
            begin = random.randint(0, 50)
            end = random.choice([None, begin + random.randint(1, 9)])
            spans.append(FaultSpan(number, "cut", "", begin, end, begin, end))
        faults = tuple(spans)
        history, families = History(operations, faults), {"partition": ["cut", "x"]}
        found = gates(history, ["read", "cas"], families, least=Least(answered=1))
        told = {gate.name: (gate.passed, gate.detail) for gate in found}
        overlaps = overlapping(operations)
        assert told == {
            **{
                f"{kind} answered during partition faults": (n > 0, f"{n} ok")
                for kind in ("read", "cas")
                for n in [counted(operations, faults, kind)]
            },
            "partition applied": (True, plural(len(faults), "time")),
            "operations overlap": (
                overlaps > 0, f"{plural(overlaps, 'operation')} overlapped another on their key",
            ),
        }  # fmt: skip
        shut += not all(gate.passed for gate in found)
    assert 30 < shut < 270


def test_reads_that_could_have_been_wrong_and_operations_at_once_by_hand() -> None:
    random = Random(22)
    for _ in range(200):
        operations = draw(random, random.randint(1, 25), clients=3, keys=2, tie=0)
        found = strength(History(operations), ["read", "write", "cas"], {}, ["read"])
        reads = [o for o in operations if o.function == "read" and o.outcome is Outcome.OK]
        changes = [o for o in operations if o.function != "read" and o.outcome is Outcome.OK]
        assert found.reads == len(reads)
        assert found.fallible == sum(
            any(c.key == r.key and (c.completed or 0) < r.invoked for c in changes) for r in reads
        )
        open_ = [
            1 + sum(
                other.key == o.key and other.completed is not None
                and other.invoked < o.invoked < other.completed
                for other in operations
            )
            for o in operations
        ]  # fmt: skip
        assert found.per_key == pytest.approx(sum(open_) / len(open_))
        assert found.overlapped == overlapping(operations)


@pytest.mark.parametrize(
    "text", ["convicted>9x", "caught>=9", "convicted>=9,convicted>=8", "fallible>=101"]
)
def test_a_strength_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it as convicted>=90|ask for less"):
        Least.read(text)


def test_a_strength_that_was_asked_for() -> None:
    least = Least.read("convicted>=90, answered>=7")
    assert least == Least(convicted=90, answered=7)
    operations = draw(Random(3), 20, clients=3, keys=1, tie=0)
    shut = gates(History(operations), ["read"], {}, ["read"], least)[0]
    assert shut.name == "read answered"
    assert not shut.passed
    weak = gates(History(operations), [], {}, [], Least(overlapped=100))[-1]
    assert "less than 100 %" in weak.detail
    assert not weak.passed


def test_a_run_without_faults_and_without_operations() -> None:
    found = gates(History(), ["read"], {})
    assert [(gate.name, gate.passed) for gate in found] == [
        ("read answered", False),
        ("operations overlap", False),
    ]
