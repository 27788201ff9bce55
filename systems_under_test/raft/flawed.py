"""Raft, broken on purpose: each class breaks one sentence of the paper, and tests must notice.

A flaw is one or two overridden methods; the protocol itself has no switches. Each docstring names
the sentence and the anomaly that follows.
"""

from systems_under_test.node import NodeId
from systems_under_test.raft.node import Raft
from systems_under_test.requests import Request


class RaftStaleReads(Raft):
    """A leader that believes it leads answers reads at once, and goes on believing.

    Breaks "a leader must check whether it has been deposed before processing a read-only request"
    (§8). Anomaly: stale reads. A leader that is cut off from the majority serves its clients old
    values, while the others have elected a new one and acknowledge newer writes.
    """

    def on_read(self, client: NodeId, request: Request) -> None:
        self.answer_read(client, request)

    def has_heard_majority(self) -> bool:
        return True
