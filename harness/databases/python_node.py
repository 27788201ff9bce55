"""Systems that are a Python node: each node is a process of `systems_under_test.serve`."""

from collections import Counter
from collections.abc import Mapping

from harness.clock import MILLISECOND_NS, Clock
from harness.cluster import Channel, NoAnswer, Unreachable
from harness.database import Argv, Database, Place
from harness.databases.channel import TcpChannel
from systems_under_test.node import Node, NodeId
from systems_under_test.requests import Status

_STATUS_LIMIT_NS = 500 * MILLISECOND_NS


class PythonNode(Database):
    """The nodes of one system of ours, or of a user's in the same manner."""

    ports = (7000,)
    journals = ("journal",)
    start_limit_s = 30.0
    """Python takes a second of a processor to start, of which a busy machine gives it little."""

    def __init__(self, path: str, node_class: type[Node]) -> None:
        """`path` is where the class is, as "module:Class"."""
        self.python = path
        self.functions = node_class.functions
        self.changes_members = node_class.changes_members

    def command(self, at: Place) -> Argv:
        assert self.python is not None
        host = at.host
        command = [at.python, "-m", "systems_under_test.serve", "--system", self.python]
        command += ["--node", at.node, "--seed", str(at.seed), "--listen", f"{host}:{at.ports[0]}"]
        command += ["--journal", str(at.data / "journal")]
        if at.clock is not None:
            command += ["--clock", str(at.clock)]
        if at.disk is not None:
            command += ["--disk", str(at.disk)]
        if at.watched:
            command += ["--exit-with-parent"]
        if at.members != at.nodes:
            command += ["--members", ",".join(at.members)]
        for peer, (peer_host, port) in at.peers.items():
            command += ["--peer", f"{peer}={peer_host}:{port}"]
        return command

    def channel(
        self, clock: Clock, places: Mapping[NodeId, Place], doubts: Counter[str]
    ) -> Channel:
        return TcpChannel(clock, next(iter(places.values())).addresses)

    async def status(self, clock: Clock, at: Place) -> Status | None:
        channel = TcpChannel(clock, at.addresses)
        try:
            return await channel.status(at.node, clock.now_ns() + _STATUS_LIMIT_NS)
        except (Unreachable, NoAnswer):
            return None
        finally:
            await channel.close()
