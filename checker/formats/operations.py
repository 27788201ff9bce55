"""Operations in JSON, one a line or in an array: the format for programs in any language.

    {"process":0,"function":"write","key":"x","argument":1,"invoked_ns":10,"completed_ns":20}
    {"process":1,"function":"read","key":"x","result":1,"invoked_ns":15,"completed_ns":30}
    {"process":0,"function":"write","key":"x","argument":2,"outcome":"info","invoked_ns":40}

`docs/history-format.md` says what each field means, `docs/operations.schema.json` what it may be.
"""

from typing import Any

from checker.formats.event import shown
from checker.formats.json_values import values
from checker.formats.meaning import Meaning, operation
from checker.formats.timed import Timed, timed_history
from checker.history import History, MalformedHistory

NAME = "operations in JSON"
EXAMPLE = (
    '{"process":0,"function":"write","key":"x","argument":1,"invoked_ns":10,"completed_ns":20}'
)

FIELDS = (
    "process", "function", "key", "argument", "result", "outcome", "invoked_ns", "completed_ns",
    "error",
)  # fmt: skip
OUTCOMES = ("ok", "fail", "info")


def recognises(first: Any) -> bool:
    """Whether the first value of a text is an operation."""
    return isinstance(first, dict) and "invoked_ns" in first and "type" not in first


def read(text: str, meaning: Meaning) -> History:
    """The history of a text; raises `MalformedHistory`."""
    operations = [_operation(item, line, meaning) for line, item in values(text)]
    return timed_history(operations, NAME)


def _operation(item: Any, line: int, meaning: Meaning) -> Timed:
    if not isinstance(item, dict):
        raise MalformedHistory(f"line {line}: an operation must be an object, not {shown(item)}")
    unknown = next((name for name in item if name not in FIELDS), None)
    if unknown is not None:
        raise MalformedHistory(
            f"line {line}: {unknown!r} is no field of an operation; these are: {', '.join(FIELDS)}"
        )
    process, name = item.get("process"), item.get("function")
    if isinstance(process, bool) or not isinstance(process, int | str):
        raise MalformedHistory(f"line {line}: process must be a number or a name: {shown(item)}")
    if not isinstance(name, str):
        raise MalformedHistory(f"line {line}: function must be a name: {shown(item)}")
    begin, end = (_time(item, field, line) for field in ("invoked_ns", "completed_ns"))
    if begin is None:
        raise MalformedHistory(f"line {line}: an operation needs invoked_ns: {shown(item)}")
    outcome = item.get("outcome", "info" if end is None else "ok")
    if outcome not in OUTCOMES:
        raise MalformedHistory(f"line {line}: outcome must be ok, fail or info: {shown(item)}")
    if end is None and outcome != "info":
        raise MalformedHistory(
            f"line {line}: an operation of outcome {outcome} needs completed_ns: {shown(item)}"
        )
    function, argument, result = meaning.function(name), item.get("argument"), item.get("result")
    # What a compare-and-set found may be said; where it is not, it found what it expected. One that
    # failed did not happen.
    if not (function == "cas" and ("result" in item or outcome == "fail")):
        function, argument, outcome, result = operation(
            meaning, function, argument, outcome, result, line
        )
    error = item.get("error")
    return Timed(
        process, function, item.get("key"), argument, outcome, result, begin,
        None if outcome == "info" else end, line, None if error is None else str(error),
    )  # fmt: skip


def _time(item: dict[str, Any], field: str, line: int) -> int | None:
    value = item.get(field)
    if value is None:
        return None
    if type(value) is not int or abs(value) >= 2**62:
        raise MalformedHistory(
            f"line {line}: {field} must be a whole number of nanoseconds, not {shown(value)}"
        )
    return value
