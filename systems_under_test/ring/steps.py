"""What an operation consists of: the steps that it yields, and what it is sent or thrown for them.

An operation is a generator that yields steps, one at a time, and returns what the client is
answered with. So it reads like the pseudocode of the papers, while the node never waits
(`rounds.py` carries the steps out):

    answers = yield Round(Query(0, 0, key))     # what each node of a majority holds
    yield Pause(5_000_000)

A round that cannot be won raises `Outvoted` inside the operation.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from systems_under_test.node import Json, NodeId
from systems_under_test.ring.messages import Ask, Copy, Holds, Stamp


@dataclass(frozen=True, slots=True)
class Round:
    """Ask the key's replicas this, except those whose answers are `known` already.

    The round's number and the epoch in `ask` are filled in when it is sent.
    """

    ask: Ask
    known: Mapping[NodeId, Holds] = field(default_factory=dict)
    needed: int = 0
    """How many answers are enough; 0 for a majority."""

    repair: bool = False
    """Whether replicas that turn out to be behind are to be repaired afterwards."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on after this many nanoseconds."""

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
    """The epoch ended in which the members would have decided about the next one."""


class Unresolved(Exception):
    """Nobody can tell any more whether an earlier attempt of the operation took effect."""


Answers: TypeAlias = Mapping[NodeId, Holds]
Step: TypeAlias = Round | Wait | Turn
Steps: TypeAlias = Generator[Step, Answers, Json]
"""An operation's steps: each yields what to wait for, and is sent what the replicas hold."""


@dataclass(slots=True, eq=False)
class Pending:
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


def newest_of(answers: Answers) -> Copy:
    return max((answer.copy for answer in answers.values()), key=_version)


def _version(copy: Copy) -> tuple[Stamp, Stamp]:
    return copy.version


def holders_of(copy: Copy, answers: Answers) -> dict[NodeId, Holds]:
    """Those that have taken this copy; hearsay is no vote for it (`transfer.py`)."""
    return {
        node: answer
        for node, answer in answers.items()
        if answer.copy.version == copy.version and not answer.hearsay
    }
