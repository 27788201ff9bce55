"""What runs left behind whose harness is dead, and its removal.

All that a run makes carries its owner's mark (`owner`): processes in their environment, containers,
networks and volumes in a label, tables of nftables in their name. Only what carries a mark is
looked at, and only what belongs to a dead harness is removed, so this may run at any time, beside
living runs. What cannot be seen (no engine answers, no rights for nftables) is passed over.
"""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException

from harness.environments.control_groups import groups_of_dead_runs
from harness.environments.engine import connect
from harness.environments.firewall import (
    Nft,
    NftFailed,
    host_nft,
    remove_table,
    tables_of_dead_runs,
)
from harness.environments.loops import loops_of_dead_runs, remove_loop
from harness.environments.owner import Owner
from harness.environments.packets import remove_rule, rules_of_dead_runs
from harness.errors import EnvironmentFailed

OWNER_VARIABLE = "LABRYS_OWNER"
OWNER_LABEL = "labrys.owner"
_LABELLED = {"label": OWNER_LABEL}


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing of a dead run: a process, container, network, volume, control group, rule, disk or
    nftables table."""

    kind: str
    name: str
    owner: Owner


def find_leftovers(nft: Nft = host_nft) -> list[Leftover]:
    """All that dead runs left on this machine, in the order in which it can be removed."""
    found = _processes()
    client = connect()
    if client is not None:
        with contextlib.closing(client):
            found += _of_engine(client)
    return found + _groups() + _rules() + _loops() + _tables(nft)


def remove_leftovers(nft: Nft = host_nft) -> list[Leftover]:
    """Remove all that `find_leftovers` finds, and return it."""
    found = _processes()
    for leftover in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(int(leftover.name), signal.SIGKILL)
    client = connect()
    if client is not None:
        with contextlib.closing(client):
            things = _of_engine(client)
            for leftover in things:
                # Another harness may be removing the same things at this moment.
                with contextlib.suppress(DockerException, OSError):
                    remove_from_engine(client, leftover.kind, leftover.name)
            found += things
    groups = _groups()
    for leftover in groups:
        with contextlib.suppress(OSError):
            Path(leftover.name).rmdir()
    rules = _rules()
    for leftover in rules:
        with contextlib.suppress(EnvironmentFailed):
            remove_rule(leftover.name)
    loops = _loops()
    for leftover in loops:
        device, _, image = leftover.name.partition(" ")
        with contextlib.suppress(EnvironmentFailed, OSError):
            remove_loop(device, Path(image))
    tables = _tables(nft)
    for leftover in tables:
        with contextlib.suppress(NftFailed):
            remove_table(nft, leftover.name)
    return found + groups + rules + loops + tables


def remove_from_engine(client: docker.DockerClient, kind: str, name: str) -> None:
    """Remove a container, network or volume of that name, in whatever state it is."""
    match kind:
        case "container":
            client.api.remove_container(name, force=True, v=True)
        case "network":
            client.api.remove_network(name)
        case "volume":
            client.api.remove_volume(name, force=True)


def _of_engine(client: docker.DockerClient) -> list[Leftover]:
    api = client.api
    try:
        containers = api.containers(all=True, filters=_LABELLED)
        networks = api.networks(filters=_LABELLED)
        volumes = api.volumes(filters=_LABELLED)["Volumes"] or ()
    except (DockerException, OSError):
        return []
    listed = [("container", entry["Id"], entry) for entry in containers]
    listed += [("network", entry["Id"], entry) for entry in networks]
    listed += [("volume", entry["Name"], entry) for entry in volumes]
    found = []
    for kind, name, entry in listed:
        owner = Owner.parse(entry["Labels"].get(OWNER_LABEL, ""))
        if owner is not None and not owner.alive():
            found.append(Leftover(kind, name, owner))
    return found


def _processes() -> list[Leftover]:
    mark = f"{OWNER_VARIABLE}=".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for variable in variables:
            if variable.startswith(mark):
                owner = Owner.parse(variable[len(mark) :].decode(errors="replace"))
                if owner is not None and not owner.alive():
                    found.append(Leftover("process", entry.name, owner))
    return found


def _loops() -> list[Leftover]:
    return [
        Leftover("disk", f"{device} {image}", owner)
        for device, image, owner in loops_of_dead_runs()
    ]


def _groups() -> list[Leftover]:
    return [Leftover("group", str(folder), owner) for folder, owner in groups_of_dead_runs()]


def _rules() -> list[Leftover]:
    try:
        return [Leftover("rule", line, owner) for line, owner in rules_of_dead_runs()]
    except EnvironmentFailed:
        return []


def _tables(nft: Nft) -> list[Leftover]:
    try:
        return [Leftover("table", name, owner) for name, owner in tables_of_dead_runs(nft)]
    except NftFailed:
        return []
