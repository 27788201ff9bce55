"""Partitions drawn at random, and those that do not hold still."""

import itertools
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from harness.nemesis.catalogue import FAULTS
from harness.nemesis.partition import between, isolated, scattered
from harness.nemesis.unsteady import LONGEST_NS
from tests.harness.fakes import FakeCluster

SIZES = st.integers(3, 9)


@given(st.integers(2, 25), st.integers())
def test_a_random_partition_is_any_directed_graph(count: int, seed: int) -> None:
    nodes = [f"n{number}" for number in range(1, count + 1)]
    links, what = scattered(nodes, Random(seed))
    assert links
    assert len(set(links)) == len(links)
    assert set(links) <= set(between(nodes, nodes))
    assert all(one != other for one, other in links)
    assert ("more" in what) == (len(links) > 20)


def test_random_partitions_cut_one_way_and_both_ways() -> None:
    nodes = ["n1", "n2", "n3"]
    found = {frozenset(scattered(nodes, Random(seed))[0]) for seed in range(300)}
    assert {("n1", "n2")} in found
    assert {("n1", "n2"), ("n2", "n1")} in found
    assert len(found) > 40


@given(SIZES, st.integers())
def test_a_flapping_node_comes_and_goes_and_is_cut_off_in_the_end(count: int, seed: int) -> None:
    cluster = FakeCluster(count)
    told = cluster.clock.run(FAULTS["partition-flapping"].inject(cluster, Random(seed)))
    steps = [what for _, what, _ in cluster.done]
    times = (len(steps) - 1) // 2
    assert steps == ["cut", "mend"] * times + ["cut"]
    assert 3 <= times <= 8
    (node,) = {node for node in cluster.nodes if told.startswith(f"{node} ")}
    for _, what, links in cluster.done:
        assert what == "mend" or set(links) == set(isolated(node, cluster.nodes)[0])
    assert cluster.clock.now_ns() <= LONGEST_NS


@given(SIZES, st.integers())
def test_a_swizzle_lets_all_but_one_back_in(count: int, seed: int) -> None:
    cluster = FakeCluster(count)
    told = cluster.clock.run(FAULTS["partition-swizzle"].inject(cluster, Random(seed)))
    cuts = [set(links) for _, what, links in cluster.done if what == "cut"]
    mends = [set(links) for _, what, links in cluster.done if what == "mend"]
    assert [what for _, what, _ in cluster.done] == ["cut"] * len(cuts) + ["mend"] * len(mends)
    assert len(mends) == len(cuts) - 1
    last = told.rpartition(" ")[2]
    assert mends[-1] == set(isolated(last, cluster.nodes)[0])
    for earlier, later in itertools.pairwise(mends):
        assert later < earlier, "one after the other"
    assert cluster.clock.now_ns() <= LONGEST_NS
