"""ZooKeeper: `labrys run examples.zookeeper:Synced`.

Programs: Java and ZooKeeper's jars (Debian: zookeeper). Driver: `pip install labrys[examples]`.
"""

import asyncio
import json
import logging
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError
from kazoo.retry import KazooRetry

from harness.database import Argv, Connection, Database, Place, Refused, Unsent

logging.getLogger("kazoo").addHandler(logging.NullHandler())  # What matters of it is raised.

JARS = (
    *("zookeeper", "zookeeper-jute", "log4j-1.2", "slf4j-api", "metrics-core", "snappy-java"),
    *("netty-all", "netty-buffer", "netty-codec", "netty-common", "netty-handler"),
    *("netty-resolver", "netty-transport", "netty-transport-native-epoll"),
    *("netty-transport-native-unix-common", "commons-cli", "commons-io"),
)


class Synced(Database):
    """A read makes a write first, and so sees whatever was written before that."""

    ports = (2181, 2888, 3888)
    start_limit_s = 30.0
    failover_s = 3.0
    syncs = True

    def prepare(self, at: Place) -> None:
        (at.data / "myid").write_text(str(at.nodes.index(at.node) + 1))
        lines = ["tickTime=500", "initLimit=10", "syncLimit=4", f"dataDir={at.data}"]
        lines += ["clientPort=2181", f"clientPortAddress={at.host}", "admin.enableServer=false"]
        lines += ["4lw.commands.whitelist=srvr", "maxClientCnxns=0"]
        lines += [f"server.{at.nodes.index(n) + 1}={h}:2888:3888" for n, h in at.hosts.items()]
        (at.data / "zoo.cfg").write_text("\n".join(lines) + "\n")

    def command(self, at: Place) -> Argv:
        path = ":".join(f"/usr/share/java/{name}.jar" for name in JARS)
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        small = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return ["java", *small, "-cp", path, main, f"{at.data}/zoo.cfg"]

    async def connect(self, at: Place) -> Connection:
        return await asyncio.to_thread(Session, at, self.syncs)

    async def ready(self, at: Place) -> bool:
        return await self.facts(at) is not None

    async def facts(self, at: Place) -> dict[str, Any] | None:
        reader, writer = await asyncio.open_connection(*at.addresses[at.node])
        writer.write(b"srvr")
        lines = (await reader.read()).decode().splitlines()
        writer.close()
        said = dict(line.split(": ", 1) for line in lines if ": " in line)
        return {"role": said["Mode"], "term": int(said["Zxid"], 16) >> 32} if said else None


class Local(Synced):
    """A read is answered by its node from what that has: it may be stale."""

    syncs = False


class Session(Connection):
    def __init__(self, at: Place, syncs: bool) -> None:
        once = KazooRetry(max_tries=0)
        self.keeper = KazooClient(
            f"{at.host}:{at.ports[0]}", timeout=4, connection_retry=once, command_retry=once
        )
        self.syncs = syncs
        try:
            self.keeper.start(1)
        except BaseException:
            self.end()
            raise

    def call(self, function: str, key: str, argument: Any) -> Any:  # type: ignore[override]
        if not self.keeper.connected:
            raise Unsent("the session is not connected")
        path = f"/{key}"
        found, version = self.get(path, self.syncs or function == "cas")
        if function == "read" or (function == "cas" and found != argument[0]):
            return found
        value = json.dumps(argument if function == "write" else argument[1]).encode()
        try:
            if version is None:
                self.keeper.create(path, value)
            else:
                self.keeper.set(path, value, -1 if function == "write" else version)
        except (BadVersionError, NodeExistsError, NoNodeError) as error:
            raise Refused("somebody else was quicker") from error
        return argument if function == "write" else found

    def get(self, path: str, sync: bool) -> tuple[Any, int | None]:
        """The value and its version, None for a path that is not there."""
        if sync:  # ZooKeeper's own `sync` asks no quorum, and may wait for a leader of the past.
            try:
                self.keeper.set("/mark", b"")
            except NoNodeError:
                self.keeper.ensure_path("/mark")
        try:
            data, stat = self.keeper.get(path)
        except NoNodeError:
            return None, None
        return json.loads(data), stat.version

    def end(self) -> None:
        self.keeper.stop()
        self.keeper.close()

    async def close(self) -> None:
        await asyncio.to_thread(self.end)
