"""What nodes of the ring say to each other, and what they write to their journals.

A coordinator asks the replicas of a key (`Ask`), and each answers on its own (`Answer`). All of it
may be lost, duplicated and reordered: an answer carries the number of its round, which is unique
over all lives of the node that asked.
"""

from dataclasses import dataclass
from typing import TypeAlias

from systems_under_test.node import Json, NodeId, Payload
from systems_under_test.ring.hashing import Members

Stamp: TypeAlias = tuple[int, str]
"""A number and the life of a node that drew it ("n1.4"): no two draws are alike.

Stamps are the tags of the ABD paper and the ballots of CASPaxos.
"""

ZERO: Stamp = (0, "")
"""Before every stamp that is ever drawn."""


@dataclass(frozen=True, slots=True)
class Copy(Payload):
    """What a replica holds of a key: a value, and where it stands in the order of all values.

    `tag` is that of the blind write that the value goes back to. `ballot` is `ZERO` for the value
    of that write itself, and the ballot of the last change (read-modify-write) for what changes
    made of it. `changes` names the changes made since the write: for each life of a coordinator,
    the number of the ballot of its last one.
    """

    tag: Stamp = ZERO
    ballot: Stamp = ZERO
    value: Json = None
    changes: tuple[tuple[str, int], ...] = ()

    @property
    def version(self) -> tuple[Stamp, Stamp]:
        """Orders all copies of a key; copies of equal version are equal."""
        return (self.tag, self.ballot)


NOTHING = Copy()
"""What a replica holds of a key that it has never heard of."""


# --- between coordinators and replicas ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask(Payload):
    """A coordinator's request to one replica, in the epoch in which the coordinator is."""

    round: int
    epoch: int
    key: str


@dataclass(frozen=True, slots=True)
class Query(Ask):
    """What do you hold? (ABD, first phase)"""


@dataclass(frozen=True, slots=True)
class Prepare(Ask):
    """What do you hold? And promise to refuse changes of a lower ballot (CASPaxos, phase 1)."""

    ballot: Stamp


@dataclass(frozen=True, slots=True)
class Put(Ask):
    """Hold this, unless you hold something newer (ABD, second phase; CASPaxos, phase 2)."""

    copy: Copy


@dataclass(frozen=True, slots=True)
class Answer(Payload):
    """A replica's answer in that round."""

    round: int


@dataclass(frozen=True, slots=True)
class Holds(Answer):
    """To `Query` and `Prepare`: this I hold; and to `Prepare` also: I promise.

    `hearsay` says that the copy came by the transfer of a shard: it is no vote for its ballot.
    """

    copy: Copy
    hearsay: bool = False


@dataclass(frozen=True, slots=True)
class Taken(Answer):
    """To `Put`: I hold this or something newer, durably."""


@dataclass(frozen=True, slots=True)
class Conflict(Answer):
    """To `Prepare` and `Put`: I have promised that ballot, which is higher."""

    promised: Stamp


# --- between all nodes ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alive(Payload):
    """From every node to all others, now and then: I am up, in that epoch.

    `settled` says that it has all shards that it owns, `hears` whom it heard lately.
    """

    epoch: int
    settled: bool
    hears: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Epoch(Payload):
    """An epoch by its number, with its members, each with its capacity, in order of their names."""

    number: int
    members: Members


@dataclass(frozen=True, slots=True)
class Announce(Payload):
    """These epochs were decided, one after the other."""

    epochs: tuple[Epoch, ...]


@dataclass(frozen=True, slots=True)
class Entry(Payload):
    """What a replica knows of a key."""

    key: str
    promised: Stamp
    copy: Copy


@dataclass(frozen=True, slots=True)
class Fetch(Payload):
    """From a new owner to a former one: what do you know of the keys in these shards?

    Of the first of them, only of the keys after `after`.
    """

    epoch: int
    shards: tuple[int, ...]
    after: str
    number: int


@dataclass(frozen=True, slots=True)
class Part(Payload):
    """The answer to `Fetch`: keys in order, and the shards that end with them, `complete`."""

    epoch: int
    complete: tuple[int, ...]
    entries: tuple[Entry, ...]
    number: int


@dataclass(frozen=True, slots=True)
class Digests(Payload):
    """Digests of the groups of shards (`group` is -1), or of the shards of one group."""

    epoch: int
    group: int
    digests: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Known(Payload):
    """The version in which the sender holds a key."""

    key: str
    tag: Stamp
    ballot: Stamp


@dataclass(frozen=True, slots=True)
class Versions(Payload):
    """All keys of that shard that the sender holds."""

    epoch: int
    shard: int
    known: tuple[Known, ...]


@dataclass(frozen=True, slots=True)
class Newer(Payload):
    """What the sender holds in newer versions than its peer, and keys of which the peer does."""

    epoch: int
    entries: tuple[Entry, ...]
    wanted: tuple[str, ...]


# --- records of the journal -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lived(Payload):
    """The node began its life of that number: whatever it draws from now on is new."""

    life: int


@dataclass(frozen=True, slots=True)
class Promised(Payload):
    """Changes of that key with a lower ballot are refused."""

    key: str
    ballot: Stamp


@dataclass(frozen=True, slots=True)
class Held(Payload):
    """The copy that the node holds of a key; `hearsay` as in `Holds`."""

    key: str
    copy: Copy
    hearsay: bool


@dataclass(frozen=True, slots=True)
class Hinted(Payload):
    """That node missed a copy of that key, which is kept for it."""

    node: NodeId
    key: str
    copy: Copy


@dataclass(frozen=True, slots=True)
class HandedOver(Payload):
    """The hint for that node and key is settled."""

    node: NodeId
    key: str


@dataclass(frozen=True, slots=True)
class Adopted(Payload):
    """The node went on to that epoch."""

    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Ready(Payload):
    """The node has those shards, which it came to own in that epoch or before."""

    epoch: int
    shards: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Standing(Payload):
    """Where the node stood when its journal was compacted: instead of all `Adopted` and `Ready`.

    `awaited` are shards that it owned and did not have, `gives` those that it had in the epoch
    before.
    """

    epochs: tuple[Epoch, ...]
    awaited: tuple[int, ...]
    gives: tuple[int, ...]


PAYLOADS: tuple[type[Payload], ...] = (
    Query,
    Prepare,
    Put,
    Holds,
    Taken,
    Conflict,
    Lived,
    Promised,
    Held,
    Alive,
    Hinted,
    HandedOver,
    Announce,
    Fetch,
    Part,
    Digests,
    Versions,
    Newer,
    Adopted,
    Ready,
    Standing,
)
