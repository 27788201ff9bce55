"""etcd, spoken to through its JSON gateway: `labrys run examples.etcd:Etcd`.

The program is `etcd` on the path, or what ETCD names (Debian: etcd-server).
"""

import asyncio
import base64
import json
import os
from http.client import HTTPConnection, HTTPException
from typing import Any

from harness.database import Argv, Connection, Database, Place, Unsent


class Etcd(Database):
    ports = (2379, 2380)
    failover_s = 1.0
    serializable = False

    def command(self, at: Place) -> Argv:
        mine = [f"http://{at.host}:{port}" for port in at.ports]
        peers = [f"{node}=http://{host}:{at.ports[1]}" for node, host in at.hosts.items()]
        words = [os.environ.get("ETCD", "etcd"), "--name", at.node, "--data-dir", at.data / "etcd"]
        words += ["--listen-client-urls", mine[0], "--advertise-client-urls", mine[0]]
        words += ["--listen-peer-urls", mine[1], "--initial-advertise-peer-urls", mine[1]]
        words += ["--initial-cluster", ",".join(peers), "--heartbeat-interval", "50"]
        return [str(word) for word in [*words, "--election-timeout", "500"]]

    async def ready(self, at: Place) -> bool:
        return await self.facts(at) is not None

    async def connect(self, at: Place) -> Connection:
        return Gateway(at, self.serializable)

    async def facts(self, at: Place) -> dict[str, Any] | None:
        gateway = Gateway(at, False)
        try:
            said = await asyncio.to_thread(gateway.post, "maintenance/status", {})
        except (OSError, RuntimeError, HTTPException, Unsent):
            return None
        finally:
            await gateway.close()
        leads = said.get("leader") == said["header"]["member_id"]
        return {"role": "leader" if leads else "follower", "term": int(said.get("raftTerm", 0))}


class EtcdSerializable(Etcd):
    """Reads are answered by any node from what it has: they may be stale."""

    serializable = True


class Gateway(Connection):
    def __init__(self, at: Place, serializable: bool) -> None:
        self.serializable = serializable
        self.http = HTTPConnection(at.host, at.ports[0], timeout=2)

    def call(self, function: str, key: str, argument: Any) -> Any:  # type: ignore[override]
        mine = {"key": text(key)}
        if function == "read":
            return value(self.post("kv/range", {**mine, "serializable": self.serializable}))
        if function == "write":
            self.post("kv/put", {**mine, "value": text(json.dumps(argument))})
            return argument
        old, new = argument
        same = {"target": "VERSION", "version": 0} if old is None else {"target": "VALUE"}
        same |= mine if old is None else {**mine, "value": text(json.dumps(old))}
        put = {"requestPut": {**mine, "value": text(json.dumps(new))}}
        body = {"compare": [same], "success": [put], "failure": [{"requestRange": mine}]}
        said = self.post("kv/txn", body)
        return old if said.get("succeeded") else value(said["responses"][0]["response_range"])

    def post(self, path: str, body: Any) -> Any:
        if self.http.sock is None:
            try:
                self.http.connect()
            except OSError as error:
                raise Unsent(str(error)) from error
        self.http.request("POST", f"/v3/{path}", json.dumps(body))
        answer = self.http.getresponse()
        said = json.load(answer)
        if answer.status != 200:
            raise RuntimeError(said.get("error", said))
        return said

    async def close(self) -> None:
        self.http.close()


def text(plain: str) -> str:
    return base64.b64encode(plain.encode()).decode()


def value(said: Any) -> Any:
    return json.loads(base64.b64decode(said["kvs"][0]["value"])) if said.get("kvs") else None
