"""A ring in a test's hands (`held_cluster.py`), with what its clients asked and were answered."""

import json
from dataclasses import dataclass, fields
from typing import Any

from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from systems_under_test.node import Effect, Message, Payload, Send
from systems_under_test.requests import ErrorCode, Refusal, Reply
from systems_under_test.ring.messages import Copy
from systems_under_test.ring.node import Ring
from tests.systems_under_test.held_cluster import HeldCluster, asked, shown


@dataclass(slots=True)
class Asked:
    """A client's request, when it was made, and what became of it."""

    client: str
    function: str
    key: str
    argument: Any
    invoked: int
    outcome: Outcome = Outcome.INFO
    result: Any = None
    completed: int | None = None

    def operation(self, process: int) -> Operation:
        done_ns = self.completed
        return Operation(
            process, self.function, self.key, self.argument, self.result, self.outcome,
            self.invoked, self.completed, self.invoked, done_ns,
        )  # fmt: skip


class RingCluster(HeldCluster[Ring]):
    def __init__(
        self,
        size: int = 3,
        system: type[Ring] = Ring,
        seed: int = 0,
        spares: int = 0,
        watched: bool = True,
    ) -> None:
        self.asked: list[Asked] = []
        self.moment = 0
        super().__init__(size, system, seed, spares, watched)
        self.trace.clear()

    def show(self, value: Any) -> str:
        return show(value)

    def perform(self, name: str, effect: Effect) -> None:
        super().perform(name, effect)
        if isinstance(effect, Send) and isinstance(effect.message.payload, (Reply, Refusal)):
            self.note_answer(effect.message.target, effect.message.payload)

    def ask(
        self, name: str, function: str, key: str = "", argument: Any = None, client: str = ""
    ) -> str:
        """Hand a request to a node for that client, or for one that never asked before."""
        client = client or f"c{len(self.asked) + 1}"
        self.moment += 1
        self.asked.append(Asked(client, function, key, argument, self.moment))
        self.hand_over(Message(client, name, asked(0, 1, function, key, argument)))
        return client

    def serve(self, name: str, function: str, key: str, argument: Any = None) -> Reply | Refusal:
        """Hand over a request, deliver everything, let time pass, and return the answer."""
        before = len(self.answers)
        self.ask(name, function, key, argument)
        for _ in range(100):
            self.stabilize()
            if len(self.answers) > before:
                return self.answers[-1][1]
            for node in self.live:
                for timer in [t for t in self.timers[node] if t.split(" ")[0] in ("pause", "tick")]:
                    if timer in self.timers[node]:
                        self.fire(node, timer)
        raise AssertionError("no answer came:\n" + "\n".join(self.trace[-60:]))

    # --- what a test sees -------------------------------------------------------------------------

    def note_answer(self, client: str, answer: Reply | Refusal) -> None:
        asked = next((one for one in reversed(self.asked) if one.client == client), None)
        if asked is None or asked.completed is not None:
            return
        self.moment += 1
        if isinstance(answer, Reply):
            asked.outcome, asked.result, asked.completed = Outcome.OK, answer.result, self.moment
        elif ErrorCode.of(answer.error).definite or asked.function == "read":
            asked.outcome, asked.completed = Outcome.FAIL, self.moment

    def history(self) -> tuple[Operation, ...]:
        """What the clients saw."""
        return tuple(
            asked.operation(process)
            for process, asked in enumerate(self.asked)
            if asked.function in ("read", "write", "cas")
            and not (asked.function == "read" and asked.outcome is Outcome.INFO)
        )

    def verdict(self) -> Verdict:
        return check(self.history(), MODELS["cas-register"]()).verdict

    def value_at(self, name: str, key: str) -> Any:
        return self.live[name].registers.copy_of(key).value


def show(value: Any) -> str:
    """A payload in a few words; numbers of rounds are cut to the part that counts."""
    match value:
        case Copy(tag, ballot, content, changes):
            text = f"{json.dumps(content)} at {stamp(tag)}"
            text += f"+{stamp(ballot)}" if ballot[0] else ""
            return text + (f" with {dict(changes)}" if changes else "")
        case (int(), str()):
            return stamp(value)
        case Payload():
            words = []
            for field in fields(value):  # type: ignore[arg-type]
                inside = getattr(value, field.name)
                text = str(inside & 0xFFFF) if field.name == "round" else show(inside)
                if field.name == "digests":
                    text = f"{len(inside)} numbers"
                words.append(f"{field.name}={text}")
            return f"{type(value).__name__}({', '.join(words)})"
        case str():
            return value.replace("\0", "~")
        case _:
            return shown(value, show)


def stamp(value: tuple[int, str]) -> str:
    return f"{value[0]}:{value[1]}" if value[1] else "0"


class AnyCoordinator(Ring):
    """Every node coordinates changes itself, so that they compete."""

    FORWARDS = False


class ShortJournals(AnyCoordinator):
    """Compacts its journal at nearly every beat."""

    COMPACT_RECORDS = 3
    COMPACT_FACTOR = 0
