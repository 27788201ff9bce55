"""Scripts of the ring with golden output: `tests/scenarios/ring/*.txt`.

A script is blocks of commands, each followed by `----` and by what then happened. `pytest
--rewrite` writes what happens now into the files; review the difference before you keep it.

    cluster 3 [SYSTEM] [spares=1]  start three nodes; SYSTEM is one of `SYSTEMS` below
    request n1 write k 1 [client=c]
    deliver n1->n2 ...             deliver what is on its way on these links, in order; * is any
    drop n1->n2 ...                lose it
    duplicate n1->n2 ...           deliver it and leave it on its way
    stabilize [n1 n2 ...]          deliver everything among these nodes until nothing moves
    quietly COMMAND                carry it out and show answers to clients alone
    beat n1 ..., tick n1, pause n1 fire a timer; beats of several nodes are fired one by one
    clock n1 5                     set a node's clock, in seconds
    crash n1, restart n1
    copies k [n1 ...]              what these nodes hold of a key
    owners k                       the key's replica set, as n1 sees it
    verdict                        what the checker says of all that the clients saw so far

In a flawed system the invariants are not watched, so that a script goes on to what clients see.
"""

import json
from pathlib import Path

import pytest

from systems_under_test.ring import flawed
from systems_under_test.ring.node import Ring, RingOne, RingQuorum
from tests.systems_under_test.ring_cluster import AnyCoordinator, RingCluster, show

FOLDER = Path(__file__).parents[1] / "scenarios" / "ring"

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


def run(script: str, *, watched: bool = False) -> str:
    """Carry out the commands of a script and return it with the output that they have now.

    `watched`: whether the invariants are watched in a flawed system, too.
    """
    cluster = RingCluster(0)
    written: list[str] = []
    lines = iter(script.splitlines())
    for line in lines:
        if line != "----":
            written.append(line)
            if line and not line.startswith("#"):
                cluster = carry_out(cluster, line.split(), watched=watched)
            continue
        written += ["----", *(cluster.trace or ["nothing"]), ""]
        cluster.trace.clear()
        while next(lines, ""):  # What it said before, up to the blank line.
            pass
    return "\n".join(written).rstrip("\n") + "\n"


def carry_out(cluster: RingCluster, words: list[str], *, watched: bool = False) -> RingCluster:
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
        case ["deliver" | "drop" | "duplicate" as verb, *links]:
            for link in links:
                handle(cluster, verb, *link.split("->"))
        case ["stabilize", *names]:
            cluster.stabilize(*names)
        case ["beat" | "tick" | "pause" as timer, *names]:
            for name in names:
                cluster.fire(name, timer)
        case ["clock", name, seconds]:
            cluster.clocks[name] = int(float(seconds) * 1e9)
        case ["crash", name]:
            cluster.crash(name)
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
            raise ValueError(f"no such command: {' '.join(words)}; see this module's docstring")
    return cluster


def handle(cluster: RingCluster, verb: str, source: str, target: str) -> None:
    links = {
        (message.source, message.target): None
        for message in cluster.in_flight
        if source in ("*", message.source) and target in ("*", message.target)
    }
    for link in links:
        messages = cluster.take(*link)
        if verb != "drop":
            for message in messages:
                cluster.hand_over(message)
        if verb == "duplicate":
            cluster.in_flight += messages


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_scenario(path: Path, request: pytest.FixtureRequest) -> None:
    script = path.read_text()
    output = run(script)
    if request.config.getoption("--rewrite"):
        path.write_text(output)
    assert output == path.read_text(), "if this change is meant: pytest --rewrite, then review"


def test_there_are_scenarios() -> None:
    assert len(list(FOLDER.glob("*.txt"))) >= 15


def test_every_flaw_is_convicted_by_its_scenario() -> None:
    for name in SYSTEMS:
        if name.startswith("ring-"):
            told = (
                FOLDER / f"flawed_{name.removeprefix('ring-').replace('-', '_')}.txt"
            ).read_text()
            assert f" {name}" in told, name
            assert told.rstrip().endswith("what the clients saw is INVALID"), name


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
        run((FOLDER / f"{script}.txt").read_text(), watched=True)
