"""Rounds: a coordinator asks the replicas of a key and goes on when enough of them have answered.

The steps of operations (`steps.py`) are carried out here. What gets no answer is asked again at
every tick, until the operation's time is up. Time is counted in ticks, since a clock may jump.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from systems_under_test.node import NodeId
from systems_under_test.objects import Declined
from systems_under_test.quorum import majority
from systems_under_test.requests import ErrorCode, Refusal, Reply
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.hints import Hints
from systems_under_test.ring.messages import NOTHING, Answer, Ask, Conflict, Holds, Put, Stamp
from systems_under_test.ring.registers import EPOCH_KEY
from systems_under_test.ring.replica import Replica
from systems_under_test.ring.stamps import Stamps
from systems_under_test.ring.steps import (
    Answers,
    Moved,
    Outvoted,
    Pending,
    Round,
    Steps,
    Turn,
    Unresolved,
    Wait,
    newest_of,
)

TICK = "tick"
PAUSE = "pause"

TAKEN = Holds(0, NOTHING)
"""Stands for the answer to a `Put`, which says no more than that it came."""


@dataclass(slots=True, eq=False)
class Gathering:
    """A round under way."""

    operation: Pending
    step: Round
    ask: Ask
    replicas: tuple[NodeId, ...]
    needed: int
    answers: dict[NodeId, Holds] = field(default_factory=dict)
    refusals: dict[NodeId, Stamp] = field(default_factory=dict)
    asked_tick: int = 0

    def silent(self) -> list[NodeId]:
        return [
            node for node in self.replicas if node not in self.answers and node not in self.refusals
        ]


class Rounds:
    """Carries operations out."""

    def __init__(
        self, node: RingNode, stamps: Stamps, epochs: Epochs, replica: Replica, hints: Hints
    ) -> None:
        self.node = node
        self.stamps = stamps
        self.epochs = epochs
        self.replica = replica
        self.hints = hints
        self.operations: dict[int, Pending] = {}
        self.gatherings: dict[int, Gathering] = {}
        self.won: dict[int, Gathering] = {}
        """Rounds that were won, by number, until the rest of the replicas has answered too."""

        self._turns: dict[str, deque[Pending]] = {}
        """The operations that await their turn at a key, behind the one that has it."""

        self._ticks = 0
        self._ticking = False

    # --- operations -------------------------------------------------------------------------------

    def begin(self, client: NodeId, sequence: int, steps: Callable[[Pending], Steps]) -> None:
        """Start an operation; its client is answered with what its steps return."""
        operation = Pending(self.stamps.count(), client, sequence)
        operation.steps = steps(operation)
        operation.last_tick = self._ticks + self.node.GIVE_UP_TICKS
        if not self._ticking:
            self._ticking = True
            self.node.set_timer(TICK, self.node.TICK_NS)
        self.operations[operation.number] = operation
        self._resume(operation)

    def _resume(
        self,
        operation: Pending,
        answers: Answers | None = None,
        error: Exception | None = None,
    ) -> None:
        """Go on, with what the replicas hold or with why the round was lost, to the next step."""
        steps = operation.steps
        assert steps is not None
        try:
            if error is not None:
                step = steps.throw(error)
            else:
                step = next(steps) if answers is None else steps.send(answers)
        except StopIteration as stop:
            self._end(operation, Reply(operation.sequence, stop.value))
        except Unresolved:
            self._give_up(operation)
        except Declined as declined:
            word = ErrorCode.REFUSED.word
            self._end(operation, Refusal(operation.sequence, word, reason=str(declined)))
        else:
            match step:
                case Round():
                    self._ask(operation, step)
                case Wait(for_ns):
                    self.node.set_timer(f"{PAUSE} {operation.number}", for_ns)
                case Turn(key):
                    self._take_turn(operation, key)

    def _take_turn(self, operation: Pending, key: str) -> None:
        if operation.turn is not None:
            self._leave_turn(operation, operation.turn)
        operation.turn = key
        queue = self._turns.setdefault(key, deque())
        queue.append(operation)
        if queue[0] is operation:
            self._resume(operation)

    def _leave_turn(self, operation: Pending, key: str) -> None:
        queue = self._turns[key]
        had_turn = queue[0] is operation
        queue.remove(operation)
        if not queue:
            del self._turns[key]
        elif had_turn:
            self._resume(queue[0])

    def _end(self, operation: Pending, answer: Reply | Refusal) -> None:
        self.node.send(operation.client, answer)
        del self.operations[operation.number]
        self.gatherings.pop(operation.round, None)
        if operation.turn is not None:
            self._leave_turn(operation, operation.turn)

    def _give_up(self, operation: Pending) -> None:
        """Refuse: definitely if nothing was put anywhere, and otherwise with an open outcome."""
        assert operation.steps is not None
        operation.steps.close()
        self.node.cancel_timer(f"{PAUSE} {operation.number}")
        error = ErrorCode.UNDECIDED if operation.uncertain else ErrorCode.NO_QUORUM
        self._end(operation, Refusal(operation.sequence, error.word))

    # --- rounds -----------------------------------------------------------------------------------

    def _ask(self, operation: Pending, step: Round) -> None:
        key = step.ask.key
        if key.startswith(EPOCH_KEY) and key != self.epochs.next_key:
            self._resume(operation, None, Moved())
            return
        number = operation.round = self.stamps.count()
        ask = replace(step.ask, round=number, epoch=self.epochs.number)
        replicas = self.epochs.replicas_of(key)
        needed = min(step.needed or self.quorum(ask, len(replicas)), len(replicas))
        gathering = Gathering(operation, step, ask, replicas, needed)
        gathering.answers.update(step.known)
        self.gatherings[number] = gathering
        self.send_asks(gathering)

    def ask_again(self) -> None:
        """Ask every open round again, of the owners in the epoch that has begun: answers of two
        epochs make no majority."""
        interrupted, self.gatherings = self.gatherings, {}
        self.won.clear()
        for gathering in interrupted.values():
            self._ask(gathering.operation, replace(gathering.step, known={}))

    def quorum(self, ask: Ask, replicas: int) -> int:
        """How many of a key's replicas must answer; any two majorities have one in common."""
        return majority(replicas)

    def send_asks(self, gathering: Gathering) -> None:
        """Ask those who have not answered: the others first, so that they work while we do."""
        gathering.asked_tick = self._ticks
        silent = gathering.silent()
        own = self.node.node_id
        for node in silent:
            if node != own:
                self.node.send(node, gathering.ask)
        if own in silent:
            answer = self.replica.on_ask(own, gathering.ask)
            if answer is not None:
                self.on_answer(own, answer)

    def on_answer(self, replica: NodeId, answer: Answer) -> None:
        gathering = self.gatherings.get(answer.round) or self.won.get(answer.round)
        if gathering is None or replica not in gathering.replicas:
            return  # It comes late: the round is over.
        match answer:
            case Holds():
                gathering.answers[replica] = answer
            case Conflict(_, promised):
                gathering.refusals[replica] = promised
            case _:
                gathering.answers[replica] = TAKEN
        if answer.round in self.won:
            self._hear_rest(gathering)
        elif len(gathering.answers) >= gathering.needed:
            self._win(gathering)
        elif len(gathering.replicas) - len(gathering.refusals) < gathering.needed:
            self._lose(gathering)

    def _win(self, gathering: Gathering) -> None:
        number = gathering.ask.round
        del self.gatherings[number]
        self.won[number] = gathering
        answers = dict(gathering.answers)
        self._hear_rest(gathering)
        self._resume(gathering.operation, answers)

    def _hear_rest(self, gathering: Gathering) -> None:
        if not gathering.silent():
            del self.won[gathering.ask.round]
            self._repair(gathering)

    def _lose(self, gathering: Gathering) -> None:
        del self.gatherings[gathering.ask.round]
        self._resume(gathering.operation, None, Outvoted(max(gathering.refusals.values())))

    def _repair(self, gathering: Gathering) -> None:
        """Read repair: bring the newest copy to those who answered with an older one."""
        if not gathering.step.repair:
            return
        newest = newest_of(gathering.answers)
        for node, answer in gathering.answers.items():
            if answer.copy.version < newest.version:
                put = Put(self.stamps.count(), self.epochs.number, gathering.ask.key, newest)
                if node == self.node.node_id:
                    self.replica.on_ask(node, put)
                else:
                    self.node.send(node, put)

    # --- time -------------------------------------------------------------------------------------

    def on_timer(self, name: str) -> None:
        kind, _, number = name.partition(" ")
        if kind == TICK:
            self._tick()
        elif kind == PAUSE and (operation := self.operations.get(int(number))):
            self._resume(operation)

    def _tick(self) -> None:
        """Give up what has taken too long, and ask again what a whole tick left unanswered.

        What is done for one operation may let another go on that waited for its turn, and so end
        that one, or an epoch with all rounds of it: what is gone meanwhile is left alone.
        """
        self._ticks += 1
        extra_ticks = self.node.GIVE_UP_UNCERTAIN_TICKS - self.node.GIVE_UP_TICKS
        for number, operation in list(self.operations.items()):
            extra = extra_ticks if operation.uncertain else 0
            if number in self.operations and operation.last_tick + extra <= self._ticks:
                self._give_up(operation)
        for number, gathering in list(self.gatherings.items()):
            if number not in self.gatherings or gathering.asked_tick + 1 >= self._ticks:
                continue
            if gathering.refusals:  # Who has not answered by now may be dead: better begin again.
                self._lose(gathering)
            else:
                self.send_asks(gathering)
        for number, gathering in list(self.won.items()):
            if number in self.won and gathering.asked_tick + 2 < self._ticks:
                del self.won[number]
                if isinstance(gathering.ask, Put):
                    self.hints.missed(gathering.ask, gathering.silent())
                self._repair(gathering)
        self._ticking = bool(self.operations or self.won)
        if self._ticking:
            self.node.set_timer(TICK, self.node.TICK_NS)
