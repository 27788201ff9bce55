"""Scripts of Raft with golden output: `tests/scenarios/raft/*.txt`.

A script is blocks of commands, each followed by `----` and by what then happened. `pytest
--rewrite` writes what happens now into the files; review the difference before you keep it.

    cluster 3 [SYSTEM]            start three nodes; SYSTEM is one of `SYSTEMS` below
    elect n1 [n1 n2 ...]          have it win an election among these nodes; show the outcome
    timeout n1 election           fire a timer: silence, election, heartbeat or quorum
    deliver n1->n2 ...            deliver what is on its way on these links, in order; * is any node
    drop n1->n2 ...               lose it
    duplicate n1->n2 ...          deliver it and leave it on its way
    stabilize [n1 n2 ...]         deliver everything among these nodes until nothing moves; messages
                                  between nodes are not shown
    crash n1, restart n1
    request n1 write a 1 [session=1] [sequence=2] [client=c]
    log n1 ...                    show logs
"""

import json
from pathlib import Path

import pytest

from systems_under_test.raft.flawed import RaftStaleReads
from systems_under_test.raft.node import Raft
from tests.systems_under_test.raft_cluster import CLIENT, RaftCluster

FOLDER = Path(__file__).parents[1] / "scenarios" / "raft"


class OneEntryAMessage(Raft):
    """So that a script can stop replication between any two entries."""

    MAX_BATCH = 1
    MAX_IN_FLIGHT = 1


SYSTEMS = {"raft": Raft, "one-entry-a-message": OneEntryAMessage, "stale-reads": RaftStaleReads}


def run(script: str) -> str:
    """Carry out the commands of a script and return it with the output that they have now."""
    cluster = RaftCluster(0)
    written: list[str] = []
    lines = iter(script.splitlines())
    for line in lines:
        if line != "----":
            written.append(line)
            if line and not line.startswith("#"):
                cluster = carry_out(cluster, line.split())
            continue
        written += ["----", *(cluster.trace or ["nothing"]), ""]
        cluster.trace.clear()
        while next(lines, ""):  # What it said before, up to the blank line.
            pass
    return "\n".join(written).rstrip("\n") + "\n"


def carry_out(cluster: RaftCluster, words: list[str]) -> RaftCluster:
    match words:
        case ["cluster", size, *system]:
            return RaftCluster(int(size), SYSTEMS[system[0] if system else "raft"])
        case ["elect", name, *names]:
            before = len(cluster.trace)
            cluster.elect(name, *names)
            del cluster.trace[before:]
            cluster.trace.append(f"{name} leads in term {cluster.live[name].term}")
        case ["timeout", name, timer]:
            cluster.fire(name, timer)
        case ["deliver" | "drop" | "duplicate" as verb, *links]:
            for link in links:
                handle(cluster, verb, *link.split("->"))
        case ["stabilize", *names]:
            before = len(cluster.trace)
            cluster.stabilize(*names)
            cluster.trace[before:] = [line for line in cluster.trace[before:] if is_shown(line)]
        case ["crash", name]:
            cluster.crash(name)
        case ["restart", name]:
            cluster.restart(name)
        case ["request", name, function, *rest]:
            options = dict(word.split("=") for word in rest if "=" in word)
            key, value, *_ = [word for word in rest if "=" not in word] + ["", "null"]
            cluster.request(
                name,
                function,
                key,
                json.loads(value or "null"),
                int(options.get("session", 0)),
                int(options.get("sequence", 1)),
                options.get("client", CLIENT),
            )
        case ["log", *names]:
            for name in names:
                node = cluster.live[name]
                entries = ", ".join(cluster.log_of(name))
                cluster.trace.append(f"{name} holds {entries}; {node.commit_index} committed")
        case _:
            raise ValueError(f"no such command: {' '.join(words)}; see this module's docstring")
    return cluster


def handle(cluster: RaftCluster, verb: str, source: str, target: str) -> None:
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


def is_shown(line: str) -> bool:
    return " sends " not in line


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_scenario(path: Path, request: pytest.FixtureRequest) -> None:
    script = path.read_text()
    output = run(script)
    if request.config.getoption("--rewrite"):
        path.write_text(output)
    assert output == path.read_text(), "if this change is meant: pytest --rewrite, then review"


def test_there_are_scenarios() -> None:
    assert len(list(FOLDER.glob("*.txt"))) >= 8
