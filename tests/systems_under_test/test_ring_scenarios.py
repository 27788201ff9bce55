"""Scripts of the ring with golden output: `tests/scenarios/ring/*.txt`, as `scripts.py` has them.

    cluster 3 [SYSTEM] [spares=1]  start three nodes; SYSTEM is one of `SYSTEMS` below
    request n1 write k 1 [client=c]
    quietly COMMAND                carry it out and show answers to clients alone
    beat n1 ..., tick n1, pause n1 fire a timer; beats of several nodes are fired one by one
    clock n1 5                     set a node's clock, in seconds
    restart n1
    copies k [n1 ...]              what these nodes hold of a key
    owners k                       the key's replica set, as n1 sees it
    verdict                        what the checker says of all that the clients saw so far

In a flawed system the invariants are not watched, so that a script goes on to what clients see.
"""

import json
from functools import partial
from typing import Any

import pytest

from systems_under_test.ring import flawed
from systems_under_test.ring.node import Ring, RingOne, RingQuorum
from tests.systems_under_test.ring_cluster import AnyCoordinator, RingCluster, show
from tests.systems_under_test.scripts import FOLDER, common, run, scripts

SYSTEMS: dict[str, type[Ring]] = {
    "ring": Ring,
    "any-coordinator": AnyCoordinator,
    "ring-quorum": RingQuorum,
    "ring-one": RingOne,
    "ring-small-quorums": flawed.RingSmallQuorums,
    "ring-no-write-back": flawed.RingNoWriteBack,
    "ring-skewed-clock": flawed.RingSkewedClock,
    "ring-sloppy-quorum": flawed.RingSloppyQuorum,
    "ring-lost-hint": flawed.RingLostHint,
    "ring-serves-early": flawed.RingServesEarly,
    "ring-old-epoch": flawed.RingOldEpoch,
    "ring-trusts-hearsay": flawed.RingTrustsHearsay,
}


def carry_out(cluster: Any, words: list[str], *, watched: bool = False) -> RingCluster:
    """`watched`: whether the invariants are watched in a flawed system, too."""
    match words:
        case ["cluster", size, *rest]:
            spares = sum(int(word.removeprefix("spares=")) for word in rest if "=" in word)
            chosen = SYSTEMS[next((word for word in rest if "=" not in word), "ring")]
            is_watched = watched or chosen.__module__ != flawed.__name__
            return RingCluster(int(size), chosen, spares=spares, watched=is_watched)
        case ["quietly", *command]:
            before = len(cluster.trace)
            cluster = carry_out(cluster, command)
            cluster.trace[before:] = [
                line for line in cluster.trace[before:] if " answers " in line
            ]
        case ["request", name, function, *rest]:
            client = "".join(word.removeprefix("client=") for word in rest if "=" in word)
            key, value, *_ = [*(word for word in rest if "=" not in word), "", "null"]
            cluster.ask(name, function, key, json.loads(value or "null"), client)
        case ["beat" | "tick" | "pause" as timer, *names]:
            for name in names:
                cluster.fire(name, timer)
        case ["clock", name, seconds]:
            cluster.clocks[name] = int(float(seconds) * 1e9)
        case ["restart", name]:
            cluster.start(name)
        case ["copies", key, *names]:
            for name in names or sorted(cluster.live):
                cluster.trace.append(
                    f"{name} holds {show(cluster.live[name].registers.copy_of(key))}"
                )
        case ["owners", key]:
            node = cluster.live["n1"]
            owners = ", ".join(node.epochs.replicas_of(key))
            cluster.trace.append(f"{key} is owned by {owners} in epoch {node.epochs.number}")
        case ["verdict"]:
            cluster.trace.append(f"what the clients saw is {cluster.verdict().name}")
        case _:
            common(cluster, words)
    return cluster


test_scenario = scripts("ring", carry_out)


def test_every_flaw_is_convicted_by_its_scenario() -> None:
    for name in SYSTEMS:
        if name.startswith("ring-"):
            text = (
                FOLDER / "ring" / f"flawed_{name.removeprefix('ring-').replace('-', '_')}.txt"
            ).read_text()
            assert f" {name}" in text, name
            assert text.rstrip().endswith("what the clients saw is INVALID"), name


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("flawed_old_epoch", "had left epoch 1 when"),
        ("flawed_serves_early", "still awaits the shard"),
        ("flawed_trusts_hearsay", "which it only heard of"),
    ],
)
def test_the_invariants_see_what_few_clients_would(script: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        run((FOLDER / "ring" / f"{script}.txt").read_text(), partial(carry_out, watched=True))
