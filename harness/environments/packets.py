"""Disturbing packets between nodes that have addresses: rules of iptables hand the packets of some
links over to a process that holds them up (`delayer`).
"""

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.cluster import Link
from harness.conditions import Conditions
from harness.environments.owner import Owner
from harness.environments.tools import ToolFailed, run_tool
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

WAY = "iptables and a process that holds packets up (NFQUEUE)"
QUEUE = 7
PREFIX = "labrys_"

SetRules = Callable[[Iterable[Link]], None]
"""Have the packets of these links handed over, and of no others; else `EnvironmentFailed`."""


class Packets:
    """The links of one run, as far as their packets are disturbed."""

    def __init__(self, hosts: Mapping[NodeId, str], seed: int, set_rules: SetRules) -> None:
        self._hosts = hosts
        self._seed = seed
        self._set_rules = set_rules
        self._process: subprocess.Popen[bytes] | None = None
        self._busy = threading.Lock()
        self.met = 0
        """How many packets met conditions so far."""

        self.disturbed = False

    def open(self, files: tuple[int, ...] = (), queue: int = QUEUE) -> None:
        """Start the process, which takes packets in the networks that these open files hold, or in
        ours; `EnvironmentFailed` where it cannot."""
        words = ["-m", "harness.environments.delayer", str(self._seed), str(queue)]
        self._process = subprocess.Popen(
            [sys.executable, *words, *map(str, files)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=files,
            start_new_session=True,
        )
        failed = self._answer().get("failed")
        if failed is not None:
            self.close()
            raise EnvironmentFailed(
                f"packets cannot be taken from the kernel here ({failed}): leave packet out of the "
                "faults, or use another environment"
            )

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def disturb(self, links: Mapping[Link, Conditions]) -> None:
        """Put these links under conditions, and all others under none."""
        if not links and not self.disturbed:
            return
        told = [
            [self._hosts[source], self._hosts[target], asdict(conditions)]
            for (source, target), conditions in links.items()
        ]
        if links:
            self._tell({"links": told})
            self._set_rules(links)
        else:
            self._set_rules(())
            self._tell({"links": []})
        self.disturbed = bool(links)

    def count(self) -> int:
        """How many packets met conditions so far."""
        self._tell({})
        return self.met

    def _tell(self, command: dict[str, Any]) -> None:
        with self._busy:
            process = self._process
            if process is None or process.stdin is None:
                raise EnvironmentFailed("the cluster is not open: open it before its packets")
            try:
                process.stdin.write(json.dumps(command).encode() + b"\n")
                process.stdin.flush()
            except OSError:
                raise _ended() from None
            self.met = int(self._answer()["met"])

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        except ValueError:
            raise _ended() from None
        return answer


def _ended() -> EnvironmentFailed:
    return EnvironmentFailed(
        "the process that holds packets up has ended: run again, and look at its error above"
    )


def host_packets(hosts: Mapping[NodeId, str], seed: int, mark: str) -> Packets:
    """Take packets that pass a bridge of the host; `EnvironmentFailed` where that cannot be."""
    queue = QUEUE + 1 + os.getpid() % 60_000
    packets = Packets(hosts, seed, host_rules(hosts, mark, queue))
    packets.open(queue=queue)
    return packets


def host_rules(hosts: Mapping[NodeId, str], mark: str, queue: int) -> SetRules:
    """Rules of the host for what passes between addresses on a bridge, with a comment that says
    whose they are. Raises `EnvironmentFailed` where there are no rights for it."""
    in_force: list[str] = []

    def set_rules(links: Iterable[Link]) -> None:
        fresh = [
            f"FORWARD -s {hosts[source]} -d {hosts[target]} -m comment --comment {PREFIX}{mark} "
            f"-j NFQUEUE --queue-num {queue} --queue-bypass"
            for source, target in links
        ]
        lines = [f"-D {rule}" for rule in in_force] + [f"-I {rule}" for rule in fresh]
        iptables("iptables-restore --noflush", "\n".join(["*filter", *lines, "COMMIT", ""]))
        in_force[:] = fresh

    if not _bridges_are_filtered():
        raise EnvironmentFailed("iptables does not see what passes a bridge (br_netfilter)")
    set_rules(())
    return set_rules


def iptables(command: str, lines: str = "") -> str:
    """Run a program of iptables; `EnvironmentFailed` where it fails."""
    try:
        return run_tool(command.split(), lines)
    except ToolFailed as error:
        raise EnvironmentFailed(str(error)) from None


def rules_of_dead_runs() -> list[tuple[str, Owner]]:
    """The rules of the host whose harness is dead, with their owners."""
    found = []
    for line in iptables("iptables -S FORWARD").splitlines():
        words = shlex.split(line)
        marks = [word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX)]
        owner = Owner.parse(marks[0]) if marks else None
        if owner is not None and not owner.alive():
            found.append((line, owner))
    return found


def remove_rule(line: str) -> None:
    """Remove a rule of the host, as `rules_of_dead_runs` names it."""
    iptables(line.replace("-A", "iptables -D", 1).replace('"', ""))


def _bridges_are_filtered() -> bool:
    try:
        return Path("/proc/sys/net/bridge/bridge-nf-call-iptables").read_text().strip() == "1"
    except OSError:
        return False


def input_rules(sources: Iterable[str]) -> str:
    """All rules of one node's network, which hand over what these addresses send to it."""
    rules = [
        f"-A INPUT -s {source} -j NFQUEUE --queue-num {QUEUE} --queue-bypass" for source in sources
    ]
    chains = [f":{chain} ACCEPT [0:0]" for chain in ("INPUT", "FORWARD", "OUTPUT")]
    return "\n".join(["*filter", *chains, *rules, "COMMIT", ""])
