"""The weaker consistencies, `quorum` and `one`: reads and writes as in the Dynamo paper.

A write carries the coordinator's time of day, and the last one wins; it is acknowledged by W of a
key's N replicas, and a read asks R of them (§4.5). With `quorum` both are a majority, so that
R + W > N and a read meets the last acknowledged write if the clocks agree and nothing goes on at
the same time. With `one` they are 1, and reads and writes go on as long as one replica is up.
Replicas that a read finds behind are repaired after the answer (read repair, §5).

What fails: a write with a clock behind loses against one that came before it; a read may return a
value that a later read does not, since nothing is written back before the answer; and a
compare-and-set is a read and then a write, so two of them may both succeed.

What still holds: with `quorum`, an acknowledged write whose time is the highest is not lost while a
majority of the key's replicas keeps its disks; and with both, replicas converge.
"""

from enum import Enum

from systems_under_test.node import Json
from systems_under_test.objects import UNCHANGED, perform
from systems_under_test.quorum import majority
from systems_under_test.requests import Request
from systems_under_test.ring.base import RingNode
from systems_under_test.ring.messages import ZERO, Copy, Put, Query
from systems_under_test.ring.stamps import Stamps
from systems_under_test.ring.steps import Pending, Round, Steps, newest_of


class Level(Enum):
    """How many replicas must answer, and what their answers are made of."""

    ONE = "one"
    QUORUM = "quorum"
    LINEARIZABLE = "linearizable"


class Dynamo:
    """Operations of the levels `one` and `quorum`."""

    def __init__(self, node: RingNode, stamps: Stamps) -> None:
        self.node = node
        self.stamps = stamps

    def steps(self, operation: Pending, request: Request, level: Level) -> Steps:
        """What is done to carry out a request."""
        key, argument = request.key, request.argument
        if request.function == "read":
            return self.read(key, level)
        if request.function == "write":
            return self.write(operation, key, argument, level)
        return self.change(operation, request, level)

    def needed(self, level: Level) -> int:
        """R and W of the paper."""
        return 1 if level is Level.ONE else majority(self.node.REPLICAS)

    def read(self, key: str, level: Level) -> Steps:
        answers = yield Round(Query(0, 0, key), needed=self.needed(level), repair=True)
        return newest_of(answers).value

    def write(self, operation: Pending, key: str, value: Json, level: Level) -> Steps:
        # Two writes of this life never have the same time, or two values would have one version.
        copy = Copy(self.stamps.draw_time(), ZERO, value)
        operation.uncertain = True
        yield Round(Put(0, 0, key, copy), needed=self.needed(level))
        return value

    def change(self, operation: Pending, request: Request, level: Level) -> Steps:
        found = yield from self.read(request.key, level)
        value, result = perform(request.function, request.argument, found)
        if value is not UNCHANGED:
            yield from self.write(operation, request.key, value, level)
        return result
