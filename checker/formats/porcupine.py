"""Operations as Porcupine's users record them: `porcupine.Operation` written as JSON.

    {"ClientId":0,"Input":{"Op":1,"Key":"x","Value":"a"},"Call":10,"Output":{"Value":""},"Return":20}

`Input` and `Output` are each program's own. Those of Porcupine's examples and of the courses that
use it are known: `Op` is a name, or 0, 1 and 2 for get, put and append of a key, or for read, write
and compare-and-set of `Arg1` and `Arg2`, or true for a read and false for a write. Porcupine's
events (`Kind`, `Value`, `Id`) are known as well.
"""

from typing import Any

from checker.formats import etcd_robustness
from checker.formats.event import shown
from checker.formats.json_values import values
from checker.formats.meaning import Meaning, operation
from checker.formats.timed import Timed, timed_history
from checker.history import History, MalformedHistory

NAME = "operations of Porcupine"
EXAMPLE = (
    '{"ClientId":0,"Input":{"Op":1,"Key":"x","Value":"a"},"Call":10,'
    '"Output":{"Value":""},"Return":20}'
)

LATEST = 2**62 - 1
"""Times from here on mean that an operation never ended."""

_ERRORS = {
    "": None,
    "ok": None,
    "errnokey": "absent",
    "errversion": "fail",
    "errwrongleader": "fail",
}
_OF_KEYS = ("get", "put", "append")
_OF_REGISTERS = ("read", "write", "cas")


def recognises(first: Any) -> bool:
    """Whether the first value of a text is an operation or an event of Porcupine's."""
    if not isinstance(first, dict):
        return False
    names = {name.lower() for name in first}
    return {"clientid", "input", "call"} <= names or {"clientid", "kind", "value", "id"} <= names


def read(text: str, meaning: Meaning) -> History:
    """The history of a text; raises `MalformedHistory`."""
    items = [(line, _lower(item, line)) for line, item in values(text)]
    if any("kind" in item for _, item in items):
        items = _joined(items)
    if any(etcd_robustness.recognises(item.get("input")) for _, item in items):
        return etcd_robustness.history(items, meaning)
    return timed_history([_operation(item, line, meaning) for line, item in items], NAME)


def _lower(item: Any, line: int) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise MalformedHistory(f"line {line}: an operation must be an object, not {shown(item)}")
    return {name.lower(): value for name, value in item.items()}


def _joined(items: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    """Operations of events, whose times are their places."""
    open_: dict[Any, tuple[int, dict[str, Any]]] = {}
    joined: list[tuple[int, dict[str, Any]]] = []
    for place, (line, item) in enumerate(items, 1):
        name, kind = item.get("id"), item.get("kind")
        if not isinstance(name, int | str):
            raise MalformedHistory(f"line {line}: an event needs an Id: {shown(item)}")
        if kind in (0, False, "call"):
            if name in open_:
                raise MalformedHistory(f"line {line}: Id {name} is called a second time")
            call = {"clientid": item.get("clientid"), "input": item.get("value"), "call": place}
            open_[name] = line, call
            joined.append(open_[name])
        elif name in open_ and "return" not in open_[name][1]:
            open_[name][1].update(output=item.get("value"), **{"return": place})
        else:
            raise MalformedHistory(f"line {line} returns from Id {name}, which was not called")
    return joined


def timed(
    item: dict[str, Any], line: int, call: tuple[str, Any, Any, str, Any], error: str | None
) -> Timed:
    """An operation with its times; `call` is function, key, argument, outcome and result."""
    client, begin, end = item.get("clientid"), item.get("call"), item.get("return")
    if isinstance(client, bool) or not isinstance(client, int | str):
        raise MalformedHistory(f"line {line}: ClientId must be a number: {shown(item)}")
    if type(begin) is not int or not (end is None or type(end) is int):
        raise MalformedHistory(f"line {line}: Call and Return must be numbers: {shown(item)}")
    function, key, argument, outcome, result = call
    if end is not None and (end >= LATEST or outcome == "info"):
        end = None
    if end is None and outcome == "ok":
        outcome, result = "info", None
    return Timed(
        client, function, key, argument, outcome, result, begin,
        None if outcome == "info" else end, line, error,
    )  # fmt: skip


def _operation(item: dict[str, Any], line: int, meaning: Meaning) -> Timed:
    asked, answered = item.get("input"), item.get("output")
    if not isinstance(asked, dict):
        raise MalformedHistory(
            f"line {line}: Input must be an object with an Op, not {shown(asked)}; "
            "see docs/history-format.md for a format that any program can write"
        )
    given = {name.lower(): value for name, value in asked.items()}
    got = (
        {name.lower(): value for name, value in answered.items()}
        if isinstance(answered, dict)
        else {"value": answered}
    )
    name = _function(given, line)
    function = meaning.function(name)
    argument: Any = given.get("value", given.get("arg1"))
    if function == "cas" and "arg1" in given:
        argument = [given["arg1"], given.get("arg2")]
    elif function == "cas" and "expected" in given:
        argument = [given["expected"], argument]
    outcome, absent = _outcome(got, function, line)
    result = None if absent or got.get("exists") is False else got.get("value")
    if absent and name == "get":
        result = "" if meaning.model == "kv" else None
    if function not in ("read", "cas"):
        result = got.get("value")
    function, argument, outcome, result = operation(
        meaning, function, argument, outcome, result, line
    )
    error = got.get("err", got.get("error"))
    call = function, given.get("key"), argument, outcome, result
    return timed(item, line, call, str(error) if error else None)


def _function(given: dict[str, Any], line: int) -> str:
    op = next((given[n] for n in ("op", "type", "operation", "method", "f") if n in given), None)
    if isinstance(op, str) and op:
        return op.lower()
    if isinstance(op, bool):
        return "read" if op else "write"
    if type(op) is int and 0 <= op < 3:
        return (_OF_REGISTERS if "arg1" in given else _OF_KEYS)[op]
    raise MalformedHistory(
        f"line {line}: Input says no operation that is known (Op: a name, or 0, 1 or 2): "
        f"{shown(given)}"
    )


def _outcome(got: dict[str, Any], function: str, line: int) -> tuple[str, bool]:
    """The outcome, and whether the key was said to be absent."""
    if got.get("unknown") is True:
        return "info", False
    if function == "cas" and got.get("ok") is False:
        return "fail", False
    error = got.get("err", got.get("error"))
    if error in (None, False):
        return "ok", False
    known = _ERRORS.get(str(error).lower(), "info")
    if known == "absent":
        return ("ok" if function == "read" else "fail"), True
    return known or "ok", False
