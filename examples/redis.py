"""Redis, alone, replicated, and with Sentinel: `labrys run examples.redis:Sentinel`.

Programs: redis-server (Debian: redis-server). Driver: `pip install labrys[examples]`.
"""

import asyncio
import json
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ReadOnlyError, RedisError
from redis.retry import Retry

from harness.database import Argv, Connection, Database, Place, Refused

CAS = """local found = redis.call('GET', KEYS[1])
if (found or 'null') == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
return found"""


class Single(Database):
    """One server, whose data survives a kill."""

    ports = (6379,)
    packages = ("redis-server",)
    fsync = "always"
    reads_replicas = False

    def prepare(self, at: Place) -> None:
        first = at.hosts[at.nodes[0]]
        lines = [f"bind {at.host}", "protected-mode no", f"dir {at.data}", "appendonly yes"]
        lines += [f"appendfsync {self.fsync}", "repl-diskless-sync-delay 0"]
        lines += [f"replicaof {first} {self.ports[0]}"] * (at.host != first)
        (at.data / "redis.conf").write_text("\n".join(lines) + "\n")

    def command(self, at: Place) -> Argv | list[Argv]:
        return ["redis-server", f"{at.data}/redis.conf"]

    async def connect(self, at: Place) -> Connection:
        line = Line(at, self.reads_replicas)
        await asyncio.to_thread(line.redis.ping)
        return line

    async def ready(self, at: Place) -> bool:
        return await self.facts(at) is not None

    async def facts(self, at: Place) -> dict[str, Any] | None:
        try:
            return await asyncio.to_thread(self.says, at)
        except RedisError:
            return None

    def says(self, at: Place) -> dict[str, Any]:
        with server(at.host, self.ports[0]) as one:
            return {"role": "leader" if one.role()[0] == b"master" else "follower", "term": 1}


class Always(Single):
    """What was written is synced before it is acknowledged: no loss of power takes it."""


class EverySec(Single):
    """What was written in the last second may be lost, though only by a loss of power."""

    fsync = "everysec"


class Replicated(Single):
    """The first node has replicas, which are read from: they may be stale."""

    reads_replicas = True


class Sentinel(Single):
    """Sentinels replace a lost master by a replica: what that did not have yet is lost as well."""

    ports = (6379, 26379)
    failover_s = 2.0

    def prepare(self, at: Place) -> None:
        super().prepare(at)
        lines = [f"bind {at.host}", "port 26379", "protected-mode no", f"dir {at.data}"]
        lines += [f"sentinel monitor it {at.hosts[at.nodes[0]]} 6379 {len(at.nodes) // 2 + 1}"]
        lines += ["sentinel down-after-milliseconds it 500", "sentinel failover-timeout it 4000"]
        (at.data / "sentinel.conf").write_text("\n".join(lines) + "\n")

    def command(self, at: Place) -> list[Argv]:
        sentinel = ["redis-server", f"{at.data}/sentinel.conf", "--sentinel"]
        return [["redis-server", f"{at.data}/redis.conf"], sentinel]

    def says(self, at: Place) -> dict[str, Any]:
        with server(at.host, self.ports[1]) as sentinel:
            return {**super().says(at), "term": sentinel.sentinel_master("it")["config-epoch"]}


class Line(Connection):
    def __init__(self, at: Place, reads_replicas: bool) -> None:
        self.redis, self.reads_replicas = server(at.host, at.ports[0]), reads_replicas

    def call(self, function: str, key: str, argument: Any) -> Any:  # type: ignore[override]
        many = self.redis.pipeline(transaction=True).role()
        if function == "read":
            many.get(key)
        elif function == "write":
            many.set(key, json.dumps(argument))
        else:
            many.eval(CAS, 1, key, *map(json.dumps, argument))
        try:
            role, found = many.execute()
        except (ReadOnlyError, BusyLoadingError) as error:
            raise Refused(str(error)) from error
        if role[0] != b"master" and not (self.reads_replicas and function == "read"):
            raise Refused("this is a replica")
        if function == "write":
            return argument
        return None if found is None else json.loads(found)

    async def close(self) -> None:
        self.redis.close()


def server(host: str, port: int) -> "redis.Redis":
    """A driver that sends nothing twice."""
    once = Retry(NoBackoff(), 0)
    return redis.Redis(host, port, socket_timeout=2, socket_connect_timeout=0.3, retry=once)
