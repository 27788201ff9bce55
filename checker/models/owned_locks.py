"""Locks that know who holds them: only the holder may release, and may acquire again if it may.

Who calls is its client, where the argument or the answer names one (`{"client": "a"}`), and its
process otherwise.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from checker.columns import canonical
from checker.models.model import ANY, Inconsistent, State
from checker.models.wording import unknown
from checker.operation import Operation

Caller = tuple[State, State]
"""The process, and the client if it was named."""


def caller(operation: Operation) -> Caller:
    """Who called."""
    for said in (operation.result, operation.argument):
        if isinstance(said, dict) and said.get("client") is not None:
            return operation.process, canonical(said["client"])
    return operation.process, None


def same(one: Caller, other: Caller) -> bool:
    """Whether two calls came from the same caller: from one client, if both say which."""
    if one[1] is not None and other[1] is not None:
        return one[1] == other[1]
    return one[0] == other[0]


def name(who: Caller) -> str:
    """A caller as a sentence says it."""
    return f"process {who[0]}" if who[1] is None else f"client {who[1]}"


@dataclass
class ReentrantMutex:
    """`acquire` and `release` by the holder alone, who may hold it `most` times at once."""

    name: str = "reentrant-mutex"
    most: int = 2
    functions: ClassVar = {"acquire": ANY, "release": ANY}
    by_process: ClassVar = True

    def initial(self) -> State:
        return ()

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        # A state is who holds the lock, once for each time.
        assert isinstance(state, tuple)
        who = caller(operation)
        match operation.function:
            case "acquire":
                if state and not same(state[0], who):
                    return Inconsistent(f"{name(state[0])} holds it")
                if len(state) >= self.most:
                    times = "" if self.most == 1 else f" {self.most} times"
                    return Inconsistent(f"{name(state[0])} holds it already{times}")
                return (*state, state[0] if state else who)
            case "release":
                if not state:
                    return Inconsistent("nobody holds it")
                if not same(state[0], who):
                    return Inconsistent(f"{name(state[0])} holds it, not {name(who)}")
                return state[1:]
        return unknown(operation)


@dataclass
class OwnedMutex(ReentrantMutex):
    """`acquire` and `release`, the latter by the holder alone."""

    name: str = "owned-mutex"
    most: int = 1


@dataclass
class FencedMutex:
    """An owned mutex whose `acquire` answers a token that grows; `use` of a resource shows it.

    The answer is the token, or an object with it as `fence`; null and numbers below 1 are none. The
    resource refuses a token, an argument `{"fence"}`, once a later one has been used.
    """

    name: str = "fenced-mutex"
    start: int = 0
    functions: ClassVar = {"acquire": ANY, "release": ANY, "use": ANY}
    by_process: ClassVar = True

    def initial(self) -> State:
        return None, self.start, 0

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        # A state is who holds the lock, if anyone, the greatest token so far, and that in use.
        assert isinstance(state, tuple)
        holder, latest, used = state
        who = caller(operation)
        match operation.function:
            case "acquire":
                if holder is not None:
                    return Inconsistent(f"{name(holder)} holds it")
                token = grown(latest, operation.result)
                return token if isinstance(token, Inconsistent) else (who, token, used)
            case "release":
                if holder is None:
                    return Inconsistent("nobody holds it")
                if not same(holder, who):
                    return Inconsistent(f"{name(holder)} holds it, not {name(who)}")
                return None, latest, used
            case "use":
                shown = token_of(operation.argument) or 0
                if shown < used:
                    return Inconsistent(f"the token {used} was used before, so not {shown}")
                return holder, latest, shown
        return unknown(operation)


def grown(latest: int, answer: Any) -> int | Inconsistent:
    """The greatest token after that answer, whose own one must be greater than the latest."""
    token = token_of(answer)
    if token is not None and token <= latest:
        return Inconsistent(f"the token {latest} was given before, so not {token}")
    return token or latest


def token_of(answer: Any) -> int | None:
    """The fencing token in an answer or an argument."""
    token = answer.get("fence") if isinstance(answer, dict) else answer
    return token if type(token) is int and token > 0 else None
