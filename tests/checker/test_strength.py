"""The gates agree with the plainest recomputation from the operations."""

from random import Random

from checker.history import FaultSpan, History
from checker.operation import Operation, Outcome
from checker.strength import gates
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
        found = gates(History(operations, faults), ["read", "cas"], {"partition": ["cut", "x"]})
        told = {gate.name: (gate.passed, gate.detail) for gate in found}
        overlaps = overlapping(operations)
        assert told == {
            **{
                f"{kind} answered during faults": (n > 0, f"{n} ok")
                for kind in ("read", "cas")
                for n in [counted(operations, faults, kind)]
            },
            "partition applied": (True, f"{len(faults)} times"),
            "operations overlap": (
                overlaps > 0, f"{overlaps} operations overlapped another on their key",
            ),
        }  # fmt: skip
        shut += not all(gate.passed for gate in found)
    assert 30 < shut < 270


def test_a_run_without_faults_and_without_operations() -> None:
    found = gates(History(), ["read"], {})
    assert [(gate.name, gate.passed) for gate in found] == [
        ("read answered", False),
        ("operations overlap", False),
    ]
