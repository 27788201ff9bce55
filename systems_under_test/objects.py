"""What one request does to the value of its key: the objects that the bundled stores serve.

A key holds one JSON value, and what that is depends on the functions that are used on it. A value
that a function cannot work with counts as an empty object of its kind, so that every request can be
carried out whatever came before. The functions, with argument and answer:

    read                                   the value, null where there is none
    write       value                      the value
    cas         [expected, new]            the value found
    append      element                    null; a list, oldest first
    add, remove element                    null; a set, which is a list of distinct elements
    contains    element                    whether it is in the set
    inc         amount                     the new count
    enqueue     value                      null; a queue, first in, first out
    dequeue                                the first value, null where it is empty
    generate                               a number that was never answered before
    acquire     {"client", "permits"}      {"fence"}, which grows; refused where all is held
    release     {"client"}                 null; refused where that client holds nothing
    renew       {"client", "now", "lease"} null; refused where that client holds nothing any more
    use         {"fence", "value"}         null; refused where a later token has been used
    campaign    {"client"}                 [leader, term]: the client leads a new one if nobody led
    resign      {"client"}                 null; refused where that client does not lead
    observe                                [leader, term], the leader null where nobody leads
    transfer    {"from", "to", "amount"}   null; refused where it would overdraw
    txn         [["r"|"w", name, value]]   the same steps with the values that were read

`client` may be left out, and counts as one more client; `permits` is 1 unless given. A lock that is
acquired with a `lease` is held no longer than until a request comes whose `now` is that much later:
replicas look at no clock, so time is what requests say it is, and never goes back. The accounts of
a bank are those of `ACCOUNTS`, and begin with `OPENING` each.
"""

from collections.abc import Callable
from typing import Any

from systems_under_test.node import Json

UNCHANGED = object()
"""Instead of a new value: the key keeps the one that it has."""

ACCOUNTS = ("a", "b", "c", "d", "e")
OPENING = 10


class Declined(Exception):
    """The state of the object forbids the request, which has no effect; the message says why."""


def equal(left: Json, right: Json) -> bool:
    """Whether two JSON values are the same; to Python, 1, 1.0 and true would be equal."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return bool(left == right)


def perform(function: str, argument: Json, found: Json) -> tuple[Any, Json]:
    """The new value of a key that holds `found`, or `UNCHANGED`, and the answer.

    Raises `Declined`. What was found is left as it is: the new value shares parts of it.
    """
    return _FUNCTIONS[function][0](found, argument)


def objection(function: str, argument: Json) -> str:
    """Why no state allows such a request; empty where nothing speaks against it."""
    return _FUNCTIONS[function][1](argument)


# --- what each function does ----------------------------------------------------------------------


def _read(found: Json, _: Json) -> tuple[Any, Json]:
    return UNCHANGED, found


def _write(_: Json, value: Json) -> tuple[Any, Json]:
    return value, value


def _cas(found: Json, argument: Json) -> tuple[Any, Json]:
    expected, new = argument
    return new if equal(found, expected) else UNCHANGED, found


def _append(found: Json, element: Json) -> tuple[Any, Json]:
    return [*_list(found), element], None


def _add(found: Json, element: Json) -> tuple[Any, Json]:
    return UNCHANGED if _holds(found, element) else [*_list(found), element], None


def _remove(found: Json, element: Json) -> tuple[Any, Json]:
    left = [other for other in _list(found) if not equal(other, element)]
    return left if _holds(found, element) else UNCHANGED, None


def _contains(found: Json, element: Json) -> tuple[Any, Json]:
    return UNCHANGED, _holds(found, element)


def _inc(found: Json, amount: Json) -> tuple[Any, Json]:
    count = _count(found) + (1 if amount is None else amount)
    return count, count


def _dequeue(found: Json, _: Json) -> tuple[Any, Json]:
    values = _list(found)
    return (values[1:], values[0]) if values else (UNCHANGED, None)


def _generate(found: Json, _: Json) -> tuple[Any, Json]:
    number = _count(found) + 1
    return number, number


def _acquire(found: Json, argument: Json) -> tuple[Any, Json]:
    asked = argument or {}
    lock = _lock(found, asked)
    if len(lock["holders"]) >= asked.get("permits", 1):
        raise Declined("it is held")
    fence = lock["fence"] + 1
    holders = [*lock["holders"], asked.get("client")]
    return {**_leased(lock, asked), "holders": holders, "fence": fence}, {"fence": fence}


def _release(found: Json, argument: Json) -> tuple[Any, Json]:
    client = (argument or {}).get("client")
    lock = _held(found, argument or {})
    place = lock["holders"].index(client)
    return {**lock, "holders": [*lock["holders"][:place], *lock["holders"][place + 1 :]]}, None


def _renew(found: Json, argument: Json) -> tuple[Any, Json]:
    return _leased(_held(found, argument), argument), None


def _use(found: Json, argument: Json) -> tuple[Any, Json]:
    lock = _lock(found, {})
    used = _count(lock.get("used"))
    if argument["fence"] < used:
        raise Declined(f"the later token {used} has been used")
    return {**lock, "used": argument["fence"], "value": argument["value"]}, None


def _campaign(found: Json, argument: Json) -> tuple[Any, Json]:
    leader, term = _led(found)
    if leader is not None:
        return UNCHANGED, [leader, term]
    now = [argument["client"], term + 1]
    return now, now


def _resign(found: Json, argument: Json) -> tuple[Any, Json]:
    leader, term = _led(found)
    if leader != argument["client"]:
        raise Declined(f"{argument['client']} does not lead")
    return [None, term], None


def _observe(found: Json, _: Json) -> tuple[Any, Json]:
    return UNCHANGED, [*_led(found)]


def _transfer(found: Json, argument: Json) -> tuple[Any, Json]:
    balances = _balances(found)
    source, target, amount = argument["from"], argument["to"], argument["amount"]
    if balances[source] < amount:
        raise Declined(f"{source} has no {amount}")
    balances[source] -= amount
    balances[target] += amount
    return balances, None


def _txn(found: Json, steps: Json) -> tuple[Any, Json]:
    values = dict(found) if isinstance(found, dict) else {}
    done = []
    for kind, name, value in steps:
        if kind == "w":
            values[name] = value
        done.append([kind, name, values.get(name)])
    changes = any(kind == "w" for kind, _, _ in steps)
    return values if changes else UNCHANGED, done


# --- the values that they work with ---------------------------------------------------------------


def _list(found: Json) -> list[Json]:
    return found if isinstance(found, list) else []


def _holds(found: Json, element: Json) -> bool:
    return any(equal(other, element) for other in _list(found))


def _count(found: Json) -> int:
    return found if type(found) is int else 0


def _lock(found: Json, asked: Json) -> dict[str, Any]:
    """Who holds a lock, the last token, and what more there is, at the time of that request."""
    lock: dict[str, Any]
    known = isinstance(found, dict) and isinstance(found.get("holders"), list)
    lock = {**found, "fence": _count(found.get("fence"))} if known else {"holders": [], "fence": 0}
    if "now" in asked:
        lock["now"] = max(_count(lock.get("now")), asked["now"])
    if "until" in lock and lock["now"] >= lock["until"]:
        lock["holders"] = []
        del lock["until"]
    return lock


def _held(found: Json, asked: Json) -> dict[str, Any]:
    """The lock, which must be held by the client that asks."""
    lock, client = _lock(found, asked), asked.get("client")
    if client not in lock["holders"]:
        raise Declined(f"{client} does not hold it")
    return lock


def _leased(lock: dict[str, Any], asked: Json) -> dict[str, Any]:
    """The lock with the lease that was asked for, if any."""
    return {**lock, "until": lock["now"] + asked["lease"]} if "lease" in asked else lock


def _led(found: Json) -> tuple[str | None, int]:
    """Who leads, and the last term."""
    if isinstance(found, list) and len(found) == 2 and type(found[1]) is int:
        return found[0], found[1]
    return None, 0


def _balances(found: Json) -> dict[str, int]:
    held = found if isinstance(found, dict) else {}
    return {account: _count(held.get(account, OPENING)) for account in ACCOUNTS}


# --- arguments ------------------------------------------------------------------------------------


def _any_argument(_: Json) -> str:
    return ""


def _no_argument(argument: Json) -> str:
    return "" if argument is None else "it takes no argument"


def _pair(argument: Json) -> str:
    is_pair = isinstance(argument, list) and len(argument) == 2
    return "" if is_pair else "it takes a list of two values: the one expected and the new one"


def _amount(argument: Json) -> str:
    return "" if argument is None or type(argument) is int else "it takes a whole number"


def _claim(argument: Json) -> str:
    """Of a lock or a semaphore."""
    if argument is None:
        return ""
    known = {"client", "permits", "now", "lease"}
    if isinstance(argument, dict) and argument.keys() <= known:
        client, permits = argument.get("client"), argument.get("permits", 1)
        timed = "now" in argument or "lease" not in argument
        if timed and (client is None or isinstance(client, str)) and _from_1(permits):
            now, lease = argument.get("now", 0), argument.get("lease", 1)
            return "" if type(now) is int and now >= 0 and _from_1(lease) else _CLAIM
    return _CLAIM


_CLAIM = "it takes an object with a client, permits from 1, and a lease from 1 beside the time now"


def _renewal(argument: Json) -> str:
    whole = isinstance(argument, dict) and {"now", "lease"} <= argument.keys()
    return _claim(argument) if whole else "it takes an object with a client, now and a lease"


def _token(argument: Json) -> str:
    """Of a resource."""
    whole = isinstance(argument, dict) and argument.keys() == {"fence", "value"}
    good = whole and _from_1(argument["fence"])
    return "" if good else "it takes an object with a fence from 1 and a value"


def _candidate(argument: Json) -> str:
    """Of an election."""
    whole = isinstance(argument, dict) and argument.keys() == {"client"}
    good = whole and isinstance(argument["client"], str)
    return "" if good else "it takes an object with the name of a client"


def _from_1(number: Json) -> bool:
    return type(number) is int and number >= 1


def _order(argument: Json) -> str:
    """Of a bank."""
    if isinstance(argument, dict) and argument.keys() == {"from", "to", "amount"}:
        known = all(isinstance(argument[end], str) and argument[end] in ACCOUNTS
                    for end in ("from", "to"))  # fmt: skip
        if known and type(argument["amount"]) is int and argument["amount"] > 0:
            return ""
    return f"it takes an amount from 1, and from and to, two of {', '.join(ACCOUNTS)}"


def _steps(argument: Json) -> str:
    if isinstance(argument, list) and all(
        isinstance(step, list)
        and len(step) == 3
        and step[0] in ("r", "w")
        and isinstance(step[1], str)
        for step in argument
    ):
        return ""
    return 'it takes a list of steps ["r" or "w", name, value]'


Effect = Callable[[Json, Json], tuple[Any, Json]]
_FUNCTIONS: dict[str, tuple[Effect, Callable[[Json], str]]] = {
    "read": (_read, _no_argument),
    "write": (_write, _any_argument),
    "cas": (_cas, _pair),
    "append": (_append, _any_argument),
    "add": (_add, _any_argument),
    "remove": (_remove, _any_argument),
    "contains": (_contains, _any_argument),
    "inc": (_inc, _amount),
    "enqueue": (_append, _any_argument),
    "dequeue": (_dequeue, _no_argument),
    "generate": (_generate, _no_argument),
    "acquire": (_acquire, _claim),
    "release": (_release, _claim),
    "renew": (_renew, _renewal),
    "use": (_use, _token),
    "campaign": (_campaign, _candidate),
    "resign": (_resign, _candidate),
    "observe": (_observe, _no_argument),
    "transfer": (_transfer, _order),
    "txn": (_txn, _steps),
}

FUNCTIONS = tuple(_FUNCTIONS)
REGISTER = ("read", "write", "cas")
"""The functions of a plain key-value store."""
