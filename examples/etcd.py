"""etcd, spoken to through its JSON gateway: `labrys run examples.etcd:Etcd`.

The program is `etcd` on the path, or what ETCD names (Debian: etcd-server).
"""

import base64
import json
import os
from typing import Any

from harness.database import Argv, Connection, Database, Place, Refused
from harness.databases.http import HttpConnection, ask_once

APPENDS = 50
"""How often an append is tried whose list others change meanwhile."""


class Etcd(Database):
    functions = ("read", "write", "cas", "append", "acquire", "release")
    largest_value = 1_500_000
    ports = (2379, 2380)
    packages = ("etcd-server",)
    failover_s = 1.0
    serializable = False

    def command(self, at: Place) -> Argv:
        clients, peers = (f"http://{at.host}:{port}" for port in self.ports)
        cluster = [f"{node}=http://{host}:{self.ports[1]}" for node, host in at.hosts.items()]
        return [
            *(os.environ.get("ETCD", "etcd"), "--name", at.node, "--data-dir", f"{at.data}/etcd"),
            *("--listen-client-urls", clients, "--advertise-client-urls", clients),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *("--initial-cluster", ",".join(cluster)),
            *("--heartbeat-interval", "50", "--election-timeout", "500"),
        ]

    async def connect(self, at: Place) -> Connection:
        return Gateway(at, self.serializable)

    def version(self, at: Place) -> Argv:
        return [os.environ.get("ETCD", "etcd"), "--version"]

    async def ready(self, at: Place) -> bool:
        return await self.facts(at) is not None

    async def facts(self, at: Place) -> dict[str, Any] | None:
        said = await ask_once(at.addresses[at.node], "/v3/maintenance/status", {})
        if said is None:
            return None
        leads = said.get("leader") == said["header"]["member_id"]
        return {"role": "leader" if leads else "follower", "term": int(said.get("raftTerm", 0))}


class EtcdSerializable(Etcd):
    """Reads are answered by any node from what it has: they may be stale."""

    serializable = True


class Gateway(HttpConnection):
    def __init__(self, at: Place, serializable: bool) -> None:
        super().__init__(at.addresses[at.node])
        self.serializable = serializable

    def call(self, function: str, key: str, argument: Any) -> Any:  # type: ignore[override]
        mine = {"key": encoded(key)}
        if function == "read":
            return value(self.post("/v3/kv/range", {**mine, "serializable": self.serializable}))
        if function == "write":
            self.post("/v3/kv/put", {**mine, "value": encoded(json.dumps(argument))})
            return argument
        if function == "append":
            return self.append(mine, argument)
        if function == "acquire":
            put = {"requestPut": {**mine, "value": encoded(json.dumps(argument))}}
            return self.change({**mine, "target": "VERSION", "version": 0}, put, "it is held")
        if function == "release":
            held = {**mine, "target": "VERSION", "result": "GREATER", "version": 0}
            return self.change(held, {"requestDeleteRange": mine}, "it is free")
        old, new = argument
        same = {"target": "VERSION", "version": 0} if old is None else {"target": "VALUE"}
        same |= mine if old is None else {**mine, "value": encoded(json.dumps(old))}
        put = {"requestPut": {**mine, "value": encoded(json.dumps(new))}}
        body = {"compare": [same], "success": [put], "failure": [{"requestRange": mine}]}
        said = self.post("/v3/kv/txn", body)
        return old if said.get("succeeded") else value(said["responses"][0]["response_range"])

    def append(self, mine: dict[str, str], element: Any) -> None:
        """etcd knows no lists: the whole one is written where nobody has written meanwhile."""
        for _ in range(APPENDS):
            said = self.post("/v3/kv/range", mine)
            revision = said["kvs"][0]["mod_revision"] if said.get("kvs") else 0
            new = [*(value(said) or []), element]
            put = {"requestPut": {**mine, "value": encoded(json.dumps(new))}}
            same = {**mine, "target": "MOD", "mod_revision": revision}
            if self.post("/v3/kv/txn", {"compare": [same], "success": [put]}).get("succeeded"):
                return
        raise Refused(f"others wrote {APPENDS} times meanwhile")

    def change(self, compare: dict[str, Any], change: dict[str, Any], why: str) -> None:
        """Make a change where the comparison holds; else it is refused for that reason."""
        said = self.post("/v3/kv/txn", {"compare": [compare], "success": [change]})
        if not said.get("succeeded"):
            raise Refused(why)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def value(said: Any) -> Any:
    return json.loads(base64.b64decode(said["kvs"][0]["value"])) if said.get("kvs") else None
