"""What clients say to nodes, and what nodes answer: the same words for every system.

A client that wants a write to take effect once, however often it is sent, opens a session first
(Ongaro's dissertation, section 6.3): it sends `Request(0, 1, "open")`, is answered with the
session's number, and gives its later requests that number and ever higher sequences. A request that
is sent again carries the same session and sequence, and is answered as it was the first time.
Session 0 stands for "no session": such a request takes effect each time that it is received. A
system without sessions answers `open` with 0, or refuses it as a bad request, and its clients must
not send a request again that may have had an effect.
"""

from dataclasses import dataclass
from enum import Enum

from systems_under_test.node import Json, Payload


class ErrorCode(Enum):
    """Why a request was refused: its name on the wire, and whether the refusal is *definite*.

    A definite refusal promises that this sending of the request had no effect and never will have
    one. When in doubt a node answers with an indefinite code, or not at all.
    """

    NOT_LEADER = ("not-leader", True)
    NO_LEADER = ("no-leader", True)
    BAD_REQUEST = ("bad-request", True)
    SESSION_EXPIRED = ("session-expired", True)
    OVERLOADED = ("overloaded", True)
    NO_QUORUM = ("no-quorum", True)
    NOT_COORDINATOR = ("not-coordinator", True)
    CHANGE_UNDER_WAY = ("change-under-way", True)
    NOT_SERVED = ("not-served", True)
    REFUSED = ("refused", True)
    LEADERSHIP_LOST = ("leadership-lost", False)
    UNDECIDED = ("undecided", False)
    INTERNAL = ("internal", False)

    def __init__(self, word: str, definite: bool) -> None:
        self.word = word
        self.definite = definite

    @classmethod
    def of(cls, word: str) -> "ErrorCode":
        """The code written as `word`; one that this version does not know counts as indefinite."""
        return _BY_WORD.get(word, cls.INTERNAL)


_BY_WORD = {code.word: code for code in ErrorCode}


@dataclass(frozen=True, slots=True)
class Request(Payload):
    """A client's request: `function` applied to `key` with `argument`.

    A plain store serves `read` (no argument; answered with the value, null where there is none),
    `write` (argument: the value; answered with it) and `cas` (argument: a list of the value
    expected and the new value; answered with the value *found*, so that it took effect if and only
    if that equals the value expected), and `open`, which opens a session. What else there is stands
    in `objects.py`. A request that the state of an object forbids is `refused`, without any effect.
    """

    session: int
    sequence: int
    function: str
    key: str = ""
    argument: Json = None


OPERATOR_FUNCTIONS = ("members", "add-member", "remove-member")


@dataclass(frozen=True, slots=True)
class OperatorRequest(Request):
    """What an operator asks of a system whose members can change (`Node.changes_members`).

    `add-member` and `remove-member` take the name of a node, and are answered with the sorted list
    of members once the change is complete; where it is so already, they change nothing and are
    answered at once. While another change goes on they are refused with `change-under-way`.
    `members` takes no argument and is answered with the list. Raft knows `transfer-leadership` to a
    node as well. No function of a workload is mistaken for one of these: the class tells.
    """

    def objection(self, served: tuple[str, ...] = OPERATOR_FUNCTIONS) -> str:
        """Why a system that serves these cannot carry it out; empty where it might."""
        return "" if self.function in served else f"an operator may ask for {', '.join(served)}"


@dataclass(frozen=True, slots=True)
class Reply(Payload):
    """The request of that sequence was carried out, with this result."""

    sequence: int
    result: Json = None


@dataclass(frozen=True, slots=True)
class Refusal(Payload):
    """The request of that sequence was not answered: `error` is the `word` of an `ErrorCode`.

    `leader` names the node to ask instead, where the one asked knows it. `reason` is a sentence for
    people, and may be empty.
    """

    sequence: int
    error: str
    leader: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StatusRequest(Payload):
    """Ask a node for its facts. The driver answers it: no protocol sees it."""


@dataclass(frozen=True, slots=True)
class Status(Payload):
    """A node's facts (`Node.facts`) and its driver's counters.

    The counters are totals since the process began: `messages_sent`, `messages_received`,
    `bytes_sent`, `bytes_received`, `records` and `fsyncs`.
    """

    node: str
    facts: Json
    counters: Json

    @property
    def leads(self) -> int | None:
        """The term in which the node says that it leads; None where it does not."""
        if self.facts.get("role") != "leader":
            return None
        term = self.facts.get("term", 0)
        return term if isinstance(term, int) else None
