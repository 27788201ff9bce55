"""Consistent hashing, one test a sentence: Karger et al. (1997), and the Dynamo paper (2007)."""

import statistics
from collections import Counter

import pytest

from systems_under_test.ring import hashing

POINT_OF_K = 12417210735682507875

KEYS = [f"key:{number}" for number in range(4_000)]


def owners(members: hashing.Members, vnodes: int = 128) -> dict[str, str]:
    ring = hashing.HashRing(members, vnodes)
    return {key: ring.replica_set(hashing.point(key), 1)[0] for key in KEYS}


def nodes(count: int) -> hashing.Members:
    return hashing.equal_members(f"n{number}" for number in range(1, count + 1))


def test_a_point_is_the_same_in_every_process() -> None:
    assert hashing.point("k") == POINT_OF_K
    assert hashing.shard_of("k") == hashing.point("k") * hashing.SHARDS >> 64


def test_monotonicity_a_key_moves_only_to_the_new_node() -> None:
    """Karger: if buckets are added, an item may move from an old bucket to a new one, but not from
    one old bucket to another."""
    before, after = owners(nodes(5)), owners(nodes(6))
    moved = [key for key in KEYS if before[key] != after[key]]
    assert moved
    assert {after[key] for key in moved} == {"n6"}


def test_smoothness_a_joining_node_takes_about_its_share() -> None:
    """Karger: what must be moved is in expectation the least that keeps the load balanced."""
    before, after = owners(nodes(5)), owners(nodes(6))
    moved = sum(before[key] != after[key] for key in KEYS)
    assert 0.7 < moved / (len(KEYS) / 6) < 1.3


def test_a_node_that_leaves_hands_over_what_it_had_and_nothing_else_moves() -> None:
    """Dynamo, §4.2: "departure or arrival of a node only affects its immediate neighbors"."""
    before, after = owners(nodes(5)), owners(nodes(4))
    assert all(after[key] == node for key, node in before.items() if node != "n5")


@pytest.mark.parametrize(("few", "many"), [(1, 16), (16, 256)])
def test_more_virtual_nodes_balance_better(few: int, many: int) -> None:
    """Dynamo, §4.2: with several points a node, load is "evenly dispersed"."""

    def spread(vnodes: int) -> float:
        counts = list(Counter(owners(nodes(8), vnodes).values()).values())
        return statistics.pstdev(counts) / statistics.mean(counts)

    assert spread(many) < spread(few)


def test_tokens_are_weighted_by_capacity() -> None:
    """Dynamo, §4.2: "the number of virtual nodes that a node is responsible can decided based on
    its capacity"."""
    counts = Counter(owners((("big", 2.0), ("n1", 1.0), ("n2", 1.0))).values())
    assert 0.4 < counts["big"] / len(KEYS) < 0.6


def test_a_replica_set_is_of_distinct_nodes_in_ring_order() -> None:
    """Dynamo, §4.3: the preference list "contains only distinct physical nodes", found "by
    skipping positions in the ring"; §4.3: the first is the key's coordinator."""
    ring = hashing.HashRing(nodes(5))
    for key in KEYS[:200]:
        three = ring.replica_set(hashing.point(key), 3)
        assert len(set(three)) == 3
        assert ring.replica_set(hashing.point(key), 1) == three[:1]


def test_where_there_are_fewer_nodes_than_replicas_all_hold_everything() -> None:
    assert hashing.HashRing(nodes(2)).replica_set(0, 3) in (("n1", "n2"), ("n2", "n1"))


def test_a_change_of_one_node_changes_a_replica_set_by_one_node_at_most() -> None:
    """What the safety of transfers rests on (`transfer.py`)."""
    for count in range(1, 7):
        for before, after in zip(
            hashing.placement(nodes(count), 3), hashing.placement(nodes(count + 1), 3), strict=True
        ):
            assert len(set(before) - set(after)) <= 1
            assert len(set(after) - set(before)) <= 1


def test_nodes_share_the_shards_that_both_own() -> None:
    members = nodes(5)
    shared = hashing.shared_shards(members, 3, "n1", "n2")
    assert shared == {
        number
        for number, owners in enumerate(hashing.placement(members, 3))
        if {"n1", "n2"} <= set(owners)
    }
    assert shared == hashing.shared_shards(members, 3, "n2", "n1")


@pytest.mark.parametrize("count", [3, 5, 8])
def test_a_joining_node_fetches_no_more_than_1_3_times_its_share_of_shards(count: int) -> None:
    before, after = hashing.placement(nodes(count), 3), hashing.placement(nodes(count + 1), 3)
    moved = sum(len(set(new) - set(old)) for old, new in zip(before, after, strict=True))
    ideal = 3 * hashing.SHARDS / (count + 1)
    assert moved <= 1.3 * ideal
