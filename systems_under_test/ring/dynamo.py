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

from systems_under_test.kv import equal
from systems_under_test.node import Json
from systems_under_test.quorum import majority
from systems_under_test.ring.linearizable import Linearizable, newest_of
from systems_under_test.ring.messages import ZERO, Copy, Put, Query
from systems_under_test.ring.rounds import Gathering, Operation, Round, Steps


class Level(Enum):
    """How many replicas must answer, and what their answers are made of."""

    ONE = "one"
    QUORUM = "quorum"
    LINEARIZABLE = "linearizable"


class Dynamo(Linearizable):
    """Operations of the levels `one` and `quorum`."""

    def needed(self, level: Level) -> int:
        """R and W of the paper."""
        return 1 if level is Level.ONE else majority(self.REPLICAS)

    def weak_read(self, key: str, level: Level) -> Steps:
        answers = yield Round(Query(0, 0, key), needed=self.needed(level), repair=True)
        return newest_of(answers).value

    def weak_write(self, operation: Operation, key: str, value: Json, level: Level) -> Steps:
        # Two writes of this life never have the same time, or two values would have one version.
        self.drawn = max(self.drawn + 1, self.now_ns)
        operation.uncertain = True
        copy = Copy((self.drawn, self.name), ZERO, value)
        yield Round(Put(0, 0, key, copy), needed=self.needed(level))
        return value

    def weak_cas(
        self, operation: Operation, key: str, expected: Json, new: Json, level: Level
    ) -> Steps:
        found = yield from self.weak_read(key, level)
        if equal(found, expected):
            yield from self.weak_write(operation, key, new, level)
        return found

    def on_all_heard(self, gathering: Gathering) -> None:
        """Read repair: bring the newest copy to those who answered with an older one."""
        if not gathering.step.repair:
            return
        newest = newest_of(gathering.answers)
        for node, answer in gathering.answers.items():
            if answer.copy.version < newest.version:
                put = Put(self.count(), self.epoch, gathering.ask.key, newest)
                if node == self.node_id:
                    self.on_ask(node, put)
                else:
                    self.send(node, put)
