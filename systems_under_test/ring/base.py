"""The base of a ring's node: its constants, and the way out for the parts that it is made of.

A part holds a `RingNode` to send, set timers, persist, draw and read the clock. It reaches other
parts only where its constructor takes them.
"""

from systems_under_test.node import Node, Payload


class RingNode(Node):
    """What every part of the ring sees of the node that it belongs to."""

    # --- who owns what (`epochs.py`, `transfer.py`) -----------------------------------------------

    REPLICAS = 3
    """N of the Dynamo paper: how many nodes hold a key, where there are as many."""

    FETCHED_AT_ONCE = 256
    """Shards."""

    ENTRIES_AT_ONCE = 256

    PATIENCE = 2
    """After this many beats without an answer a former owner is asked again."""

    # --- who is up (`gossip.py`) ------------------------------------------------------------------

    BEAT_NS = 100_000_000

    SILENT_BEATS = 4
    """A peer that was not heard for so long counts as down."""

    # --- carrying operations out (`rounds.py`, `linearizable.py`) ---------------------------------

    FORWARDS = True
    """Whether a change goes to the first replica of its key, so that changes of a key seldom
    compete, or is coordinated by the node that gets it. Both are right."""

    TICK_NS = 40_000_000

    GIVE_UP_TICKS = 10
    """An operation that has had no effect is refused after so long: another node may do better."""

    GIVE_UP_UNCERTAIN_TICKS = 22
    """One that may have had an effect is tried for longer, since clients must not repeat it."""

    MAX_OPERATIONS = 10_000

    PAUSE_NS = 2_000_000
    """After a lost round a change waits for up to this long, twice as long the next time."""

    MAX_DOUBLINGS = 5

    LOOKS = 3
    """So often a read tries to do without a ballot of its own."""

    # --- what replicas missed (`hints.py`, `entropy.py`) ------------------------------------------

    MAX_HINTS = 2_000
    """Of one node; what it misses beyond them anti-entropy brings."""

    HANDED_AT_ONCE = 200

    FIRST_BEAT = 5

    COMPARE_BEATS = 20
    """How many beats pass between two comparisons, each with a peer drawn at random."""

    GROUPS_AT_ONCE = 2
    """How many of the groups that differ are looked into in one comparison."""

    ENTRIES_IN_NEWER = 256

    # --- the journal ------------------------------------------------------------------------------

    COMPACT_RECORDS = 20_000
    """A journal of fewer records is left alone."""

    COMPACT_FACTOR = 3

    def set_up(self) -> None:
        self.recorded = 0
        """How many records the journal holds, this life's and those before."""

    def persist(self, record: Payload) -> None:
        self.recorded += 1
        super().persist(record)
