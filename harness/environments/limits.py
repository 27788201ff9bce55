"""Nodes that are processes of this machine and get little of a processor, or of its memory."""

from collections.abc import Sequence
from typing import ClassVar

from harness.cluster import Capability
from harness.database import Deployment
from harness.environments.control_groups import CPU, MEMORY, WAY, ControlGroups, groups_work
from harness.environments.processes import ProcessCluster
from systems_under_test.node import NodeId


class LimitedProcesses(ProcessCluster):
    """A cluster whose nodes are limited by control groups, where these can be made."""

    _CONTROLLERS: ClassVar = {Capability.CPU: CPU, Capability.MEMORY: MEMORY}

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._groups = ControlGroups(self._owner)
        can = {can for can, controller in self._CONTROLLERS.items() if groups_work(controller)}
        self.capabilities |= can

    def _ways(self) -> dict[str, str]:
        ways = super()._ways()
        for name, need in (("processors", Capability.CPU), ("memory", Capability.MEMORY)):
            ways[name] = WAY if need in self.capabilities else "none (no rights)"
        return ways

    async def _limit_processors(self, nodes: Sequence[NodeId], share: float | None) -> None:
        self._groups.free()
        if share is not None:
            pids = {node: await self._pids(node) for node in nodes}
            self._groups.limit_processors(pids, share)

    async def held_back(self, node: NodeId) -> int | None:
        group = self._groups.of(node, CPU)
        return None if group is None else group.met()

    async def _limit_memory(self, nodes: Sequence[NodeId], room: int | None) -> None:
        self._groups.free()
        if room is None:
            await self._start_spoilt()
            return
        self._spoilt |= set(nodes)
        pids = {node: await self._pids(node) for node in nodes}
        self._groups.limit_memory(pids, room)

    async def out_of_memory(self, node: NodeId) -> int | None:
        group = self._groups.of(node, MEMORY)
        return None if group is None else group.met()
