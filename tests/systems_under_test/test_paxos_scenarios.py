"""Scripts of Paxos with golden output: `tests/scenarios/paxos/*.txt`.

A script is blocks of commands, each followed by `----` and by what then happened. `pytest
--rewrite` writes what happens now into the files; review the difference before you keep it.

    cluster 3 [SYSTEM]            start three nodes; SYSTEM is one of `SYSTEMS` below
    elect n1 [n1 n2 ...]          have it lead with these nodes alone; show the outcome
    forget n1 ...                 let these nodes hear no leader, until they know none
    timeout n1 election           fire a timer: silence, election, heartbeat or quorum
    deliver n1->n2 ...            deliver what is on its way on these links, in order; * is any node
    drop n1->n2 ...               lose it
    duplicate n1->n2 ...          deliver it and leave it on its way
    stabilize [n1 n2 ...]         deliver everything among these nodes until nothing moves; messages
                                  between nodes are not shown
    crash n1, restart n1
    request n1 write a 1 [session=1] [sequence=2] [client=c]
    log n1 ...                    show what is chosen and accepted there

In a flawed system the invariants are not watched, so that a script goes on to what clients see.
"""

import json
from pathlib import Path

import pytest

from systems_under_test.paxos import flawed
from systems_under_test.paxos.node import Paxos
from tests.systems_under_test.paxos_cluster import CLIENT, PaxosCluster

FOLDER = Path(__file__).parents[1] / "scenarios" / "paxos"


class OneValueAMessage(Paxos):
    """So that a script can stop between any two slots."""

    MAX_BATCH = 1


SYSTEMS: dict[str, type[Paxos]] = {
    "paxos": Paxos,
    "one-value-a-message": OneValueAMessage,
    "forgotten-promise": flawed.PaxosForgottenPromise,
    "accepts-lower-ballots": flawed.PaxosAcceptsLowerBallots,
    "ignores-accepted": flawed.PaxosIgnoresAccepted,
    "half-quorum": flawed.PaxosHalfQuorum,
    "learns-from-one": flawed.PaxosLearnsFromOne,
    "shared-ballots": flawed.PaxosSharedBallots,
    "stale-reads": flawed.PaxosStaleReads,
}


def run(script: str) -> str:
    """Carry out the commands of a script and return it with the output that they have now."""
    cluster = PaxosCluster(0)
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


def carry_out(cluster: PaxosCluster, words: list[str]) -> PaxosCluster:
    match words:
        case ["cluster", size, *system]:
            chosen = SYSTEMS[system[0] if system else "paxos"]
            return PaxosCluster(int(size), chosen, watched=chosen.__module__ != flawed.__name__)
        case ["elect", name, *names]:
            before = len(cluster.trace)
            cluster.elect(name, *names)
            del cluster.trace[before:]
            cluster.trace.append(f"{name} leads in ballot {cluster.live[name].ballot}")
        case ["forget", *names]:
            before = len(cluster.trace)
            cluster.forget_leader(*names)
            cluster.trace[before:] = [line for line in cluster.trace[before:] if is_shown(line)]
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
            request(cluster, name, function, rest)
        case ["log", *names]:
            for name in names:
                chosen = ", ".join(cluster.chosen_by(name)) or "nothing"
                accepted = ", ".join(cluster.accepted_by(name)) or "nothing"
                promised = cluster.live[name].promised
                cluster.trace.append(
                    f"{name} has promised {promised}, knows {chosen} to be chosen, "
                    f"and has accepted {accepted} beyond"
                )
        case _:
            raise ValueError(f"no such command: {' '.join(words)}; see this module's docstring")
    return cluster


def request(cluster: PaxosCluster, name: str, function: str, rest: list[str]) -> None:
    options = dict(word.split("=") for word in rest if "=" in word)
    key, value, *_ = [word for word in rest if "=" not in word] + ["", "null"]
    if function in ("add", "remove"):
        key, value = "", json.dumps(key)
    cluster.request(
        name,
        function,
        key,
        json.loads(value or "null"),
        int(options.get("session", 0)),
        int(options.get("sequence", 1)),
        options.get("client", CLIENT),
    )


def handle(cluster: PaxosCluster, verb: str, source: str, target: str) -> None:
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


def test_every_flaw_has_its_demonstration() -> None:
    shown = {
        path.stem.removeprefix("flawed_").replace("_", "-") for path in FOLDER.glob("flawed_*")
    }
    assert shown == SYSTEMS.keys() - {"paxos", "one-value-a-message"}
