"""A replica: one register a key, and the three questions that a coordinator may ask of it.

**One order of values for reads, writes and changes.** A value's version is a pair (tag, ballot).
A blind write draws a tag above every tag that a majority holds, as in the multi-writer ABD protocol
(Lynch and Shvartsman, "Robust emulation of shared memory using dynamic quorum-acknowledged
broadcasts", 1997; Attiya, Bar-Noy and Dolev, 1995). A change, which is a read-modify-write, keeps
the tag of the value that it changes and adds its ballot, as in CASPaxos (Rystsov, 2018). So the
changes of one write's value form a chain that no other write can get into: a write that is made
meanwhile has a higher tag, and stands after the whole chain. This is the idea of the carstamps of
Gryff (Burke, Cheng and Lloyd, "Gryff: Unifying Consensus and Shared Registers", 2020). Writes never
wait for changes, and never fail because of them; changes compete only with changes.

**Why it is safe.** Let a value be *chosen* once a majority has answered its `Put` with `Taken`.

1. *A majority that is asked after a value was chosen reports a version at least as high*: it has a
   replica in common with those that took the value, and versions held only grow.
2. *Writes.* So the tag of a write is higher than that of all that was chosen before it began.
3. *Changes of one chain.* Let b' < b be ballots of changes that both start from tag T, the first of
   which is chosen, and let the second have reached its phase 2. The majority that promised b has a
   replica R in common with the majority that took b'. R took b' before it promised b, or else it
   would have refused. It then either stored it, and reported (T, b') or higher to b; or it held a
   higher tag already, which it would have reported to b, so that b would not start from T. So b
   builds on (T, b') or on a higher ballot of the chain, which by induction builds on b'. That a
   replica answers `Taken` for what a higher tag has overtaken, and stores nothing, is therefore
   harmless.
4. *Reads* answer with a value that is chosen, or that they have made so.

So the chosen versions and their ancestors, in the order of versions, are an order that explains
every answer and agrees with real time. A value that was stored at a minority takes effect when
somebody reads it, makes it chosen or changes it, and otherwise never did; its coordinator has not
told a client that it succeeded.
"""

from systems_under_test.node import NodeId
from systems_under_test.ring.epochs import Epochs
from systems_under_test.ring.gossip import Gossip
from systems_under_test.ring.messages import (
    ZERO,
    Answer,
    Ask,
    Conflict,
    Holds,
    Prepare,
    Put,
    Query,
    Taken,
)
from systems_under_test.ring.registers import Registers


class Replica:
    """Answers coordinators, those of its own node included.

    What an answer depends on is persisted before the answer is returned.
    """

    def __init__(self, registers: Registers, epochs: Epochs, gossip: Gossip) -> None:
        self.registers = registers
        self.epochs = epochs
        self.gossip = gossip

    def on_ask(self, coordinator: NodeId, ask: Ask) -> Answer | None:
        """Answer what belongs to this epoch, about keys that this node owns and has.

        A coordinator that is behind learns of the new epoch instead, and asks its owners.
        """
        if self.gossip.is_of_this_epoch(coordinator, ask.epoch) and self.epochs.serves(ask.key):
            return self.answer_to(ask)
        return None

    def answer_to(self, ask: Ask) -> Answer:
        match ask:
            case Query():
                return self.holds(ask)
            case Prepare():
                return self.on_prepare(ask)
            case Put():
                return self.on_put(ask)
        raise AssertionError(f"no replica is ever asked {ask}")

    def on_prepare(self, ask: Prepare) -> Answer:
        """Promise, unless that ballot or a higher one was promised before.

        A coordinator that asks twice in one round is answered twice: the ballot is its own alone.
        """
        promised = self.registers.promised_for(ask.key)
        if ask.ballot < promised:
            return Conflict(ask.round, promised)
        if ask.ballot > promised:
            self.registers.promise(ask.key, ask.ballot)
        return self.holds(ask)

    def holds(self, ask: Ask) -> Holds:
        copy = self.registers.copy_of(ask.key)
        return Holds(ask.round, copy, ask.key in self.registers.hearsay)

    def on_put(self, ask: Put) -> Answer:
        """Take a copy, unless it is that of a change and a higher ballot was promised.

        A write's own value (ballot `ZERO`) is never refused: it competes with no change.
        """
        copy = ask.copy
        promised = self.registers.promised_for(ask.key)
        if copy.ballot != ZERO and copy.ballot < promised:
            return Conflict(ask.round, promised)
        held = self.registers.copy_of(ask.key)
        if copy.version > held.version or (copy == held and ask.key in self.registers.hearsay):
            self.registers.hold(ask.key, copy)
        return Taken(ask.round)
