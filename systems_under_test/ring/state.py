"""What a node of the ring keeps: its lives, and a register for each key.

The journal is append-only and holds changes; a record always stands before the message that
depends on it.
"""

from hashlib import blake2b

from systems_under_test.node import Node, Payload
from systems_under_test.ring.hashing import partition_of
from systems_under_test.ring.messages import NOTHING, ZERO, Copy, Held, Lived, Promised, Stamp

EPOCH_KEY = "\0epoch "
"""Begins the keys of the registers in which configurations are decided. Clients cannot use it."""


class State(Node):
    """The lowest layer of `Ring`."""

    COMPACT_RECORDS = 20_000
    """A journal of fewer records is left alone."""

    COMPACT_FACTOR = 3

    def set_up(self) -> None:
        super().set_up()
        self.copies: dict[str, Copy] = {}
        self.promises: dict[str, Stamp] = {}
        self.hearsay: set[str] = set()
        """Keys whose copy was transferred from others, and not taken as a vote for its ballot."""

        self.keys: dict[int, dict[str, None]] = {}
        """The keys of each partition that the node has heard of, in the order of hearing."""

        self.digests: dict[int, int] = {}
        """Of each partition, the digests of its copies, all combined by exclusive or."""

        self.digest = 0
        """Of all copies: nodes that own the same partitions and hold the same have the same."""

        self.recorded = 0
        """How many records the journal holds, this life's and those before."""

        self.life = 0
        self.drawn = 0
        """The highest number of a stamp drawn or met in this life."""

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        for record in stored:
            self.replay(record)
        self.recorded = len(stored)
        # What an earlier life drew may still be on its way, and what it drew last may stand in no
        # journal. The life's number, durable before anything else, makes new stamps differ from it.
        self.life += 1
        self.persist(Lived(self.life))

    def replay(self, record: Payload) -> None:
        match record:
            case Lived(life):
                self.life = life
            case Promised(key, ballot):
                self.set_promise(key, ballot)
            case Held(key, copy, hearsay):
                self.set_copy(key, copy, hearsay=hearsay)

    # --- the journal ------------------------------------------------------------------------------

    def persist(self, record: Payload) -> None:
        self.recorded += 1
        super().persist(record)

    def compact_if_long(self) -> None:
        """Replace the journal by what it comes to, once it is several times as long.

        Called between steps of the protocols, when memory and journal say the same.
        """
        size = len(self.copies) + len(self.promises)
        if self.recorded > max(self.COMPACT_RECORDS, self.COMPACT_FACTOR * size):
            records = self.snapshot()
            self.compact(records)
            self.recorded = len(records)

    def snapshot(self) -> list[Payload]:
        """Records that rebuild the state; layers above add theirs."""
        held = [Held(key, copy, key in self.hearsay) for key, copy in self.copies.items()]
        promised = [Promised(key, ballot) for key, ballot in self.promises.items()]
        return [Lived(self.life), *held, *promised]

    # --- stamps -----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """This life of this node, as it signs stamps."""
        return f"{self.node_id}.{self.life}"

    def draw(self, above: int) -> Stamp:
        """A stamp whose number is above that one, and that nobody has drawn or ever will."""
        self.drawn = max(self.drawn, above) + 1
        return (self.drawn, self.name)

    # --- registers --------------------------------------------------------------------------------

    def copy_of(self, key: str) -> Copy:
        return self.copies.get(key, NOTHING)

    def promised_for(self, key: str) -> Stamp:
        """The highest ballot promised, or taken, which promises as much."""
        return max(self.promises.get(key, ZERO), self.copy_of(key).ballot)

    def promise(self, key: str, ballot: Stamp) -> None:
        self.set_promise(key, ballot)
        self.persist(Promised(key, ballot))

    def hold(self, key: str, copy: Copy, *, hearsay: bool = False) -> None:
        self.set_copy(key, copy, hearsay=hearsay)
        self.persist(Held(key, copy, hearsay))

    def set_promise(self, key: str, ballot: Stamp) -> None:
        self.promises[key] = ballot
        self.keys.setdefault(partition_of(key), {})[key] = None

    def set_copy(self, key: str, copy: Copy, *, hearsay: bool) -> None:
        partition = partition_of(key)
        before = self.copies.get(key)
        if before is None:
            self.keys.setdefault(partition, {})[key] = None
        self.stir(partition, key, before)
        self.stir(partition, key, copy)
        self.copies[key] = copy
        if hearsay:
            self.hearsay.add(key)
        else:
            self.hearsay.discard(key)

    def stir(self, partition: int, key: str, copy: Copy | None) -> None:
        """Add a copy to its partition's digest, or take it out again."""
        if copy is not None and not key.startswith(EPOCH_KEY):
            change = digest(key, copy)
            self.digests[partition] = self.digests.get(partition, 0) ^ change
            self.digest ^= change

    def drop(self, partition: int) -> None:
        """Forget a partition, except for the decisions about configurations."""
        for key in list(self.keys.get(partition, ())):
            if not key.startswith(EPOCH_KEY):
                self.stir(partition, key, self.copies.pop(key, None))
                self.promises.pop(key, None)
                self.hearsay.discard(key)
                del self.keys[partition][key]


def digest(key: str, copy: Copy) -> int:
    """What tells copies apart: equal versions are equal copies."""
    return int.from_bytes(blake2b(f"{key} {copy.version}".encode(), digest_size=8).digest())
