"""A fault made for one moment: a change that overtakes another one, of which a reader was told.

It goes for a store on a ring, where a change is first promised to its coordinator and then taken.
Two coordinators that take each other for dead compete for the same keys. One dies when it alone has
taken its change, the other stops when its own is promised, and a third node leaves. A new owner of
the keys learns of the first change from the node that had died. Who counts that as a vote tells
readers of the change. Then the second coordinator goes on, and knows nothing of the first change.
"""

from random import Random
from typing import ClassVar

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability, Cluster
from harness.nemesis.fault import Fault
from harness.nemesis.membership import Change, MemberChange, Operator
from harness.nemesis.partition import between


class Overtaken(Fault):
    """Two nodes that are apart killed and paused at once, and a third one removed."""

    needs: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.CUT, Capability.KILL, Capability.PAUSE, Capability.MEMBERS}
    )
    least_nodes: ClassVar[int] = 4

    async def inject(self, cluster: Cluster, random: Random) -> str:
        leaving, dying, stopping, *_ = cluster.members
        await cluster.cut(between([dying], [stopping]))
        await sleep(cluster, 1_200)  # Until they take each other for dead.
        await cluster.pause([stopping])
        await cluster.kill([dying])
        await sleep(cluster, 200)
        await cluster.start([dying])
        operator = Operator(cluster, [leaving])
        try:
            left = await operator.change("remove-member", leaving)
        finally:
            await operator.close()
        await sleep(cluster, 600)  # For the transfer, and for readers.
        return f"{dying} and {stopping} apart, then killed and paused; {left.sentence}"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.start(cluster.nodes)
        await cluster.resume(cluster.nodes)
        await cluster.mend()
        await MemberChange(Change.REMOVE).heal(cluster)


async def sleep(cluster: Cluster, milliseconds: int) -> None:
    await cluster.clock.sleep_until_ns(cluster.clock.now_ns() + milliseconds * MILLISECOND_NS)
