"""What clusters have in common whose nodes are child processes of the harness: logs and ends."""

import os
import shutil
import subprocess
import sys
import uuid
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from harness.cluster import NodeState
from harness.database import Argv, Deployment
from harness.environments.leftovers import OWNER_VARIABLE
from harness.environments.owner import this_process
from harness.environments.tcp_cluster import TcpCluster, crash, last_words
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId


class ProcessCluster(TcpCluster):
    """Nodes that are processes of this machine, each with a log and a folder of its own."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._owner = this_process(uuid.uuid4().hex[:8])
        self._data = (self.folder / "data").resolve()
        self._processes: dict[NodeId, subprocess.Popen[bytes]] = {}

    @abstractmethod
    def _spawn(self, node: NodeId) -> None:
        """Start the node's process."""

    async def start(self, nodes: Iterable[NodeId]) -> None:
        started = [node for node in nodes if not self._states[node].running]
        for node in started:
            self._spawn(node)
            self._states[node] = NodeState()
        for node in started:
            await self._serves(node)

    async def collect_logs(self, folder: Path) -> Sequence[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for node in self.nodes:
            target, source = folder / f"{node}.log", self._log_file(node)
            if source.exists() and source != target:
                shutil.copyfile(source, target)
            written.append(target)
        return written

    def crashes(self) -> Mapping[NodeId, str]:
        return {
            node: crash(node, process.returncode, last_words(self._log(node)))
            for node, process in self._processes.items()
            if self._states[node].running and self._ended(node)
        }

    def _commands(self, node: NodeId) -> list[Argv]:
        commands = super()._commands(node)
        if [] in commands:
            raise EnvironmentFailed(
                f"the system names no command for {node}, as it only does in a container: use the "
                "environment docker, or return one from command()"
            )
        return commands

    def _environment(self) -> dict[str, str]:
        """Our own, with our import path, so that a system from elsewhere is found as well."""
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        return {**os.environ, "PYTHONPATH": path, OWNER_VARIABLE: self._owner.text()}

    def _ended(self, node: NodeId) -> bool:
        return self._processes[node].poll() is not None

    def _log_file(self, node: NodeId) -> Path:
        return self.folder / f"{node}.log"

    def _log(self, node: NodeId) -> str:
        return self._log_file(node).read_text(encoding="utf-8", errors="replace")


def reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a process that was killed."""
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
