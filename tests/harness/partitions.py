"""What a partition of five nodes is to be, found out by probes on all twenty links."""

import asyncio
import threading
from collections.abc import Callable
from itertools import pairwise

from harness.cluster import Link
from harness.environments.tcp_cluster import TcpCluster, in_thread
from harness.nemesis.partition import between
from tests.harness.probes import Inside, Probes, Talk

NODES = ("n1", "n2", "n3", "n4", "n5")
CUT = between(("n1", "n2"), ("n3", "n4", "n5"))
SPREAD_MS_MAX = 20
TIMES = 3


async def expect_a_clean_partition(
    cluster: TcpCluster, inside: Inside, reaches: Callable[[str], bool]
) -> None:
    """Cut 2|3 and mend it, some times: all links change at one moment, to the resolution of the
    probes, of which a busy machine takes its part; so the best time counts. `reaches` says whether
    a client reaches a node."""
    probes = Probes({node: place.host for node, place in cluster.places.items()}, inside)
    across, along = Talk(probes, inside, "n1", "n3"), Talk(probes, inside, "n5", "n4")
    spreads = []
    for _ in range(TIMES):
        stop = threading.Event()
        probing = asyncio.create_task(in_thread(probes.moments, stop))
        await asyncio.sleep(0.2)
        await cluster.cut(CUT)
        await asyncio.sleep(0.2)
        assert not across.passes()
        assert along.passes()
        assert all(map(reaches, NODES))
        await cluster.mend()
        await asyncio.sleep(0.2)
        stop.set()
        spreads.append(_spreads(await probing))
        assert across.passes(10)
    for each in (probes, across, along):
        each.close()
    print("spread in ms of cuts and mendings:", spreads)
    assert min(cut for cut, _ in spreads) <= SPREAD_MS_MAX
    assert min(mended for _, mended in spreads) <= SPREAD_MS_MAX


def _spreads(moments: dict[Link, list[int]]) -> tuple[float, float]:
    """Between the first link and the last one, in ms: the last probe that arrived before the cut,
    and the first one after it."""
    before, after = [], []
    for link in CUT:
        seen = moments[link]
        gap_ns, at = max((later - one, at) for at, (one, later) in enumerate(pairwise(seen)))
        assert gap_ns > 100_000_000, f"{link} was not cut"
        before.append(seen[at])
        after.append(seen[at + 1])
    whole = [link for link in moments if link not in CUT]
    assert all(len(moments[link]) == len(moments[whole[0]]) for link in whole)
    return (max(before) - min(before)) / 1e6, (max(after) - min(after)) / 1e6
