"""What clusters have in common whose nodes are child processes of the harness: logs and ends.

A node may be a tree of processes. `_end` and `_signal` reach all of it by the mark that its
processes carry; and where the kernel does not end them with the harness, a guardian does.
"""

import asyncio
import os
import platform
import shutil
import signal
import subprocess
import sys
import sysconfig
import uuid
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from harness.cluster import NodeState
from harness.conditions import Corruption
from harness.database import Argv, Deployment
from harness.environments import marks
from harness.environments.leftovers import OWNER_VARIABLE
from harness.environments.log_files import LogFiles, tail
from harness.environments.owner import process_began, process_stopped, this_process
from harness.environments.tcp_cluster import TcpCluster, crash, last_words
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId

NODE_VARIABLE = "LABRYS_NODE"
VERSION_LIMIT_S = 5.0


class ProcessCluster(TcpCluster):
    """Nodes that are processes of this machine, each with a log and a folder of its own."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._owner = this_process(uuid.uuid4().hex[:8])
        self._data = (self.folder / "data").resolve()
        self._processes: dict[NodeId, subprocess.Popen[bytes]] = {}
        self._logs = LogFiles()
        self._guardian: subprocess.Popen[bytes] | None = None

    async def open(self) -> None:
        try:
            await self._prepare()
            for node in self.nodes:
                self._spawn(node)
                self._states[node] = NodeState()
            await self._all_serve()
        except OSError as error:
            await self.close()
            raise self._unstarted(error) from error
        except BaseException:
            await self.close()
            raise

    @abstractmethod
    async def _prepare(self) -> None:
        """Remove what dead runs left, and have places for all nodes, and a way to cut links."""

    @abstractmethod
    def _spawn(self, node: NodeId) -> None:
        """Start the node's process."""

    def _end(self, nodes: Sequence[NodeId]) -> None:
        """Kill these nodes, whatever they forked as well, and wait until they are gone."""
        for node in nodes:
            self._processes[node].kill()
        for node in nodes:
            if self._guardian is not None:
                marks.end_marked(self.mark, f"{NODE_VARIABLE}={node}")
            reap(self._processes[node])

    def _signal(self, node: NodeId, number: signal.Signals) -> None:
        """Reach the node: of a program, whatever it has forked as well."""
        if self._guardian is not None:
            marks.signal_marked(number, self.mark, f"{NODE_VARIABLE}={node}")
        else:
            self._processes[node].send_signal(number)

    def _changed(self, node: NodeId, into: str) -> None:
        """A fault, or its healing, left the node "down", "paused" or "up"."""

    async def _kill(self, nodes: Sequence[NodeId]) -> None:
        alive = [node for node in nodes if self._states[node].running and not self._ended(node)]
        self._end(alive)
        for node in alive:
            self._states[node] = NodeState(running=False)
            self._changed(node, "down")

    async def _terminate(self, nodes: Sequence[NodeId], grace_ns: int) -> Sequence[NodeId]:
        asked = [n for n in nodes if self._states[n].running and not self._ended(n)]
        own = {node: self._processes[node] for node in asked}
        for node in asked:
            self._signal(node, signal.SIGTERM)
        until_ns = self.clock.now_ns() + grace_ns
        left = asked
        while left and self.clock.now_ns() < until_ns:
            await asyncio.sleep(0.01)
            left = [node for node in left if own[node].poll() is None]
        # Meanwhile another fault may have ended a node, and its healing have started it again.
        same = [node for node in asked if self._processes[node] is own[node]]
        self._end(same)  # What a node has forked goes with it.
        for node in same:
            self._states[node] = NodeState(running=False)
            self._changed(node, "down")
        return [node for node in left if node in same]

    async def _pause(self, nodes: Sequence[NodeId]) -> None:
        for node in nodes:
            if self._states[node].running:
                self._signal(node, signal.SIGSTOP)
                self._states[node] = NodeState(paused=True)
                self._changed(node, "paused")

    async def resume(self, nodes: Iterable[NodeId]) -> None:
        for node in nodes:
            if self._states[node].paused:
                self._signal(node, signal.SIGCONT)
                self._states[node] = NodeState()
                self._changed(node, "up")

    async def start(self, nodes: Iterable[NodeId]) -> None:
        held = self._journals.damaged  # They refuse what they have.
        started = [node for node in nodes if not self._states[node].running and node not in held]
        for node in started:
            reap(self._processes[node])  # One that ended of itself nobody has seen to yet.
            self._spawn(node)
            self._states[node] = NodeState()
        for node in started:
            await self._serves(node)

    async def _damage_journal(self, node: NodeId, damage: Corruption) -> str:
        await self._kill([node])  # Another fault may have started it; from here on none can.
        return self._journals.damage(node, self._folder(node), damage)

    async def _start_on_damage(self, node: NodeId) -> None:
        self._spawn(node)
        self._states[node] = NodeState()

    async def _restore_journal(self, node: NodeId) -> None:
        self._journals.restore(node)

    def _exit_status(self, node: NodeId) -> int | None:
        return self._processes[node].returncode

    def _folder(self, node: NodeId) -> Path:
        """Where the harness sees the node's folder."""
        return self.places[node].data

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

    async def life(self, node: NodeId) -> str:
        process = self._processes.get(node)
        began = process_began(process.pid) if process is not None else ""
        return f"process {process.pid} of {began}" if process is not None and began else ""

    async def _pids(self, node: NodeId) -> Iterable[int]:
        """The node's process and, of a program, whatever it has forked as well."""
        if self._guardian is not None:
            return marks.marked(self.mark, f"{NODE_VARIABLE}={node}")
        process = self._processes[node]
        return [process.pid] if process.poll() is None else []

    async def stopped(self, node: NodeId) -> bool:
        return process_stopped(self._processes[node].pid)

    def describe(self) -> dict[str, Any]:
        """What the nodes are; of programs also their version, as asked of them, and commands."""
        found: dict[str, Any] = {
            "python": platform.python_version(),
            "system": platform.platform(),
        }
        if self.addresses:
            found["addresses"] = {node: f"{h}:{port}" for node, (h, port) in self.addresses.items()}
        if self.database.python is None and self.places:
            found["version"] = self._version()
            found["leaders"] = dict(+self.leaders_by)
            found["commands"] = {node: self._commands(node) for node in self.places}
            found["doubts"] = dict(self.doubts)
        return found

    def _version(self) -> str:
        """The first line of what the program says when it is asked for its version."""
        words = self.database.version(next(iter(self.places.values())))
        if not words:
            return "not asked: its class has no version()"
        try:
            done = subprocess.run(words, capture_output=True, timeout=VERSION_LIMIT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"not known: {error}"
        said = (done.stdout or done.stderr).decode("utf-8", "replace").strip()
        return said.partition("\n")[0][:200] or "not known: it said nothing"

    def _environment(self, node: NodeId = "") -> dict[str, str]:
        """Our own, with our import path, so that a system from elsewhere is found as well, and the
        marks of the cluster and of the node."""
        marked = {OWNER_VARIABLE: self._owner.text(), NODE_VARIABLE: node}
        return {**os.environ, "PYTHONPATH": os.pathsep.join(import_path()), **marked}

    def _unstarted(self, error: OSError) -> EnvironmentFailed:
        """What is raised where the nodes could not be started for this reason."""
        words = f"cannot start the nodes: {error.strerror or error}"
        named = str(error.filename or "")
        if named.startswith(str(self._data)):
            return EnvironmentFailed(f"{words}: {named}: choose another folder for the store")
        words += f": {named}" if named else ""
        return EnvironmentFailed(f"{words}: install what is missing, or correct the command")

    def _ended(self, node: NodeId) -> bool:
        return self._processes[node].poll() is not None

    def _how_it_ended(self, node: NodeId) -> str:
        status = self._processes[node].returncode
        if status == 0:
            return "it left with exit status 0: a node must stay in the foreground"
        return f"exit status {status}"

    def _log_file(self, node: NodeId) -> Path:
        return self.folder / f"{node}.log"

    def _open_log(self, node: NodeId) -> IO[bytes]:
        """The node's log, to append to; it stays bounded."""
        path = self._log_file(node)
        self._logs.watch(path)
        return path.open("ab")

    def _log(self, node: NodeId) -> str:
        return tail(self._log_file(node))

    def _guard(self) -> None:
        """Have all processes of this cluster ended once this one is gone, however it ends."""
        self._guardian = subprocess.Popen(
            [sys.executable, "-m", marks.__name__, self.mark],
            stdin=subprocess.PIPE,
            env={**self._environment(), OWNER_VARIABLE: ""},
            start_new_session=True,
        )

    @property
    def mark(self) -> str:
        """What every process of this cluster carries in its environment."""
        return f"{OWNER_VARIABLE}={self._owner.text()}"

    def _end_all(self) -> None:
        """Kill whatever carries the mark of this cluster, and end the looking after it."""
        if self._guardian is not None:
            marks.end_marked(self.mark)
            self._guardian.kill()
            reap(self._guardian)
            self._guardian = None
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            reap(process)
        self._logs.end()


def reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a process that was killed."""
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def import_path() -> list[str]:
    """Where this Python finds modules, but for what comes with it: a program may be one of another
    Python, which must not load ours."""
    known = sysconfig.get_paths()
    library = Path(known["stdlib"]).resolve()
    installed = {Path(known[name]).resolve() for name in ("purelib", "platlib", "platstdlib")}
    paths = [entry or os.getcwd() for entry in sys.path]
    return [
        path
        for path in paths
        if (place := Path(path).resolve()) not in installed
        and place != library
        and library not in place.parents
    ]
