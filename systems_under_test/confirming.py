"""Reads that a leader answers without the log, as Raft and Multi-Paxos share them.

A leader may have been deposed without knowing it. So it asks the others whether it still leads, in
a round of heartbeats that begins *after* the read has arrived (ReadIndex, Ongaro's dissertation
§6.4). One round serves all reads that had arrived when it began; those that come later wait for the
next. When a leader may ask, and who must have answered, is each protocol's own.
"""

from abc import abstractmethod

from systems_under_test.led import Led
from systems_under_test.node import NodeId
from systems_under_test.requests import Request


class Confirming(Led):
    """The leader's rounds of confirmation, and the reads that wait for them."""

    def set_up(self) -> None:
        super().set_up()
        self.reads_waiting: list[tuple[NodeId, Request]] = []
        self.reads_asked: list[tuple[NodeId, Request]] = []
        """Those that the round under way is for."""

        self.read_round = 0

    @abstractmethod
    def may_read(self) -> bool:
        """Whether the leader knows all that was committed or chosen before it led."""

    @abstractmethod
    def ask_for_confirmation(self) -> None:
        """Ask the others for an answer to the present round."""

    @abstractmethod
    def is_confirmed(self) -> bool:
        """Whether a quorum, with ourselves, has answered the present round."""

    @abstractmethod
    def answer_read(self, client: NodeId, request: Request) -> None:
        """Answer from what is applied."""

    def on_read(self, client: NodeId, request: Request) -> None:
        self.reads_waiting.append((client, request))
        self.begin_read_round()

    def begin_read_round(self) -> None:
        """Ask for confirmation on behalf of all reads that wait, one round at a time."""
        if not self.reads_waiting or self.reads_asked or not self.may_read():
            return
        self.reads_asked, self.reads_waiting = self.reads_waiting, []
        self.read_round += 1
        self.ask_for_confirmation()
        self.answer_confirmed_reads()

    def answer_confirmed_reads(self) -> None:
        """Answer the reads of the round under way once it is confirmed, and begin the next."""
        while self.reads_asked and self.is_confirmed():
            asked, self.reads_asked = self.reads_asked, []
            for client, request in asked:
                self.answer_read(client, request)
            self.begin_read_round()
