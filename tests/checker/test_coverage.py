"""What faults covered is counted from the history alone."""

from checker.coverage import Coverage, classes, coverage, in_force
from checker.history import FaultSpan, History, Phase
from checker.operation import Operation, Outcome

PLANNED = [("kill", "kill-one"), ("kill", "kill-one"), ("pause", "pause-all"), ("cut", "halves")]


def covered() -> dict[str, Coverage]:
    operations = [
        Operation(1, "write", "k", 1, None, Outcome.OK, 1, 2, 1, 2),
        Operation(1, "write", "k", 2, None, Outcome.OK, 4, 6, 4, 6),
        Operation(2, "read", "k", None, None, Outcome.INFO, 5, None, 5, None),
        Operation(1, "read", "k", None, 2, Outcome.OK, 12, 13, 12, 13),
    ]
    faults = (
        FaultSpan(1, "kill-one", "killed n2", 3, 7, 3, 7, True, ("n2",), "process 9 ended", None),
        FaultSpan(2, "kill-one", "killed n1", 8, 9, 8, 9, False),
        FaultSpan(3, "halves", "cut", 10, None, 10, None, True, ("n1", "n2"), "nothing", 5),
    )
    history = History(operations, faults, (Phase("calls", 0, 0), Phase("end", 14, 20)))
    found = coverage(history, PLANNED, 5, [(0, "n1"), (2, "n2"), (9, "n1")])
    return {one.name: one for one in found}


def test_coverage_counts_strikes_targets_times_and_operations() -> None:
    found = covered()
    kill, halves = found["kill-one"], found["halves"]
    assert (kill.scheduled, kill.in_force, kill.total_ns) == (2, 1, 4)
    assert kill.targets == {"one": 1, "leader": 1}
    assert kill.seen == ("process 9 ended",)
    assert kill.operations == {"write": {"ok": 1}, "read": {"info": 1}}
    assert (halves.in_force, halves.total_ns, halves.met) == (1, 10, 5)
    assert halves.targets == {"minority": 1, "leader": 1}
    assert halves.operations == {"read": {"ok": 1, "info": 1}}


def test_what_was_asked_for_by_name_must_have_been_in_force() -> None:
    gates = in_force(covered().values(), ["kill", "kill-one", "pause-all"])
    assert [(gate.name, gate.passed, gate.detail) for gate in gates] == [
        ("kill-one in force", True, "1 of 2 times"),
        ("pause-all in force", False, "0 of 1 time"),
    ]


def test_classes_of_targets() -> None:
    assert [classes(count, 5) for count in range(1, 6)] == [
        "one", "minority", "majority", "majority", "all",
    ]  # fmt: skip
    assert [classes(count, 3) for count in (1, 2, 3)] == ["one", "majority", "all"]
