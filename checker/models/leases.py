"""Locks that are held for a time."""

from dataclasses import dataclass
from typing import Any, ClassVar

from checker.models.model import Inconsistent, Kind, State
from checker.models.owned_locks import grown
from checker.models.wording import unknown
from checker.operation import Operation


@dataclass
class LeasedMutex:
    """`acquire` for a time, `renew`, and `release` by the holder alone, while it still holds.

    An argument is `{"client": c, "now": t, "lease": d}`. Time is what
    the calls say: `now` of one that comes later may be earlier, and time does not go back then. A
    lease has ended once the time is `d` later than when it was given. Tokens that `acquire`
    answers, alone or as `fence`, grow.
    """

    name: str = "leased-mutex"
    functions: ClassVar = dict.fromkeys(
        ("acquire", "renew", "release"), (Kind.LEASE, Kind.ANYTHING)
    )

    def initial(self) -> State:
        return None, 0, 0, 0

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        # A state is who holds it, until when, what time it is, and the last token.
        assert isinstance(state, tuple)
        holder, until, time, latest = state
        asked: Any = operation.argument
        client = asked["client"]
        time = max(time, asked["now"])
        if time >= until:
            holder = None
        match operation.function:
            case "acquire":
                if holder is not None:
                    return Inconsistent(f"client {holder} holds it until {until}, and it is {time}")
                token = grown(latest, operation.result)
                if isinstance(token, Inconsistent):
                    return token
                return client, time + asked["lease"], time, token
            case "renew" | "release" if holder != client:
                held = "nobody holds it" if holder is None else f"client {holder} holds it"
                return Inconsistent(f"{held} at the time {time}, not client {client}")
            case "renew":
                return client, time + asked["lease"], time, latest
            case "release":
                return None, 0, time, latest
        return unknown(operation)
