"""Links that are late and lossy all over: measured by probes, and what a store makes of them."""

import asyncio
import itertools
import shutil
import statistics
from pathlib import Path

import pytest

from harness.clock import MILLISECOND_NS
from harness.cluster import Capability
from harness.conditions import Conditions
from harness.environments.lab import namespaces_work
from harness.environments.namespaces import NamespaceCluster
from harness.environments.tcp_cluster import in_thread
from tests.harness.deployments import deployment
from tests.harness.partitions import NODES
from tests.harness.probes import Probes
from tests.harness.registers import made
from tests.harness.test_partition_probes import Program
from tests.processes import labrys

pytestmark = [
    pytest.mark.local,
    pytest.mark.deep,
    pytest.mark.skipif(not namespaces_work(), reason="no namespaces can be made here"),
]

ASKED = Conditions(50 * MILLISECOND_NS, 20 * MILLISECOND_NS, reorders=True, loss=0.02)
PROBES = 1_000

FAULT = """
from harness.clock import MILLISECOND_NS
from harness.cluster import Capability
from harness.conditions import Conditions
from harness.nemesis.fault import Fault

class Slow(Fault):
    needs = frozenset({Capability.PACKET})

    async def inject(self, cluster, random):
        asked = Conditions(50 * MILLISECOND_NS, 20 * MILLISECOND_NS, reorders=True, loss=0.02)
        links = [(one, two) for one in cluster.nodes for two in cluster.nodes if one != two]
        await cluster.disturb(dict.fromkeys(links, asked))
        return "every link slow"

    async def heal(self, cluster):
        await cluster.disturb({})
"""


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc here")
def test_all_links_are_within_a_tenth_of_what_was_asked_for(tmp_path: Path) -> None:
    """The nodes are silent, so that which probes are lost depends on the seed alone."""
    program = Program(str(made(tmp_path) / "register"))
    needs = [Capability.PACKET]
    cluster = NamespaceCluster(deployment(program, NODES, tmp_path / "run", needs=needs))

    async def scenario() -> None:
        async with cluster:
            hosts = {node: place.host for node, place in cluster.places.items()}
            probes = Probes(hosts, cluster._lab.as_if_in)
            links = list(itertools.permutations(NODES, 2))
            await cluster.disturb(dict.fromkeys(links, ASKED))
            arrived = await in_thread(probes.send, PROBES, 0.02)
            probes.close()
        delays = [late for seen in arrived.values() for _, late in seen]
        low, *_, high = statistics.quantiles(delays, n=100)
        lost = 1 - len(delays) / (len(links) * PROBES)
        numbers = ([number for number, _ in seen] for seen in arrived.values())
        overtaken = sum(one > two for own in numbers for one, two in itertools.pairwise(own))
        print(f"{statistics.median(delays):.2f} ms, {low:.2f} to {high:.2f}, {lost:.4f} lost")
        assert 45 <= statistics.median(delays) <= 55
        assert 18 <= (high - low) / 2 / 0.98 <= 22
        assert 0.018 <= lost <= 0.022
        assert overtaken > PROBES

    asyncio.run(scenario())


def test_raft_serves_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(FAULT)
    line = "run raft --environment namespaces --faults slow:Slow --time-limit 20 --seed 1"
    done = labrys(line, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
