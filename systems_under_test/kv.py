"""The replicated state machine: an object for each key (`objects.py`), and client sessions.

Replicas that apply the same requests in the same order give the same answers and end in the same
state. Nothing here depends on a clock, on randomness or on the order of a set.

A session (Ongaro's dissertation, section 6.3) makes a retried request take effect once: it keeps
the sequence of the last request carried out and its answer. The machine gives out the sessions'
numbers itself, in the order of the log. Their number is bounded: beyond the bound, the session that
has gone unused for longest *in the log* expires, and so it expires on every replica at the same
place. A request of an expired session is refused, since it is no longer known whether it was
carried out before. A client sends its next request of a session only after the answer to the last
one, as one answer a session is kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from systems_under_test import objects
from systems_under_test.node import Json
from systems_under_test.objects import FUNCTIONS, REGISTER, UNCHANGED, Declined
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from systems_under_test.sizes import BATCH_BYTES, size_of

MAX_SESSIONS = 10_000
PART_SIZE = 500
"""Keys or sessions in a part of a snapshot, each of which is a message and a record."""

MAX_DEPTH = 64
"""How deep lists and objects may be nested: what is stored can then always be written again."""


@dataclass(frozen=True, slots=True)
class Session:
    """The last request that a client had carried out; sequence 0 where there was none yet."""

    sequence: int = 0
    result: Json = None
    declined: str = ""
    """Why it was declined, where it was."""


class KeyValueMachine:
    """Values by key, and the sessions of clients. The caller decides the order of requests."""

    def __init__(self, max_sessions: int = MAX_SESSIONS) -> None:
        self.values: dict[str, Json] = {}
        self._max_sessions = max_sessions
        self._opened = 0
        # The dictionary's order is the order of last use, the longest unused first.
        self._sessions: dict[int, Session] = {}

    def apply(self, request: Request) -> Reply | Refusal:
        """Carry out one request of the log and return its answer, the same on every replica."""
        reason = objection(request, FUNCTIONS)
        if reason:
            return _refuse(request, ErrorCode.BAD_REQUEST, reason)
        if request.function == "open":
            return Reply(request.sequence, self._open())
        if request.function == "read":
            return Reply(request.sequence, self.read(request.key))
        if request.session == 0:
            return answer(request, self._perform(request))
        return self._apply_once(request)

    def read(self, key: str) -> Json:
        """The value of the key, None where there is none."""
        return self.values.get(key)

    @property
    def size(self) -> int:
        """How many keys and sessions there are."""
        return len(self.values) + len(self._sessions)

    def snapshot(self) -> Json:
        """The whole state as one JSON value, equal on replicas that applied the same requests."""
        sessions = [
            [number, s.sequence, s.result, s.declined] for number, s in self._sessions.items()
        ]
        return {"values": dict(self.values), "opened": self._opened, "sessions": sessions}

    @classmethod
    def restored(cls, state: Json, max_sessions: int = MAX_SESSIONS) -> "KeyValueMachine":
        """A machine in the state that `snapshot` returned."""
        machine = cls(max_sessions)
        machine.values = dict(state["values"])
        machine._opened = state["opened"]
        machine._sessions = {number: Session(*last) for number, *last in state["sessions"]}
        return machine

    def _open(self) -> int:
        self._opened += 1
        self._sessions[self._opened] = Session()
        if len(self._sessions) > self._max_sessions:
            longest_unused = next(iter(self._sessions))
            del self._sessions[longest_unused]
        return self._opened

    def _apply_once(self, request: Request) -> Reply | Refusal:
        session = self._sessions.pop(request.session, None)
        if session is None:
            reason = f"session {request.session} is unknown or has expired: open another one"
            return _refuse(request, ErrorCode.SESSION_EXPIRED, reason)
        if request.sequence > session.sequence:
            session = self._perform(request)
        self._sessions[request.session] = session  # Put back as the one used last.
        if request.sequence < session.sequence:
            reason = f"request {session.sequence} of session {request.session} came before it"
            return _refuse(request, ErrorCode.BAD_REQUEST, reason)
        return answer(request, session)

    def _perform(self, request: Request) -> Session:
        """Carry the request out, whatever was done before, and return what its session keeps."""
        found = self.values.get(request.key)
        try:
            value, result = objects.perform(request.function, request.argument, found)
        except Declined as declined:
            return Session(request.sequence, declined=str(declined))
        if value is not UNCHANGED:
            self.values[request.key] = value
        return Session(request.sequence, result)


def split(state: Json, size: int = PART_SIZE) -> tuple[Json, ...]:
    """What `snapshot` returned, in parts of at most `size` keys or sessions, always the same; of
    keys with large values there are fewer in a part."""
    sessions = state["sessions"]
    keys = [{"values": part} for part in _parts(state["values"], size)]
    rest = [{"sessions": sessions[at : at + size]} for at in range(0, len(sessions), size)]
    return ({"opened": state["opened"]}, *keys, *rest)


def _parts(values: dict[str, Json], size: int) -> Iterator[dict[str, Json]]:
    part: dict[str, Json] = {}
    room = BATCH_BYTES
    for key, value in values.items():
        takes = size_of(value)
        if part and (len(part) == size or takes > room):
            yield part
            part, room = {}, BATCH_BYTES
        part[key] = value
        room -= takes
    if part:
        yield part


def joined(parts: Iterable[Json]) -> Json:
    """What was split, whole again."""
    values: dict[str, Json] = {}
    sessions: list[Json] = []
    opened = 0
    for part in parts:
        values.update(part.get("values", {}))
        sessions += part.get("sessions", [])
        opened = part.get("opened", opened)
    return {"values": values, "opened": opened, "sessions": sessions}


def objection(request: Request, served: tuple[str, ...] = REGISTER) -> str:
    """Why a store of these functions could never carry out this request; empty if it might.

    A node asks before it puts a request into its log. The answer depends on the request alone.
    """
    function, argument = request.function, request.argument
    if function not in served and function != "open":
        return f"there is no function {function!r}: use {', '.join(served)} or open"
    if request.session < 0 or (request.session > 0 and request.sequence < 1):
        return "sessions are numbered from 0, and the requests of a session from 1"
    if function == "open":
        return "" if argument is None else "open takes no argument"
    if reason := objects.objection(function, argument):
        return f"{function}: {reason}"
    if _deeper_than(MAX_DEPTH, argument):
        return f"the argument is nested more than {MAX_DEPTH} deep"
    return ""


def _deeper_than(limit: int, value: Json) -> bool:
    if not isinstance(value, (list, dict)):
        return False
    if limit == 0:
        return True
    for inner in value.values() if isinstance(value, dict) else value:
        if _deeper_than(limit - 1, inner):
            return True
    return False


def answer(request: Request, session: Session) -> Reply | Refusal:
    """What the client is told, the first time and whenever it asks again."""
    if session.declined:
        return _refuse(request, ErrorCode.REFUSED, session.declined)
    return Reply(request.sequence, session.result)


def _refuse(request: Request, error: ErrorCode, reason: str) -> Refusal:
    return Refusal(request.sequence, error.word, reason=reason)
