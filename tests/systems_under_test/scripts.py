"""Scripts of protocols with golden output: `tests/scenarios/*/*.txt`.

A script is blocks of commands, each followed by `----` and by what then happened. `pytest
--rewrite` writes what happens now into the files; review the difference before you keep it. These
commands are the same for every protocol; the others stand in the protocol's own test file:

    deliver n1->n2 ...             deliver what is on its way on these links, in order; * is any
    drop n1->n2 ...                lose it
    duplicate n1->n2 ...           deliver it and leave it on its way
    stabilize [n1 n2 ...]          deliver everything among these nodes until nothing moves
    crash n1
    restart n1
    timeout n1 election            fire a timer
    request n1 write k 1 [session=1] [sequence=2] [client=c]
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.systems_under_test.held_cluster import CLIENT, HeldCluster

FOLDER = Path(__file__).parents[1] / "scenarios"

AnyCluster: TypeAlias = HeldCluster[Any]
Command: TypeAlias = Callable[[AnyCluster | None, list[str]], AnyCluster]
"""Carries out one command, and returns the cluster: another one where the command makes one."""


def run(script: str, carry_out: Command) -> str:
    """Carry out the commands of a script and return it with the output that they have now."""
    cluster: AnyCluster | None = None
    written: list[str] = []
    lines = iter(script.splitlines())
    for line in lines:
        if line != "----":
            written.append(line)
            if line and not line.startswith("#"):
                cluster = carry_out(cluster, line.split())
            continue
        assert cluster is not None, "a script begins with `cluster`"
        written += ["----", *(cluster.trace or ["nothing"]), ""]
        cluster.trace.clear()
        while next(lines, ""):  # What it said before, up to the blank line.
            pass
    return "\n".join(written).rstrip("\n") + "\n"


def compare(path: Path, carry_out: Command, request: pytest.FixtureRequest) -> None:
    """Fail where a script's output is not what it was; rewrite it where that is asked for."""
    output = run(path.read_text(), carry_out)
    if request.config.getoption("--rewrite"):
        path.write_text(output)
    assert output == path.read_text(), "if this change is meant: pytest --rewrite, then review"


def scripts(protocol: str, carry_out: Command) -> Callable[..., None]:
    """A test for each of the protocol's scripts."""
    paths = sorted((FOLDER / protocol).glob("*.txt"))
    assert paths, f"no scripts of {protocol}"

    @pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)
    def test_scenario(path: Path, request: pytest.FixtureRequest) -> None:
        compare(path, carry_out, request)

    return test_scenario


def common(cluster: AnyCluster, words: list[str]) -> None:
    """Carry out one of the commands above; `ValueError` for any other."""
    match words:
        case ["deliver" | "drop" | "duplicate" as verb, *links]:
            for link in links:
                _handle(cluster, verb, *link.split("->"))
        case ["timeout", name, timer]:
            cluster.fire(name, timer)
        case ["restart", name]:
            cluster.restart(name)
        case ["stabilize", *names]:
            cluster.stabilize(*names)
        case ["crash", name]:
            cluster.crash(name)
        case ["request", name, function, *rest]:
            options = dict(word.split("=") for word in rest if "=" in word)
            key, value, *_ = [word for word in rest if "=" not in word] + ["", "null"]
            if function in ("add-member", "remove-member"):
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
        case _:
            raise ValueError(f"no such command: {' '.join(words)}; see the module's docstring")


def with_leader(cluster: AnyCluster, words: list[str]) -> None:
    """As `common`, but while a cluster with a leader is stabilized its messages are not shown."""
    if words[0] == "stabilize":
        quietly(cluster, lambda: common(cluster, words))
    else:
        common(cluster, words)


def quietly(cluster: AnyCluster, act: Callable[[], Any]) -> None:
    """Act, without showing the messages between nodes."""
    before = len(cluster.trace)
    act()
    cluster.trace[before:] = without_sends(cluster.trace[before:])


def without_sends(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if " sends " not in line]


def _handle(cluster: AnyCluster, verb: str, source: str, target: str) -> None:
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
