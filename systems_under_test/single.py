"""A store that is not replicated: the smallest system, and the control group of an experiment.

The first node by name serves everything and the others send clients to it. It is linearizable as
long as that node's disk keeps what it promised, and it is unavailable whenever the node is.

The journal holds the requests themselves, in the order in which they were carried out. A request
is persisted before its answer is sent; the answer to a later read cannot overtake that record
either, so nobody sees a value that a crash could take back.
"""

from typing import ClassVar

from systems_under_test.kv import KeyValueMachine, objection
from systems_under_test.node import Json, Message, Node, Payload
from systems_under_test.objects import FUNCTIONS
from systems_under_test.requests import ErrorCode, Refusal, Request


class Single(Node):
    """One key-value store; its peers, where there are any, only know its name."""

    functions: ClassVar[tuple[str, ...]] = FUNCTIONS
    payloads: ClassVar[tuple[type[Payload], ...]] = ()  # The journal's requests are always known.
    sizes: ClassVar[tuple[int, ...]] = (1,)

    @classmethod
    def tolerated(cls, count: int) -> int:
        return 0

    def set_up(self) -> None:
        super().set_up()
        self.primary = min((self.node_id, *self.peers))
        self.machine = KeyValueMachine()

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        """Carry out again what was carried out before: the state is what the requests make it."""
        for request in stored:
            assert isinstance(request, Request), f"the journal holds {request}, no request"
            self.machine.apply(request)

    def on_message(self, message: Message) -> None:
        request = message.payload
        if not isinstance(request, Request):
            return
        if self.node_id != self.primary:
            error = ErrorCode.NOT_LEADER.word
            self.send(message.source, Refusal(request.sequence, error, leader=self.primary))
            return
        if request.function != "read" and not objection(request, FUNCTIONS):
            self.persist(request)
        self.send(message.source, self.machine.apply(request))

    def on_timer(self, name: str) -> None:
        """It sets none."""

    def facts(self) -> dict[str, Json]:
        role = "leader" if self.node_id == self.primary else "follower"
        return {"role": role, "term": 1, "leader": self.primary}
