"""Runs one node as one process: the command line of the driver, and a container's entry point.

    python -m systems_under_test.serve --system module:Class --node n1 --listen HOST:PORT \
        --peer n2=HOST:PORT ... --members n1,n2 --journal FILE --seed N

`--members` names the nodes that the cluster begins with; without it all are members.

The log goes to standard error, one line a happening. The exit status says why the node stopped:
see `driver.Exit`.
"""

import argparse
import asyncio
import ctypes
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from systems_under_test.connections import Address, log
from systems_under_test.driver import Exit, Server
from systems_under_test.journal import Journal, JournalDamaged, JournalFailed
from systems_under_test.node import Node, NodeId
from systems_under_test.wall_clock import WallClock
from systems_under_test.weak_disk import WeakDisk
from systems_under_test.wire import Codec


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, even while it is stopped.

    Only Linux can do so; elsewhere the end of standard input must do.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def stop_at_end_of_input(server: Server) -> None:
    """Stop when standard input ends, as it does when the parent process has died."""

    def look() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            server.stop(Exit.CLEAN, "the parent process has ended")

    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), look)


def load_system(path: str) -> type[Node]:
    """The class that `module:Class` names; `ValueError` in a sentence where it does not exist."""
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"no system {path!r}: {error}; name it as module:Class") from None
    if not (isinstance(found, type) and issubclass(found, Node)):
        raise ValueError(f"{path!r} is not a class of nodes: it must extend Node")
    return found


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _peer(text: str) -> tuple[NodeId, Address]:
    name, _, address = text.partition("=")
    return name, _address(address)


def _names(text: str) -> tuple[NodeId, ...]:
    return tuple(text.split(","))


async def _serve(options: argparse.Namespace, system: type[Node]) -> Exit:
    codec = Codec(system.payloads)
    peers = dict(options.peer)
    random = Random(f"{options.seed}:{options.node}")
    if options.members is None:
        node = system(options.node, peers, random)
    else:
        node = system(options.node, peers, random, options.members)
    log(f"{options.node} starts as {options.system}, process {os.getpid()}, seed {options.seed}")
    disk = None if options.disk is None else WeakDisk(options.disk)
    try:
        journal = Journal(
            options.journal,
            codec,
            syncs=system.syncs,
            refuses_damage=system.refuses_damage,
            disk=disk,
        )
    except JournalDamaged as error:
        log(f"refusing to start: {error}")
        return Exit.JOURNAL_DAMAGED
    except JournalFailed as error:
        log(f"refusing to start: {error}")
        return Exit.JOURNAL_FAILED
    torn = f", a torn tail of {journal.torn} bytes cut off" if journal.torn else ""
    log(f"journal {journal.path}: {len(journal.records)} records{torn}")
    clock = None if options.clock is None else WallClock(options.clock)
    server = Server(node, codec, journal, peers, clock)
    if options.exit_with_parent:
        stop_at_end_of_input(server)
    return await server.run(options.listen)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="serve", description="Run one node as this process.")
    parser.add_argument("--system", required=True, metavar="MODULE:CLASS")
    parser.add_argument("--node", required=True, help="this node's name")
    parser.add_argument("--listen", required=True, type=_address, metavar="HOST:PORT")
    parser.add_argument("--peer", action="append", default=[], type=_peer, metavar="NAME=HOST:PORT")
    parser.add_argument("--members", type=_names, metavar="NAME,NAME,...")
    parser.add_argument("--journal", required=True, type=Path, metavar="FILE")
    parser.add_argument("--seed", default="0", help="root of the node's random choices")
    parser.add_argument("--clock", type=Path, metavar="FILE", help="how far to be ahead, in ns")
    parser.add_argument("--disk", type=Path, metavar="FILE", help="how weak its disk is")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when stdin ends, too")
    options = parser.parse_args(arguments)
    if not __debug__:
        parser.error("assertions are how a node finds its own errors: run without -O")
    try:
        system = load_system(options.system)
    except ValueError as error:
        parser.error(str(error))
    if options.members is not None:
        if not system.changes_members:
            parser.error(f"{options.system} has no membership: leave --members out")
        strangers = set(options.members) - {options.node, *dict(options.peer)}
        if strangers:
            parser.error(f"--members names {', '.join(sorted(strangers))}, which no --peer is")
    if options.exit_with_parent:
        die_with_parent()
    status = asyncio.run(_serve(options, system))
    sys.stderr.flush()
    # A thread that waits for the disk must not hold up the end of the process.
    os._exit(status)


if __name__ == "__main__":
    main()
