"""What a node of the ring holds: a register for each key, with its copy and its promise.

The journal is append-only and holds changes; a record always stands before the message that
depends on it.
"""

from hashlib import blake2b

from systems_under_test.node import Payload
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.hashing import shard_of
from systems_under_test.ring.messages import NOTHING, ZERO, Copy, Held, Promised, Stamp

EPOCH_KEY = "\0epoch "
"""Begins the keys of the registers in which epochs are decided. Clients cannot use it."""


class Registers:
    """The copies and promises of one node, by key and by shard."""

    def __init__(self, node: RingNode) -> None:
        self.node = node
        self.copies: dict[str, Copy] = {}
        self.promises: dict[str, Stamp] = {}
        self.hearsay: set[str] = set()
        """Keys whose copy was transferred from others, and not taken as a vote for its ballot."""

        self.keys: dict[int, dict[str, None]] = {}
        """The keys of each shard that the node has heard of, in the order of hearing."""

        self.digests: dict[int, int] = {}
        """Of each shard, the digests of its copies, all combined by exclusive or."""

        self.digest = 0
        """Of all copies: nodes that own the same shards and hold the same have the same."""

    @property
    def size(self) -> int:
        """How many records `snapshot` comes to."""
        return len(self.copies) + len(self.promises)

    def copy_of(self, key: str) -> Copy:
        return self.copies.get(key, NOTHING)

    def promised_for(self, key: str) -> Stamp:
        """The highest ballot promised, or taken, which promises as much."""
        return max(self.promises.get(key, ZERO), self.copy_of(key).ballot)

    def promise(self, key: str, ballot: Stamp) -> None:
        self._set_promise(key, ballot)
        self.node.persist(Promised(key, ballot))

    def hold(self, key: str, copy: Copy, *, hearsay: bool = False) -> None:
        self._set_copy(key, copy, hearsay=hearsay)
        self.node.persist(Held(key, copy, hearsay))

    def drop(self, shard: int) -> None:
        """Forget a shard, except for the decisions about epochs."""
        for key in self.keys_of(shard):
            self._stir(shard, key, self.copies.pop(key, None))
            self.promises.pop(key, None)
            self.hearsay.discard(key)
            del self.keys[shard][key]

    def keys_of(self, shard: int) -> list[str]:
        """The clients' keys in a shard that the node has heard of, in the order of hearing."""
        keys = self.keys.get(shard)
        return [key for key in keys if not key.startswith(EPOCH_KEY)] if keys else []

    # --- the journal ------------------------------------------------------------------------------

    def replay(self, record: Held | Promised) -> None:
        match record:
            case Promised(key, ballot):
                self._set_promise(key, ballot)
            case Held(key, copy, hearsay):
                self._set_copy(key, copy, hearsay=hearsay)

    def snapshot(self) -> list[Payload]:
        """Records that rebuild the registers."""
        held = [Held(key, copy, key in self.hearsay) for key, copy in self.copies.items()]
        promised = [Promised(key, ballot) for key, ballot in self.promises.items()]
        return [*held, *promised]

    # --- in memory --------------------------------------------------------------------------------

    def _set_promise(self, key: str, ballot: Stamp) -> None:
        self.promises[key] = ballot
        self.keys.setdefault(shard_of(key), {})[key] = None

    def _set_copy(self, key: str, copy: Copy, *, hearsay: bool) -> None:
        shard = shard_of(key)
        before = self.copies.get(key)
        if before is None:
            self.keys.setdefault(shard, {})[key] = None
        self._stir(shard, key, before)
        self._stir(shard, key, copy)
        self.copies[key] = copy
        if hearsay:
            self.hearsay.add(key)
        else:
            self.hearsay.discard(key)

    def _stir(self, shard: int, key: str, copy: Copy | None) -> None:
        """Add a copy to its shard's digest, or take it out again."""
        if copy is not None and not key.startswith(EPOCH_KEY):
            change = digest(key, copy)
            self.digests[shard] = self.digests.get(shard, 0) ^ change
            self.digest ^= change


def digest(key: str, copy: Copy) -> int:
    """What tells copies apart: equal versions are equal copies."""
    return int.from_bytes(blake2b(f"{key} {copy.version}".encode(), digest_size=8).digest())
