"""Rounds: a coordinator asks the replicas of a key and goes on when enough of them have answered.

An operation is a generator that yields rounds and pauses, one at a time, and returns what the
client is answered with. So it reads like the pseudocode of the papers, while the node never waits:

    answers = yield Round(Query(key))       # what each node of a majority holds
    yield Pause(5_000_000)

A round that cannot be won raises `Outvoted` inside the operation. What gets no answer is asked
again at every tick, until the operation's time is up. Time is counted in ticks, since a clock may
jump.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from systems_under_test.node import Json, NodeId
from systems_under_test.quorum import majority
from systems_under_test.requests import ErrorCode, Refusal, Reply
from systems_under_test.ring.gossip import BEAT
from systems_under_test.ring.messages import NOTHING, Answer, Ask, Holds, Refused, Stamp
from systems_under_test.ring.replica import Replica
from systems_under_test.ring.state import EPOCH_KEY

TICK = "tick"
PAUSE = "pause"

TAKEN = Holds(0, NOTHING)
"""Stands for the answer to a `Put`, which tells no more than that it came."""


@dataclass(frozen=True, slots=True)
class Round:
    """Ask the key's replicas this, except those whose answers are `known` already."""

    ask: Ask
    known: Mapping[NodeId, Holds] = field(default_factory=dict)
    needed: int = 0
    """How many answers are enough; 0 for a majority."""

    repair: bool = False
    """Whether replicas that turn out to be behind are to be repaired afterwards."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Go on after so many nanoseconds."""

    for_ns: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Go on when no other operation of this node has its turn at that key; keep it to the end."""

    key: str


class Outvoted(Exception):
    """Too many replicas refused for a majority; `promised` is their highest ballot."""

    def __init__(self, promised: Stamp) -> None:
        super().__init__(promised)
        self.promised = promised


class Moved(Exception):
    """The epoch ended in which the members would have decided about the next configuration."""


class Unresolved(Exception):
    """Nobody can tell any more whether an earlier attempt of the operation took effect."""


Answers: TypeAlias = Mapping[NodeId, Holds]
Step: TypeAlias = Round | Pause | Turn
Steps: TypeAlias = Generator[Step, Answers, Json]
"""An operation's steps: each yields what to wait for, and is sent what the replicas hold."""


@dataclass(slots=True, eq=False)
class Operation:
    """A client's request on its way."""

    number: int
    client: NodeId
    sequence: int
    steps: Steps | None = None
    uncertain: bool = False
    """Whether a sending of it may have had an effect already."""

    last_tick: int = 0
    round: int = 0
    """The number of the last round that it asked for."""

    turn: str | None = None
    """The key at which it has or awaits its turn."""


@dataclass(slots=True, eq=False)
class Gathering:
    """A round under way."""

    operation: Operation
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


class Rounds(Replica):
    """Carries operations out."""

    TICK_NS = 40_000_000
    GIVE_UP_TICKS = 10
    """An operation that has had no effect is refused after so long: another node may do better."""

    GIVE_UP_UNCERTAIN_TICKS = 22
    """One that may have had an effect is tried for longer, since it must not be asked anew."""

    MAX_OPERATIONS = 10_000

    def set_up(self) -> None:
        super().set_up()
        self.operations: dict[int, Operation] = {}
        self.gatherings: dict[int, Gathering] = {}
        self.turns: dict[str, deque[Operation]] = {}
        """The operations that await their turn at a key, behind the one that has it."""

        self.won: dict[int, Gathering] = {}
        """Rounds that were won, by number, until the rest of the replicas has answered too."""

        self.counted = 0
        self.ticks = 0
        self.ticking = False

    # --- operations -------------------------------------------------------------------------------

    def begin(self, client: NodeId, sequence: int, steps: Callable[[Operation], Steps]) -> None:
        """Start an operation; its client is answered with what its steps return."""
        operation = Operation(self.count(), client, sequence)
        operation.steps = steps(operation)
        operation.last_tick = self.ticks + self.GIVE_UP_TICKS
        if not self.ticking:
            self.ticking = True
            self.set_timer(TICK, self.TICK_NS)
        self.operations[operation.number] = operation
        self.resume(operation)

    def count(self) -> int:
        """A number that this node never gave out before, in this life or an earlier one.

        A late answer to an earlier life is not taken for one to this life.
        """
        self.counted += 1
        return self.life << 32 | self.counted

    def resume(
        self, operation: Operation, answers: Answers | None = None, error: Exception | None = None
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
            self.end(operation, Reply(operation.sequence, stop.value))
        except Unresolved:
            self.give_up(operation)
        else:
            match step:
                case Round():
                    self.ask_replicas(operation, step)
                case Pause(for_ns):
                    self.set_timer(f"{PAUSE} {operation.number}", for_ns)
                case Turn(key):
                    self.take_turn(operation, key)

    def take_turn(self, operation: Operation, key: str) -> None:
        if operation.turn is not None:
            self.leave_turn(operation, operation.turn)
        operation.turn = key
        queue = self.turns.setdefault(key, deque())
        queue.append(operation)
        if queue[0] is operation:
            self.resume(operation)

    def leave_turn(self, operation: Operation, key: str) -> None:
        queue = self.turns[key]
        had_turn = queue[0] is operation
        queue.remove(operation)
        if not queue:
            del self.turns[key]
        elif had_turn:
            self.resume(queue[0])

    def end(self, operation: Operation, answer: Reply | Refusal) -> None:
        self.send(operation.client, answer)
        del self.operations[operation.number]
        self.gatherings.pop(operation.round, None)
        if operation.turn is not None:
            self.leave_turn(operation, operation.turn)

    def give_up(self, operation: Operation) -> None:
        """Refuse: definitely if nothing was put anywhere, and otherwise with an open outcome."""
        assert operation.steps is not None
        operation.steps.close()
        self.cancel_timer(f"{PAUSE} {operation.number}")
        error = ErrorCode.UNDECIDED if operation.uncertain else ErrorCode.NO_QUORUM
        self.end(operation, Refusal(operation.sequence, error.word))

    # --- rounds -----------------------------------------------------------------------------------

    def ask_replicas(self, operation: Operation, step: Round) -> None:
        key = step.ask.key
        if key.startswith(EPOCH_KEY) and key != self.next_epoch_key:
            self.resume(operation, None, Moved())
            return
        number = operation.round = self.count()
        ask = replace(step.ask, round=number, epoch=self.epoch)
        replicas = self.replicas_of(key)
        needed = min(step.needed or self.quorum(ask, len(replicas)), len(replicas))
        gathering = Gathering(operation, step, ask, replicas, needed)
        gathering.answers.update(step.known)
        self.gatherings[number] = gathering
        self.send_asks(gathering)

    def on_epoch(self) -> None:
        """Ask every open round anew, of the new owners: answers of two epochs make no majority."""
        super().on_epoch()
        interrupted, self.gatherings = self.gatherings, {}
        self.won.clear()
        for gathering in interrupted.values():
            step = replace(gathering.step, known={})
            self.ask_replicas(gathering.operation, step)

    def quorum(self, ask: Ask, replicas: int) -> int:
        """How many of a key's replicas must answer; any two majorities have one in common."""
        return majority(replicas)

    def send_asks(self, gathering: Gathering) -> None:
        """Ask those who have not answered: the others first, so that they work while we do."""
        gathering.asked_tick = self.ticks
        silent = gathering.silent()
        for node in silent:
            if node != self.node_id:
                self.send(node, gathering.ask)
        if self.node_id in silent:
            self.on_ask(self.node_id, gathering.ask)

    def answer(self, coordinator: NodeId, answer: Answer) -> None:
        if coordinator == self.node_id:
            self.on_answer(self.node_id, answer)
        else:
            super().answer(coordinator, answer)

    def on_answer(self, replica: NodeId, answer: Answer) -> None:
        gathering = self.gatherings.get(answer.round) or self.won.get(answer.round)
        if gathering is None or replica not in gathering.replicas:
            return  # It comes late: the round is over.
        match answer:
            case Holds():
                gathering.answers[replica] = answer
            case Refused(_, promised):
                gathering.refusals[replica] = promised
            case _:
                gathering.answers[replica] = TAKEN
        if answer.round in self.won:
            self.hear_rest(gathering)
        elif len(gathering.answers) >= gathering.needed:
            self.win(gathering)
        elif len(gathering.replicas) - len(gathering.refusals) < gathering.needed:
            self.lose(gathering)

    def win(self, gathering: Gathering) -> None:
        number = gathering.ask.round
        del self.gatherings[number]
        self.won[number] = gathering
        answers = dict(gathering.answers)
        self.hear_rest(gathering)
        self.resume(gathering.operation, answers)

    def hear_rest(self, gathering: Gathering) -> None:
        if not gathering.silent():
            del self.won[gathering.ask.round]
            self.on_all_heard(gathering)

    def on_all_heard(self, gathering: Gathering) -> None:
        """Every replica has answered a round that was won, or had the time to."""

    def on_missed(self, gathering: Gathering, nodes: Iterable[NodeId]) -> None:
        """These replicas did not answer a round that was won."""

    def lose(self, gathering: Gathering) -> None:
        del self.gatherings[gathering.ask.round]
        self.resume(gathering.operation, None, Outvoted(max(gathering.refusals.values())))

    # --- time -------------------------------------------------------------------------------------

    def on_timer(self, name: str) -> None:
        kind, _, number = name.partition(" ")
        if kind == BEAT:
            self.on_beat()
        elif kind == TICK:
            self.on_tick()
        elif kind == PAUSE and (operation := self.operations.get(int(number))):
            self.resume(operation)

    def on_tick(self) -> None:
        """Give up what has taken too long, and ask again what a whole tick left unanswered.

        What is done for one operation may let another go on that waited for its turn, and so end
        that one, or an epoch with all rounds of it: what is gone meanwhile is left alone.
        """
        self.ticks += 1
        for number, operation in list(self.operations.items()):
            extra = self.GIVE_UP_UNCERTAIN_TICKS - self.GIVE_UP_TICKS if operation.uncertain else 0
            if number in self.operations and operation.last_tick + extra <= self.ticks:
                self.give_up(operation)
        for number, gathering in list(self.gatherings.items()):
            if number not in self.gatherings or gathering.asked_tick + 1 >= self.ticks:
                continue
            if gathering.refusals:  # Who has not answered by now may be dead: better begin anew.
                self.lose(gathering)
            else:
                self.send_asks(gathering)
        for number, gathering in list(self.won.items()):
            if number in self.won and gathering.asked_tick + 2 < self.ticks:
                del self.won[number]
                self.on_missed(gathering, gathering.silent())
                self.on_all_heard(gathering)
        self.ticking = bool(self.operations or self.won)
        if self.ticking:
            self.set_timer(TICK, self.TICK_NS)
