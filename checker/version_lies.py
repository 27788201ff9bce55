"""Verifies that versions lie: two reports of one register that contradict each other.

Shares nothing with `checker.linearizability.registers.versions`, which finds such pairs.
"""

from checker.certificates import uncertified
from checker.operation import Operation


def verify_versions(one: Operation, other: Operation) -> None:
    """Verify that the versions contradict each other that two operations of a register report."""
    made, value = _made(one)
    also, theirs = _made(other)
    same = one.version == other.version and ((made and also) or value != theirs)
    early = one.completed is not None and one.completed < other.invoked
    if not same and not (early and (one.version or 0, not made) > (other.version or 0, not also)):
        raise uncertified("reports a version that does not contradict the other one", one)


def _made(operation: Operation) -> tuple[bool, str]:
    """Whether an answered operation made the value that was there after it, and that value."""
    if operation.function == "write":
        return True, repr(operation.argument)
    expected, new = operation.argument if operation.function == "cas" else (None, None)
    if operation.function == "cas" and repr(operation.result) == repr(expected):
        return True, repr(new)
    return False, repr(operation.result)
