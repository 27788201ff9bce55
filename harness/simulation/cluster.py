"""A cluster in virtual time: nodes, their disks, the network and the clients' ways to them.

Everything random is drawn from generators derived from the run's seed, so a run is a function of
its seed, its options and the code. Its *fingerprint* is the hash of its trace: every step of every
node, in order, with its moment and what it was about.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from harness.cluster import Capability, Channel, Cluster, Link, NoAnswer, NodeState, Unreachable
from harness.conditions import Conditions, Corruption, Weakness
from harness.simulation.clock import VirtualClock, Waiter
from harness.simulation.disk import Disk
from harness.simulation.network import DirectedLink, Network
from harness.simulation.node import SimulatedNode
from harness.simulation.tape import Tape, TapedLink, TapedNode
from harness.simulation.trace import Trace
from harness.simulation.world import World
from systems_under_test.node import Message, Node, NodeId, Payload
from systems_under_test.requests import Refusal, Reply, Request, Status
from systems_under_test.wire import Codec


class SimulatedCluster(Cluster):
    """The nodes of one simulated run."""

    environment = "simulated"
    capabilities = frozenset(Capability) - {Capability.LOG, Capability.CPU, Capability.MEMORY}

    def __init__(
        self,
        *,
        system: Callable[..., Node],
        nodes: Iterable[NodeId],
        seed: int,
        world: World,
        keep_trace: bool = False,
        most_events: int | None = None,
        tape: Tape | None = None,
        members: Iterable[NodeId] | None = None,
    ) -> None:
        super().__init__()
        self.nodes = tuple(nodes)
        self.members = self.nodes if members is None else tuple(members)
        self.clock: VirtualClock = VirtualClock(most_events)
        self.world = world
        self.trace = Trace(keep_trace)
        self.clock.look = self.trace.digest
        self.findings: list[str] = []
        self._random = Random(f"{seed}:cluster")
        self._seed = seed
        self._system = system
        self._codec = Codec(system.payloads) if world.wired else None  # type: ignore[attr-defined]
        self._channels: dict[NodeId, _Connection] = {}
        self._connections = 0
        self._skews: dict[NodeId, int] = {}  # By faults, beside the world's own jumps.
        self._harmed: set[NodeId] = set()  # By faults, beside the world's own damages.
        self._lives: dict[NodeId, int] = dict.fromkeys(self.nodes, 0)
        self._killed: set[NodeId] = set()
        watcher = getattr(system, "invariants", None)
        self._invariants = watcher() if watcher is not None else None
        self.tape = tape
        syncs: bool = getattr(system, "syncs", True)
        make_place: Callable[..., SimulatedNode] = SimulatedNode
        make_link: Callable[..., DirectedLink] = DirectedLink
        if tape is not None:
            tape.clock = self.clock
            make_place, make_link = partial(TapedNode, tape), partial(TapedLink, tape)
        self.places = {
            name: make_place(
                name,
                self._maker(name),
                self.clock,
                world,
                Disk(Random(f"{seed}:disk:{name}"), world.torn, syncs=syncs),
                Random(f"{seed}:syncs:{name}"),
                self.trace,
                self.check_invariants,
                number,
            )
            for number, name in enumerate(self.nodes)
        }
        receivers = {name: place.step for name, place in self.places.items()}
        self._network = Network(self.clock, world, receivers, Random(f"{seed}:network"), make_link)
        for name, place in self.places.items():
            ways = self._network.ways_from(name)
            place.ways = {target: self._wired(way) for target, way in ways.items()}
            place.elsewhere = self._wired(self._send_elsewhere)

    def _maker(self, name: NodeId) -> Callable[[], Node]:
        peers = [node for node in self.nodes if node != name]

        def make() -> Node:
            self._lives[name] += 1
            random = Random(f"{self._seed}:node:{name}:{self._lives[name]}")
            if self.members == self.nodes:
                return self._system(name, peers, random)
            return self._system(name, peers, random, self.members)

        return make

    # --- messages ---------------------------------------------------------------------------------

    def _wired(self, send: Callable[[Message], None]) -> Callable[[Message], None]:
        """The same way, or one on which every message is written and read back."""
        codec = self._codec
        if codec is None:
            return send

        def send_wired(message: Message) -> None:
            payload = codec.decode(codec.encode(message.payload))
            send(Message(message.source, message.target, payload))

        return send_wired

    def _send_elsewhere(self, message: Message) -> None:
        """To a client that is still there, or to the node itself."""
        target = message.target
        if target in self.places:
            self.clock.at(self.clock.moment_ns, self.places[target].receive, message)
        elif target in self._channels:
            connection, takes_ns = self._channels[target], self.world.client_latency_ns
            self.clock.at(self.clock.moment_ns + takes_ns, connection.answered, message.payload)
            if self.tape is not None:
                self.tape.answered(message, connection.process, takes_ns)

    def check_invariants(self, changed: Node | None = None) -> None:
        """Look at the cluster, or at what a node changed; what is broken first is a finding."""
        if self._invariants is None or self.findings:
            return
        live = [place.node for place in self.places.values() if place.node is not None]
        try:
            self._invariants.check(live, changed)
        except AssertionError as error:
            self.findings.append(f"an invariant of the cluster is broken: {error}")
        except Exception as error:
            # A mistake in the invariants themselves is the author's to know, as one in a node is.
            self.findings.append(f"the invariants of the cluster ended with {error!r}")
        if self.findings and self.tape is not None and self.tape.stops_at_finding:
            self.clock.stop()

    # --- the controls -----------------------------------------------------------------------------

    async def open(self) -> None:
        for place in self.places.values():
            place.start()
        world = self.world
        for jump in world.jumps:
            self.clock.at(jump.at_ns, self.places[jump.node].jump, jump.by_ns)
        for blink in world.blinks:
            self.clock.at(blink.at_ns, self.places[blink.node].kill, None)
            self.clock.at(blink.at_ns + blink.for_ns, self._repair, blink.node)
        for damage in world.damages:
            self.clock.at(damage.at_ns, self._damage, damage.node)
        for failure in world.disk_failures:
            self.clock.at(failure.at_ns, self._fail_disk, failure.node)
            self.clock.at(failure.at_ns + failure.for_ns, self._repair, failure.node)

    async def close(self) -> None:
        self.check_invariants()
        for place in self.places.values():
            place.kill()

    def channel(self, process: int) -> Channel:
        return SimulatedChannel(self, process)

    async def start(self, nodes: Iterable[NodeId]) -> None:
        for name in nodes:
            self._killed.discard(name)
            place = self.places[name]
            if place.dies_after is not None:
                place.kill()
            place.start()

    async def _kill(self, nodes: Sequence[NodeId]) -> None:
        """Now, or in the middle of the next step, between two of its effects."""
        for name in nodes:
            place = self.places[name]
            self._killed.add(name)
            if place.running:
                late = self.world.late_kills and self._random.random() < self.world.late_kills
                if late and not place.paused:
                    place.dies_after = self._random.randrange(4)
                else:
                    place.kill()

    async def _lose_power(self, nodes: Sequence[NodeId]) -> None:
        self._killed.update(nodes)
        for name in nodes:
            self.places[name].kill()
            self.places[name].disk.lose_power()

    async def _pause(self, nodes: Sequence[NodeId]) -> None:
        for name in nodes:
            self.places[name].pause()

    async def resume(self, nodes: Iterable[NodeId]) -> None:
        for name in nodes:
            self.places[name].resume()

    async def _cut(self, links: Sequence[Link]) -> None:
        self._network.cut_links(links)

    async def _mend(self, but: Sequence[Link]) -> None:
        self._network.mend(but)

    async def life(self, node: NodeId) -> str:
        """One that is to die in the middle of its next step counts as dead."""
        place = self.places[node]
        return f"life {self._lives[node]}" if place.running and place.dies_after is None else ""

    async def stopped(self, node: NodeId) -> bool:
        return self.places[node].paused

    async def is_cut(self, links: Sequence[Link]) -> bool | None:
        return all(self._network.links[link].cut for link in links) if links else None

    async def _fill(self, node: NodeId) -> bool:
        """The next sync fails, and the node stops, as real ones do."""
        self.places[node].disk_full = True
        return True

    async def free(self) -> None:
        for name, place in self.places.items():
            if place.disk_full or place.weakness is not None:
                place.disk_full, place.weakness = False, None
                self._repair(name)

    async def _harm(self, node: NodeId, damage: Corruption) -> str:
        place = self.places[node]
        place.kill()
        if place.disk.damaged:
            return ""
        told = place.disk.harm(damage, refused=getattr(self._system, "refuses_damage", True))
        if place.disk.damaged:
            self._harmed.add(node)
            return f"the journal of {node} {told}; and it refuses to start"
        await self.start([node])
        return f"the journal of {node} {told}; and it serves on that"

    async def repair(self) -> None:
        harmed, self._harmed = self._harmed, set()
        for node in self.nodes:
            if node in harmed:
                self.places[node].disk.damaged = False
                await self.start([node])

    async def _weaken(self, weaknesses: Mapping[NodeId, Weakness]) -> None:
        for name, place in self.places.items():
            place.weakness = weaknesses.get(name)

    async def weakness_met(self, node: NodeId) -> int:
        return self.places[node].weakness_met

    async def _terminate(self, nodes: Sequence[NodeId], grace_ns: int) -> Sequence[NodeId]:
        """Our own nodes end at once and finish no write; paused ones hear nothing of it."""
        forced = [name for name in nodes if self.places[name].paused]
        self._killed.update(nodes)
        for name in nodes:
            self.places[name].kill()
        return forced

    async def _skew(self, offsets_ns: Mapping[NodeId, int]) -> None:
        for name, place in self.places.items():
            offset_ns = offsets_ns.get(name, 0)
            place.jump(offset_ns - self._skews.get(name, 0))
            self._skews[name] = offset_ns

    async def offset_ns(self, node: NodeId) -> int | None:
        return self._skews.get(node)

    async def _disturb(self, links: Mapping[Link, Conditions]) -> None:
        self._network.disturb(links)

    async def is_disturbed(self, links: Mapping[Link, Conditions]) -> bool | None:
        return all(self._network.links[link].conditions is not None for link in links)

    async def met(self, capability: Capability) -> int | None:
        """The messages that were under conditions."""
        if capability is not Capability.PACKET:
            return None
        return sum(link.met for link in self._network.links.values())

    async def in_force(self) -> list[str]:
        links = self._network.links.items()
        harmed = [f"the journal of {node} damaged" for node in self.nodes if node in self._harmed]
        held = [f"{one} to {other}" for (one, other), link in links if link.cut or link.conditions]
        return [*await super().in_force(), *held, *harmed]

    async def calm(self) -> None:
        self._network.calm()

    async def status(self, node: NodeId) -> Status | None:
        place = self.places[node]
        if not place.running or place.paused:
            return None
        return Status(node, place.facts(), place.counters)

    def state(self, node: NodeId) -> NodeState:
        place = self.places[node]
        return NodeState(node not in self._killed and place.running, place.paused)

    async def collect_logs(self, folder: Path) -> Sequence[Path]:
        return ()

    def crashes(self) -> Mapping[NodeId, str]:
        return {name: place.failed for name, place in self.places.items() if place.failed}

    def describe(self) -> dict[str, Any]:
        return {"world": self.world.to_json(), "fingerprint": self.trace.fingerprint()}

    def _damage(self, node: NodeId) -> None:
        self.places[node].kill()
        self.places[node].disk.damaged = True

    def _fail_disk(self, node: NodeId) -> None:
        self.places[node].disk_fails = True

    def _repair(self, node: NodeId) -> None:
        """Start a node again that the world took down, unless the nemesis holds it down."""
        place = self.places[node]
        place.disk_fails = False
        if node not in self._killed:
            place.start()

    def connect(self, connection: "_Connection") -> NodeId:
        """Name a client's connection."""
        self._connections += 1
        name = f"client-{self._connections}"
        self._channels[name] = connection
        return name

    def disconnect(self, name: NodeId) -> None:
        self._channels.pop(name, None)


class _Connection:
    """One request under way: its answer, if one comes."""

    def __init__(self, cluster: SimulatedCluster, process: int) -> None:
        self._cluster = cluster
        self.process = process
        self.name = cluster.connect(self)
        self.sequence = 0
        self.waiter: Waiter | None = None

    def answered(self, payload: Payload) -> None:
        """Take the answer to the request under way; one to an earlier request is thrown away."""
        if (
            isinstance(payload, (Reply, Refusal))
            and self.waiter is not None
            and payload.sequence == self.sequence
        ):
            self.waiter.resolve(payload)


class SimulatedChannel(Channel):
    """One process's way to the simulated nodes: a connection a node, remade after each silence."""

    def __init__(self, cluster: SimulatedCluster, process: int) -> None:
        self._cluster = cluster
        self._process = process
        self._connections: dict[NodeId, _Connection] = {}

    async def ask(self, node: NodeId, request: Request, until_ns: int) -> Reply | Refusal:
        cluster, clock = self._cluster, self._cluster.clock
        await clock.sleep_until_ns(clock.now_ns() + cluster.world.client_latency_ns)
        place = cluster.places[node]
        if not place.running:
            raise Unreachable(f"{node} is down")
        connection = self._connections.get(node)
        if connection is None:
            connection = self._connections[node] = _Connection(cluster, self._process)
        waiter = Waiter(clock)
        connection.sequence = request.sequence
        connection.waiter = waiter
        message = Message(connection.name, node, request)
        if cluster.tape is not None:
            cluster.tape.asked(message, self._process, cluster.world.client_latency_ns)
        place.receive(message)
        if not waiter.resolved:
            clock.at(max(until_ns, clock.now_ns()), waiter.resolve, None)
        answer = await waiter
        connection.waiter = None
        if answer is None:
            # A late answer must not be taken for that of a later request.
            cluster.disconnect(connection.name)
            del self._connections[node]
            raise NoAnswer("no answer in time")
        assert isinstance(answer, (Reply, Refusal))
        return answer

    async def close(self) -> None:
        for connection in self._connections.values():
            self._cluster.disconnect(connection.name)
        self._connections.clear()
