"""One process's conversation with a cluster: sessions, retries, redirection and deadlines.

This is the one place that turns refusals and silence into outcomes. An operation is `ok` when a
node replied. Otherwise it is `fail` if no sending of its request can have had an effect (each was
refused definitely, or never left), or if the call is pure; and `info` if any may have had one.
Sending again is safe because a request keeps its session and its sequence, under which a system
applies it once (systems_under_test/requests.py). To a system without sessions, which opens session
0 or refuses to open one, nothing is sent again that may have had an effect.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from checker.operation import Outcome
from harness.clock import MILLISECOND_NS, Clock
from harness.cluster import Channel, NoAnswer, Unreachable
from harness.errors import HarnessError
from harness.recorder import Completion
from systems_under_test.node import NodeId
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request
from workloads.workload import Call

ATTEMPT_NS = 1_000 * MILLISECOND_NS
"""How long one sending of a request waits for its answer before another node is asked."""

BACKOFF_NS = 20 * MILLISECOND_NS
"""The pause before asking on when nobody leads or a node cannot be reached, up to twice as long."""

WANDER = 10
"""Every so often an operation begins at a random node rather than at the one that answered last.

Clients in the field do not all follow the newest leader, and a node that believes it still leads
is found out only by those that ask it.
"""


@dataclass
class _Attempts:
    """What is known of one operation while it is tried again and again."""

    until_ns: int
    uncertain: bool = False
    error: str = "timeout"
    asked: list[NodeId] = field(default_factory=list)
    heard: list[NodeId] = field(default_factory=list)
    answered_ns: int | None = None


class Client:
    """Speaks for one process, which makes one call at a time."""

    def __init__(
        self, nodes: tuple[NodeId, ...], channel: Channel, clock: Clock, random: Random
    ) -> None:
        self._nodes = nodes
        self._channel = channel
        self._clock = clock
        self._random = random
        self._preferred = random.choice(nodes)
        self._session: int | None = None
        self._sequence = 0
        self._stays = False

    async def invoke(
        self, call: Call, until_ns: int, first: NodeId | None = None, *, stays: bool = False
    ) -> Completion:
        """Make a call and try until it is answered or that moment has come; ask `first` first, and
        where it `stays` with that node, no other."""
        attempts = _Attempts(until_ns)
        self._stays = stays
        if first is not None:
            self._preferred = first
        elif self._random.randrange(WANDER) == 0:
            self._preferred = self._random.choice(self._nodes)
        if self._session is None:
            opened = await self._try(Request(0, self._next_sequence(), "open"), attempts)
            # Whatever is uncertain here is a session that nobody will use, not the call itself.
            attempts.uncertain = False
            if opened is not None:
                self._session = self._session_of(opened)
            elif attempts.error == ErrorCode.BAD_REQUEST.word:
                self._session = 0  # A system that does not know `open` has no sessions.
            else:
                return self._gave_up(call, attempts)
        sequence = self._next_sequence()
        request = Request(self._session, sequence, call.function, call.key, call.argument)
        reply = await self._try(request, attempts, repeatable=call.pure or self._session > 0)
        if reply is None:
            return self._gave_up(call, attempts)
        return _completion(Outcome.OK, attempts, result=reply.result, node=self._preferred)

    async def close(self) -> None:
        await self._channel.close()

    async def _try(
        self, request: Request, attempts: _Attempts, *, repeatable: bool = True
    ) -> Reply | None:
        """Send a request to one node after another until one replies; None when time is up.

        One that is not `repeatable` is not sent again once it may have had an effect.
        """
        redirects = 0
        while self._clock.now_ns() < attempts.until_ns:
            answer = await self._ask(request, attempts)
            if isinstance(answer, Reply):
                return answer
            redirects = redirects + 1 if answer is not None and answer.leader else 0
            if answer is not None and self._is_final(ErrorCode.of(answer.error)):
                return None
            if attempts.uncertain and not repeatable:
                return None
            led = answer.leader if answer is not None and not self._stays else None
            if led in self._nodes and redirects <= 2:
                self._preferred = led
                continue
            self._preferred = self._next_node()
            redirects = 0
            pause_ns = BACKOFF_NS + self._random.randrange(BACKOFF_NS)
            await self._clock.sleep_until_ns(
                min(self._clock.now_ns() + pause_ns, attempts.until_ns)
            )
        return None

    async def _ask(self, request: Request, attempts: _Attempts) -> Reply | Refusal | None:
        """Send a request once; None where no answer came."""
        until_ns = min(self._clock.now_ns() + ATTEMPT_NS, attempts.until_ns)
        attempts.asked.append(self._preferred)
        try:
            answer = await self._channel.ask(self._preferred, request, until_ns)
            attempts.answered_ns = self._clock.now_ns()
        except Unreachable:
            attempts.error = "unreachable"
            return None
        except NoAnswer:
            attempts.uncertain = True
            attempts.error = "timeout"
            return None
        attempts.heard.append(self._preferred)
        if isinstance(answer, Refusal):
            attempts.error = answer.error
            attempts.uncertain |= not ErrorCode.of(answer.error).definite
        return answer

    def _is_final(self, code: ErrorCode) -> bool:
        """Whether asking again is pointless. A session that expired is given up for a new one."""
        if code is ErrorCode.SESSION_EXPIRED:
            self._session = None
        return code in (ErrorCode.SESSION_EXPIRED, ErrorCode.BAD_REQUEST, ErrorCode.REFUSED)

    def _session_of(self, opened: Reply) -> int:
        if type(opened.result) is int:
            return opened.result
        raise HarnessError(
            f"{self._preferred} opened no session: it answered the request `open` with "
            f"{opened.result!r}; answer it with a number that no other session has"
        )

    def _next_sequence(self) -> int:
        """A number not used before, so that no late answer is taken for that of another request."""
        self._sequence += 1
        return self._sequence

    def _next_node(self) -> NodeId:
        if self._stays:
            return self._preferred
        index = self._nodes.index(self._preferred)
        return self._nodes[(index + 1) % len(self._nodes)]

    def _gave_up(self, call: Call, attempts: _Attempts) -> Completion:
        uncertain = attempts.uncertain and not call.pure
        outcome = Outcome.INFO if uncertain else Outcome.FAIL
        attempts.answered_ns = self._clock.now_ns()
        return _completion(outcome, attempts, error=attempts.error)


def _completion(outcome: Outcome, attempts: _Attempts, **more: Any) -> Completion:
    heard, asked = tuple(attempts.heard), tuple(attempts.asked)
    return Completion(outcome, heard=heard, asked=asked, answered_ns=attempts.answered_ns, **more)
