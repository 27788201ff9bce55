"""A cluster and a clock in memory, for tests of clients, workers and the nemesis."""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from harness.clock import MILLISECOND_NS, Clock
from harness.cluster import Capability, Channel, Cluster, Link, NodeState, Unreachable
from systems_under_test.node import NodeId
from systems_under_test.requests import Refusal, Reply, Request, Status

T = TypeVar("T")
Answer = Reply | Refusal | Exception
Serve = Callable[[NodeId, Request], Answer]


class FakeClock(Clock):
    """Time that passes only when somebody sleeps; coroutines run one after the other."""

    def __init__(self) -> None:
        self.moment_ns = 0

    def now_ns(self) -> int:
        return self.moment_ns

    async def sleep_until_ns(self, moment_ns: int) -> None:
        self.moment_ns = max(self.moment_ns, moment_ns)

    async def together(self, *coroutines: Coroutine[Any, Any, None]) -> None:
        try:
            for coroutine in coroutines:
                await coroutine
        finally:
            for coroutine in coroutines:
                coroutine.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            coroutine.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        raise AssertionError("a coroutine waited for something other than the clock")


class FakeChannel(Channel):
    """Hands requests to a function; an exception that it returns is raised, after the deadline."""

    def __init__(self, clock: FakeClock, serve: Serve) -> None:
        self.clock = clock
        self.serve = serve
        self.asked: list[tuple[NodeId, Request]] = []
        self.closed = False

    async def ask(self, node: NodeId, request: Request, until_ns: int) -> Reply | Refusal:
        self.asked.append((node, request))
        answer = self.serve(node, request)
        if isinstance(answer, Exception):
            if not isinstance(answer, Unreachable):
                self.clock.moment_ns = max(self.clock.moment_ns, until_ns)
            raise answer
        self.clock.moment_ns += MILLISECOND_NS
        return answer

    async def close(self) -> None:
        self.closed = True


class FakeCluster(Cluster):
    """Remembers what was done to it, in order."""

    environment = "fake"
    capabilities = frozenset(Capability)

    def __init__(
        self, count: int = 5, leader: NodeId | None = "n1", serve: Serve | None = None
    ) -> None:
        super().__init__()
        self.lives = Counter[NodeId]()
        self.held: set[NodeId] = set()
        self.cut_links: set[Link] = set()
        self.nodes = tuple(f"n{number}" for number in range(1, count + 1))
        self.members = self.nodes
        self.clock: FakeClock = FakeClock()
        self.leading = leader
        self.serve = serve or (lambda node, request: Reply(request.sequence))
        self.channels: list[FakeChannel] = []
        self.done: list[tuple[int, str, tuple[Any, ...]]] = []

    def _note(self, what: str, arguments: Iterable[Any] = ()) -> None:
        self.done.append((self.clock.moment_ns, what, tuple(arguments)))

    async def open(self) -> None:
        self._note("open")

    async def close(self) -> None:
        self._note("close")

    def channel(self, process: int) -> Channel:
        self.channels.append(FakeChannel(self.clock, self.serve))
        return self.channels[-1]

    async def start(self, nodes: Iterable[NodeId]) -> None:
        self._note("start", nodes)

    async def _kill(self, nodes: Sequence[NodeId]) -> None:
        self.lives.update(nodes)
        self._note("kill", nodes)

    async def _pause(self, nodes: Sequence[NodeId]) -> None:
        self.held.update(nodes)
        self._note("pause", nodes)

    async def resume(self, nodes: Iterable[NodeId]) -> None:
        self.held.difference_update(nodes)
        self._note("resume", nodes)

    async def _cut(self, links: Sequence[Link]) -> None:
        self.cut_links.update(links)
        self._note("cut", links)

    async def _mend(self, but: Sequence[Link]) -> None:
        self.cut_links = set(but)
        self._note("mend", but)

    async def life(self, node: NodeId) -> str:
        return f"life {self.lives[node]}"

    async def stopped(self, node: NodeId) -> bool:
        return node in self.held

    async def is_cut(self, links: Sequence[Link]) -> bool | None:
        return self.cut_links >= set(links) if links else None

    async def status(self, node: NodeId) -> Status | None:
        role = "leader" if node == self.leading else "follower"
        return Status(node, {"role": role, "term": 1}, {})

    def state(self, node: NodeId) -> NodeState:
        return NodeState(paused=node in self.held)

    async def collect_logs(self, folder: Path) -> Sequence[Path]:
        return ()

    def crashes(self) -> Mapping[NodeId, str]:
        return {}
