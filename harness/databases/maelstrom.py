"""Programs that speak Maelstrom's protocol: how calls become messages, and answers results.

After the protocol's own documents, `protocol.md` and `workloads.md` of jepsen-io/maelstrom. Nodes
are programs that read and write JSON, a message a line; the environment `maelstrom` starts them and
is their network.

A key goes over the wire as a number, the first one seen as 0, since typed programs expect that.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from harness.database import Argv, Database, Place
from harness.errors import HarnessError, OptionError
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request

Body: TypeAlias = dict[str, Any]

ERRORS: dict[int, tuple[str, bool]] = {
    0: ("timeout", False),
    1: ("node-not-found", True),
    10: ("not-supported", True),
    11: ("temporarily-unavailable", True),
    12: ("malformed-request", True),
    13: ("crash", False),
    14: ("abort", True),
    20: ("key-does-not-exist", True),
    21: ("key-already-exists", True),
    22: ("precondition-failed", True),
    30: ("txn-conflict", True),
}
"""The protocol's errors: a name, and whether it is definite. Any other code is indefinite."""

NO_KEY = 20
_FINAL = {10: ErrorCode.BAD_REQUEST, 12: ErrorCode.BAD_REQUEST} | dict.fromkeys(
    (20, 21, 22), ErrorCode.REFUSED
)
"""Errors that asking again would not change."""


@dataclass(frozen=True)
class Rpc:
    """How a call is asked over the wire, and which field of the answer holds the result.

    `asked` makes the request's fields of the key and the argument. Without a `field` the result is
    what `result` makes of the argument.
    """

    type: str
    asked: Callable[[int, Any], Body] = lambda key, argument: {}
    field: str = ""
    result: Callable[[Any], Any] = lambda argument: argument


_ADD = Rpc("add", lambda key, argument: {"delta": argument})
REGISTER = {
    "read": Rpc("read", lambda key, _: {"key": key}, "value"),
    "write": Rpc("write", lambda key, argument: {"key": key, "value": argument}),
    "cas": Rpc(
        "cas",
        lambda key, argument: {"key": key, "from": argument[0], "to": argument[1]},
        result=lambda argument: argument[0],
    ),
}
PROTOCOLS: dict[str, Mapping[str, Rpc]] = {
    "register": REGISTER,
    "unique-ids": {"generate": Rpc("generate", field="id")},
    "echo": {"echo": Rpc("echo", lambda _, argument: {"echo": argument}, "echo")},
    "broadcast": {
        "broadcast": Rpc("broadcast", lambda _, argument: {"message": argument}),
        "read": Rpc("read", field="messages"),
    },
    "g-set": {
        "add": Rpc("add", lambda _, argument: {"element": argument}),
        "read": Rpc("read", field="value"),
    },
    "g-counter": {"increase": _ADD, "read": Rpc("read", field="value")},
    "pn-counter": {"increase": _ADD, "read": Rpc("read", field="value")},
}
"""The calls of each workload that the protocol knows. A user's own workload calls a register."""

KEYLESS = frozenset(PROTOCOLS) - {"register"}
"""Workloads whose calls name no key: there is but one object."""


def protocol(workload: str) -> Mapping[str, Rpc]:
    """How the calls of a workload are made; an `OptionError` where the protocol has none such."""
    found = PROTOCOLS.get(workload, REGISTER if ":" in workload else None)
    if found is None:
        raise OptionError(
            "workload",
            f"cannot be {workload!r}: Maelstrom's protocol has {', '.join(PROTOCOLS)}",
        )
    return found


class Maelstrom(Database):
    """A program that speaks Maelstrom's protocol. A subclass says its `command`."""

    functions = tuple(dict.fromkeys(name for rpcs in PROTOCOLS.values() for name in rpcs))
    start_limit_s: ClassVar[float] = 10.0
    """How long a node may take until it answers `init`."""


class CommandLine(Maelstrom):
    """A program that is given as a command line."""

    def __init__(self, line: str) -> None:
        try:
            self.words = shlex.split(line)
        except ValueError as error:
            raise OptionError("program", f"cannot be {line!r}: {error}") from error
        if not self.words:
            raise OptionError("program", "cannot be empty; give a command line")

    def command(self, at: Place) -> Argv:
        return self.words


def asked(rpc: Rpc, key: int, request: Request) -> Body | None:
    """The request's body; None for what the protocol cannot ask: a `cas` of a key without value."""
    body = {"type": rpc.type, **rpc.asked(key, request.argument)}
    return None if "from" in body and body["from"] is None else body


def answered(rpc: Rpc, request: Request, body: Body) -> Reply | Refusal:
    """What a node's answer means; `HarnessError` where the protocol has no such answer."""
    kind = body.get("type")
    if kind == "error":
        return _refused(rpc, request, body)
    if kind != f"{rpc.type}_ok" or (rpc.field and rpc.field not in body):
        wanted = f"{rpc.type}_ok" + (f" with {rpc.field!r}" if rpc.field else "")
        raise HarnessError(f"a node answered {rpc.type!r} with {body}: answer {wanted}")
    result = body[rpc.field] if rpc.field else rpc.result(request.argument)
    return Reply(request.sequence, result)


def _refused(rpc: Rpc, request: Request, body: Body) -> Reply | Refusal:
    """A key that does not exist is read as null; a definite error had no effect; any other may."""
    code = body.get("code")
    code = code if type(code) is int else -1
    if code == NO_KEY and rpc.type == "read":
        return Reply(request.sequence, None)
    _, definite = ERRORS.get(code, ("", False))
    word = _FINAL.get(code, ErrorCode.NOT_SERVED) if definite else ErrorCode.INTERNAL
    return Refusal(request.sequence, word.word, None, str(body.get("text", ""))[:200])


def said(body: Body) -> str:
    """An error in words, to be counted: "error 13 crash: the disk is full"."""
    name, _ = ERRORS.get(body.get("code", -1), ("", False))
    words = f"error {body.get('code')} {name}".rstrip()
    return f"{words}: {body['text']}"[:100] if body.get("text") else words


def grid(nodes: tuple[str, ...]) -> dict[str, list[str]]:
    """The neighbours of each node where all stand in a square, as far as that goes."""
    side = max(1, round(len(nodes) ** 0.5 + 0.49))
    found: dict[str, list[str]] = {}
    for number, node in enumerate(nodes):
        beside = [number + side, number - side]
        beside += [number + 1] if (number + 1) % side else []
        beside += [number - 1] if number % side else []
        found[node] = [nodes[other] for other in beside if 0 <= other < len(nodes)]
    return found
