"""Cutting links between containers on a bridge: one nftables table of the bridge family.

The table holds a set of links, as pairs of addresses. A cut or a mending is one transaction, so all
links change at one moment. A node's connection to a peer carries messages one way, so what is
dropped is what a link's source sends to its target's port: the connection's data and all attempts
to make it again. Acknowledgements of the connection the other way come from that port and pass, so
that the other direction goes on. Established connections are cut as well. What the host's clients
send is not forwarded, and so does not pass this table.

The table's name holds its owner's mark, so that one of a dead run is known for what it is.
"""

import ctypes
import functools
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from harness.cluster import Link
from harness.database import Address
from harness.environments.owner import Owner
from harness.environments.tools import ToolFailed, run_tool
from systems_under_test.node import NodeId

Nft: TypeAlias = Callable[[str], str]
"""Runs nft commands as one transaction and returns what it printed; `NftFailed` if not."""

_PREFIX = "labrys_"
_one_at_a_time = threading.Lock()
"""The library does not say that several threads may use it."""


class NftFailed(Exception):
    """nft cannot be run, has no rights, or refused a command."""


def host_nft(commands: str) -> str:
    """Run nft commands with our own rights, in the network of the thread that asks.

    The library does it in a tenth of the time that the program takes to start.
    """
    return _by_program(commands) if _library() is None else _by_library(commands)


def _by_library(commands: str) -> str:
    library = _library()
    assert library is not None
    with _one_at_a_time:
        context = ctypes.c_void_p(library.nft_ctx_new(0))
        try:
            library.nft_ctx_buffer_output(context)
            library.nft_ctx_buffer_error(context)
            failed = library.nft_run_cmd_from_buffer(context, commands.encode())
            said = library.nft_ctx_get_output_buffer(context) or b""
            errors = library.nft_ctx_get_error_buffer(context) or b""
        finally:
            library.nft_ctx_free(context)
    if failed:
        raise NftFailed(errors.decode(errors="replace").strip()[:300] or "nft refused a command")
    text: str = said.decode(errors="replace")
    return text


def _by_program(commands: str) -> str:
    try:
        return run_tool(["nft", "-f", "-"], commands)
    except ToolFailed as error:
        raise NftFailed(str(error)) from None


@functools.cache
def _library() -> ctypes.CDLL | None:
    """libnftables, which comes with nft; None where it is not here."""
    try:
        library = ctypes.CDLL("libnftables.so.1")
    except OSError:
        return None
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    return library


class Firewall:
    """The table of one run."""

    def __init__(
        self,
        nft: Nft,
        owner: Owner,
        addresses: Mapping[NodeId, Address],
        *,
        by_port: bool = True,
    ) -> None:
        """Without `by_port` all that a link's source sends to its target is dropped: programs of
        others have connections in both directions, on several ports."""
        self._nft = nft
        self._table = f"bridge {_PREFIX}{owner.text()}"
        self._addresses = addresses
        self._by_port = by_port

    def create(self) -> None:
        kinds, parts = "ipv4_addr . ipv4_addr", "ip saddr . ip daddr"
        if self._by_port:
            kinds, parts = f"{kinds} . inet_service", f"{parts} . tcp dport"
        self._nft(
            f"table {self._table} {{\n"
            f"  set cut {{ type {kinds}; }}\n"
            "  chain links {\n"
            "    type filter hook forward priority -200; policy accept;\n"
            f"    ether type ip {parts} @cut counter drop\n"
            "  }\n}\n"
        )

    def cut(self, links: Iterable[Link]) -> None:
        if adding := self._adding(links):
            self._nft(adding)

    def mend(self, but: Iterable[Link] = ()) -> None:
        """Mend all links, `but` for some, at once."""
        self._nft(f"flush set {self._table} cut\n{self._adding(but)}")

    def dropped(self) -> int:
        """How many packets the rule has dropped so far."""
        shown = self._nft(f"list chain {self._table} links\n")
        found = re.search(r"counter packets (\d+)", shown)
        if found is None:
            raise NftFailed(f"the rule that cuts links is gone from the table {self._table}")
        return int(found[1])

    def holds(self) -> bool:
        """Whether any link is cut, by what nft shows."""
        return "elements" in self._nft(f"list set {self._table} cut\n")

    def _adding(self, links: Iterable[Link]) -> str:
        pairs = []
        for source, target in links:
            (from_host, _), (to_host, port) = self._addresses[source], self._addresses[target]
            pairs.append(f"{from_host} . {to_host}" + (f" . {port}" if self._by_port else ""))
        return f"add element {self._table} cut {{ {', '.join(pairs)} }}\n" if pairs else ""

    def remove(self) -> None:
        self._nft(f"delete table {self._table}\n")


def tables_of_dead_runs(nft: Nft) -> list[tuple[str, Owner]]:
    """The names of tables whose harness is dead, with their owners."""
    found = []
    for line in nft("list tables\n").splitlines():
        match line.split():
            case ["table", "bridge", name] if name.startswith(_PREFIX):
                owner = Owner.parse(name.removeprefix(_PREFIX))
                if owner is not None and not owner.alive():
                    found.append((name, owner))
    return found


def remove_table(nft: Nft, name: str) -> None:
    nft(f"delete table bridge {name}\n")
