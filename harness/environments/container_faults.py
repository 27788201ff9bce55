"""What is done to containers that run: killed, paused, asked to end, or left with little."""

import asyncio
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from docker.errors import APIError

from harness.cluster import NodeState
from harness.conditions import Corruption
from harness.database import Deployment
from harness.environments.container_disks import ContainerDisks
from harness.environments.containers import Containers
from harness.environments.control_groups import CPU, MEMORY
from harness.environments.engine import engine_errors
from harness.environments.tcp_cluster import TcpCluster, crash, in_thread, last_words
from harness.errors import EnvironmentFailed
from systems_under_test.node import NodeId


class ContainerFaults(TcpCluster):
    """A cluster whose nodes are containers, once these are made."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._made: Containers | None = None
        self._disks: ContainerDisks | None = None
        # Faults of several families happen side by side, and the engine takes its time. Without
        # this a pause could find a node that is just being killed, and be noted after the kill.
        self._changing = asyncio.Lock()

    async def start(self, nodes: Iterable[NodeId]) -> None:
        async with self._changing:
            held = self._journals.damaged  # They refuse what they have.
            down = [node for node in nodes if not self._states[node].running]
            started = [node for node in down if node not in held]
            await self._each(started, "start", self._containers.start_node)
            for node in started:
                self._states[node] = NodeState()
        for node in started:
            await self._serves(node)

    async def _kill(self, nodes: Sequence[NodeId]) -> None:
        async with self._changing:
            killed = [n for n in nodes if self._states[n].running and not self._ended(n)]
            await self._each(killed, "kill", self._containers.kill_node)
            for node in killed:
                self._states[node] = NodeState(running=False)

    async def _damage_journal(self, node: NodeId, damage: Corruption) -> str:
        """In a copy of the node's folder, from which the journal is put back."""
        data, copy = self.places[node].data, self._copies / node
        async with self._changing:
            if self._states[node].running and not self._ended(node):
                await self._each([node], "kill", self._containers.kill_node)
            self._states[node] = NodeState(running=False)
            with engine_errors(f"copy the journal of {node}"):
                await in_thread(self._containers.fetch, node, data, copy)
                done = self._journals.damage(node, copy, damage)
                if done:
                    await self._put_journal(node, self._journals.file(node))
        return done

    async def _start_on_damage(self, node: NodeId) -> None:
        async with self._changing:
            await self._each([node], "start", self._containers.start_node)
            self._states[node] = NodeState()

    async def _restore_journal(self, node: NodeId) -> None:
        file = self._journals.file(node)
        async with self._changing:
            self._journals.restore(node)
            with engine_errors(f"put back the journal of {node}"):
                await self._put_journal(node, file)

    async def _put_journal(self, node: NodeId, file: Path) -> None:
        place = self.places[node].data / file.relative_to(self._copies / node)
        await in_thread(self._containers.put, node, file, place)

    @property
    def _copies(self) -> Path:
        """Where the folders of nodes are copied to, while their journals are damaged."""
        return (self.folder / "copies").resolve()

    def _exit_status(self, node: NodeId) -> int | None:
        status = int(self._inspect(node)[0].get("ExitCode", 0))
        return 128 - status if status > 128 else status

    async def _lose_power(self, nodes: Sequence[NodeId]) -> None:
        """A dead node's disk is unmounted, and so has nothing that is not synced."""
        if self._disks is None:
            raise EnvironmentFailed("this cluster has no disks: say that its faults need power")
        async with self._changing:
            lost = [n for n in nodes if self._states[n].running and not self._ended(n)]
            for node in lost:
                await in_thread(self._disks.cut, node)
            await self._each(lost, "kill", self._containers.kill_node)
            for node in lost:
                self._states[node] = NodeState(running=False)

    async def _pids(self, node: NodeId) -> Iterable[int]:
        states = await in_thread(self._inspect, node)
        return [state["Pid"] for state in states if state["Running"]]

    async def _limit_processors(self, nodes: Sequence[NodeId], share: float | None) -> None:
        if self._made is None:
            return
        made = self._made
        async with self._changing:
            await self._each(nodes, "limit", lambda node: made.limit_node(node, share))

    async def held_back(self, node: NodeId) -> int | None:
        return self._containers.met(node, CPU)

    async def _limit_memory(self, nodes: Sequence[NodeId], room: int | None) -> None:
        if self._made is None:
            return
        made = self._made
        async with self._changing:
            await self._each(nodes, "limit", lambda node: made.limit_memory(node, room))
        if room is None:
            await self._start_spoilt()
        else:
            self._spoilt |= set(nodes)

    async def out_of_memory(self, node: NodeId) -> int | None:
        """By its control group; of one that has ended, by the engine."""
        ended = [state for state in await in_thread(self._inspect, node) if not state["Running"]]
        if any(state.get("OOMKilled") for state in ended):
            return 1
        return self._containers.met(node, MEMORY)

    async def _fill(self, node: NodeId) -> bool:
        if self._disks is None:
            raise EnvironmentFailed("this cluster has no disks: say that its faults need them")
        async with self._changing:
            return await in_thread(self._disks.fill, node)

    async def _emptied(self) -> Iterable[NodeId]:
        disks = self._disks
        if disks is None:
            return ()
        async with self._changing:
            return [node for node in self.nodes if await in_thread(disks.free, node)]

    async def _terminate(self, nodes: Sequence[NodeId], grace_ns: int) -> Sequence[NodeId]:
        forced = []

        def stop(node: NodeId) -> None:
            if not self._containers.stop_node(node, grace_ns):
                forced.append(node)

        async with self._changing:
            asked = [n for n in nodes if self._states[n].running and not self._ended(n)]
            await self._each(asked, "stop", stop)
            for node in asked:
                self._states[node] = NodeState(running=False)
        return forced

    async def _pause(self, nodes: Sequence[NodeId]) -> None:
        async with self._changing:
            paused = [node for node in nodes if self._states[node] == NodeState()]
            await self._each(paused, "pause", self._containers.pause_node)
            for node in paused:
                self._states[node] = NodeState(paused=True)

    async def resume(self, nodes: Iterable[NodeId]) -> None:
        async with self._changing:
            resumed = [node for node in nodes if self._states[node].paused]
            await self._each(resumed, "resume", self._containers.resume_node)
            for node in resumed:
                self._states[node] = NodeState()

    async def life(self, node: NodeId) -> str:
        if self._made is None or node not in self._made.of:
            return ""
        found = [state for state in await in_thread(self._inspect, node) if state["Running"]]
        lives = (f"{state['Pid']} of {state['StartedAt']}" for state in found)
        return f"process {', '.join(lives)}" if found else ""

    async def stopped(self, node: NodeId) -> bool:
        states = await in_thread(self._inspect, node)
        return all(state["Paused"] for state in states if state["Running"])

    async def collect_logs(self, folder: Path) -> Sequence[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for node in self.nodes:
            if self._made is not None and node in self._made.of:
                target = folder / f"{node}.log"
                text = await in_thread(self._log, node)
                target.write_text(text, encoding="utf-8")
                written.append(target)
        return written

    def crashes(self) -> Mapping[NodeId, str]:
        found = {}
        for node in self._containers.of:
            states = self._inspect(node) if self._states[node].running else []
            for state in (one for one in states if not one["Running"]):
                status, killed = int(state.get("ExitCode", 0)), bool(state.get("OOMKilled"))
                words = last_words(self._log(node))
                found[node] = crash(node, -signal.SIGKILL if killed else status, words)
        return found

    async def _each(
        self, nodes: Sequence[NodeId], what: str, action: Callable[[NodeId], None]
    ) -> None:
        """Do something to the containers of these nodes side by side; see `_changing`."""

        def act(node: NodeId) -> None:
            try:
                action(node)
            except APIError:
                # A node that has ended by itself is a crash, which `crashes` tells. One that was
                # down before, and that the engine could not start, is none.
                if not self._states[node].running or not self._ended(node):
                    raise

        with engine_errors(f"{what} {', '.join(nodes)}"):
            await asyncio.gather(*(in_thread(act, node) for node in nodes))

    @property
    def _containers(self) -> Containers:
        if self._made is None:
            raise EnvironmentFailed("the cluster is not open: open it before using its nodes")
        return self._made

    def _inspect(self, node: NodeId) -> list[dict[str, Any]]:
        with engine_errors(f"tell the state of {node}"):
            return self._containers.states(node)

    def _process(self, node: NodeId) -> int:
        (state, *_) = self._inspect(node)
        return int(state["Pid"]) if state["Running"] else 0

    def _ended(self, node: NodeId) -> bool:
        """Whether the node's first program, which stands for it, has ended."""
        return not self._inspect(node)[0]["Running"]

    def _log(self, node: NodeId) -> str:
        with engine_errors(f"give the log of {node}"):
            return self._containers.log(node)
