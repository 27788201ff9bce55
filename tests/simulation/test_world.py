"""The parts of the simulated world, each against what it promises."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import SECOND_NS
from harness.config import RunConfig
from harness.errors import UsageError
from harness.simulation.clock import Runaway, VirtualClock, Waiter
from harness.simulation.disk import Disk
from harness.simulation.network import Network
from harness.simulation.node import SimulatedNode
from harness.simulation.scenario import Scenario, swarm
from harness.simulation.trace import Trace
from harness.simulation.world import CALM, Clog, Latency, World, draw_world
from systems_under_test.node import Message, Node, Payload, Persist, Received, SetTimer
from systems_under_test.requests import Request

NODES = ("n1", "n2", "n3")


def request(number: int) -> Request:
    return Request(0, number, "write", "x", number)


# --- the clock ------------------------------------------------------------------------------------


def test_things_happen_in_order_of_time_and_then_of_asking() -> None:
    clock = VirtualClock()
    seen: list[tuple[int, str]] = []

    def arrive(what: str) -> None:
        seen.append((clock.now_ns(), what))

    async def main() -> None:
        clock.at(5, arrive, "b")
        clock.at(5, arrive, "c")
        clock.at(3, arrive, "a")
        await clock.sleep_until_ns(9)

    clock.run(main())
    assert seen == [(3, "a"), (5, "b"), (5, "c")]
    assert clock.now_ns() == 9


def test_together_ends_with_the_last_or_at_the_first_error() -> None:
    clock = VirtualClock()
    ended: list[int] = []

    async def sleeper(until_ns: int) -> None:
        try:
            await clock.sleep_until_ns(until_ns)
        finally:
            ended.append(clock.now_ns())

    async def failing() -> None:
        await clock.sleep_until_ns(20)
        raise UsageError("no")

    clock.run(clock.together(sleeper(10), sleeper(5)))
    assert ended == [5, 10]
    with pytest.raises(UsageError):
        clock.run(clock.together(sleeper(100), failing()))
    assert ended == [5, 10, 20], "the others are ended where they stand"


def test_a_run_that_waits_for_nothing_is_a_mistake_and_a_storm_is_stopped() -> None:
    clock = VirtualClock()

    async def forever() -> None:
        await Waiter(clock)

    with pytest.raises(RuntimeError, match="never happen"):
        clock.run(forever())

    stormy = VirtualClock(most_events=1_000)

    def again(number: int) -> None:
        stormy.at(stormy.now_ns() + 1, again, number + 1)

    async def storm() -> None:
        again(1)
        await stormy.sleep_until_ns(SECOND_NS)

    with pytest.raises(Runaway):
        stormy.run(storm())


# --- the network ----------------------------------------------------------------------------------


def carried(world: World, count: int, cut: bool = False) -> list[tuple[int, int]]:
    """Send messages 0, 1, ... a microsecond apart; when each arrives."""
    clock = VirtualClock()
    arrived: list[tuple[int, int]] = []

    def arrive(event: Received) -> None:
        assert isinstance(event.message.payload, Request)
        arrived.append((clock.now_ns(), event.message.payload.sequence))

    network = Network(clock, world, dict.fromkeys(NODES, arrive), Random(7))
    if cut:
        network.cut_links([("n1", "n2")])

    async def main() -> None:
        for number in range(count):
            network.links["n1", "n2"].send(Message("n1", "n2", request(number)))
            await clock.sleep_until_ns(clock.now_ns() + 1_000)
        await clock.sleep_until_ns(clock.now_ns() + 60 * SECOND_NS)

    clock.run(main())
    return arrived


@pytest.mark.parametrize("latency", list(Latency))
def test_without_reordering_messages_keep_their_order(latency: Latency) -> None:
    regions = (0, 1, 2) if latency is Latency.WAN else ()
    numbers = [n for _, n in carried(World(latency=latency, regions=regions), 500)]
    assert numbers == list(range(500))


def test_reordering_loss_and_duplication_do_what_they_say() -> None:
    numbers = [n for _, n in carried(World(latency=Latency.UNIFORM, reordering=True), 500)]
    assert numbers != sorted(numbers)
    assert sorted(numbers) == list(range(500))
    assert 850 < len(carried(World(loss=0.1), 1_000)) < 950
    assert 1_050 < len(carried(World(duplication=0.1), 1_000)) < 1_150


def test_a_cut_link_carries_nothing_and_a_clogged_one_all_at_once() -> None:
    assert carried(CALM, 10, cut=True) == []
    clogged = World(clogs=(Clog("n1", "n2", 0, SECOND_NS),))
    assert {moment for moment, _ in carried(clogged, 10)} == {SECOND_NS}


# --- the disk -------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(), max_size=4), max_size=6), st.integers(), st.booleans())
def test_a_crash_keeps_what_was_synced_and_at_most_a_beginning_of_the_rest(
    groups: list[list[int]], seed: int, torn: bool
) -> None:
    disk = Disk(Random(seed), torn)
    synced: list[Payload] = []
    for group in groups[:-1]:
        disk.write([request(number) for number in group])
        disk.synced()
        synced += [request(number) for number in group]
    last = [request(number) for number in groups[-1]] if groups else []
    disk.write(last)
    disk.crash()
    lost = disk.durable[len(synced) :]
    assert disk.durable[: len(synced)] == synced
    assert lost == last[: len(lost)]
    assert torn or not lost


def test_a_replacement_is_there_wholly_or_not_at_all() -> None:
    seen = set()
    for seed in range(20):
        disk = Disk(Random(seed), torn=True)
        disk.write([request(1), request(2)])
        disk.synced()
        disk.write([request(3), request(4)], replaces=True)
        disk.crash()
        seen.add(len(disk.durable) == 2 and disk.durable[0] == request(3))
        assert disk.durable in ([request(1), request(2)], [request(3), request(4)])
    assert seen == {True, False}


# --- the driver of a node -------------------------------------------------------------------------


class Echoing(Node):
    """Persists what it is sent and answers; one timer."""

    def on_start(self, stored: tuple[Payload, ...]) -> None:
        self.known = list(stored)

    def on_message(self, message: Message) -> None:
        self._effects.append(Persist(message.payload))
        self.send(message.source, message.payload)

    def on_timer(self, name: str) -> None:
        self.fired_ns = self.now_ns

    def facts(self) -> dict[str, Any]:
        return {"known": len(self.known)}


def place_of(world: World, number: int = 0) -> tuple[VirtualClock, SimulatedNode, list[int]]:
    clock = VirtualClock()
    sent: list[int] = []
    place = SimulatedNode(
        "n1",
        lambda: Echoing("n1", (), Random(1)),
        clock,
        world,
        Disk(Random(1), torn=False),
        Random(1),
        Trace(keep=False),
        lambda _: None,
        number,
    )
    place.elsewhere = lambda message: sent.append(clock.now_ns())
    place.start()
    return clock, place, sent


def test_nothing_is_answered_before_it_is_durable() -> None:
    clock, place, sent = place_of(World(sync_ns=1_000))

    async def main() -> None:
        place.receive(Message("client-1", "n1", request(1)))
        await clock.sleep_until_ns(999)
        assert sent == []
        await clock.sleep_until_ns(2_000)

    clock.run(main())
    assert sent == [1_000]
    assert place.disk.durable == [request(1)]


def test_one_sync_serves_all_that_came_while_the_last_one_went_on() -> None:
    clock, place, sent = place_of(World(sync_ns=1_000))

    async def main() -> None:
        for number in range(5):
            place.receive(Message("client-1", "n1", request(number)))
            await clock.sleep_until_ns(clock.now_ns() + 100)
        await clock.sleep_until_ns(5_000)

    clock.run(main())
    assert sent == [1_000, 2_000, 2_000, 2_000, 2_000]
    assert place.counters["fsyncs"] == 2


def test_a_crash_before_the_sync_loses_the_record_and_its_answer() -> None:
    clock, place, sent = place_of(World(sync_ns=1_000, torn=False))

    async def main() -> None:
        place.receive(Message("client-1", "n1", request(1)))
        await clock.sleep_until_ns(500)
        place.kill()
        place.start()
        await clock.sleep_until_ns(5_000)

    clock.run(main())
    assert sent == []
    assert place.facts() == {"known": 0}


def test_a_paused_node_takes_everything_later_and_in_order() -> None:
    clock, place, sent = place_of(World(sync_ns=10))

    async def main() -> None:
        place.pause()
        place.receive(Message("client-1", "n1", request(1)))
        await clock.sleep_until_ns(700)
        assert sent == []
        place.resume()
        await clock.sleep_until_ns(1_000)

    clock.run(main())
    assert sent == [710]


def test_timers_run_by_the_nodes_own_clock() -> None:
    """A clock that is a thousandth fast fires a timer of a second a millisecond early."""
    clock, place, _ = place_of(World(drifts_ppm=(1_000,), offsets_ns=(5,)))
    assert place.node is not None

    async def main() -> None:
        place._set_timer("t", SECOND_NS)
        place._set_timer("t", 2 * SECOND_NS)
        place._set_timer("t", SECOND_NS)
        await clock.sleep_until_ns(3 * SECOND_NS)

    clock.run(main())
    assert isinstance(place.node, Echoing)
    assert abs(place.node.fired_ns - SECOND_NS) <= 10
    assert SetTimer("t", 1) == SetTimer("t", 1)


def test_a_node_refuses_to_start_on_a_damaged_journal() -> None:
    clock, place, sent = place_of(World())

    async def main() -> None:
        place.kill()
        place.disk.damaged = True
        place.start()
        place.receive(Message("client-1", "n1", request(1)))
        await clock.sleep_until_ns(5_000)

    clock.run(main())
    assert sent == []
    assert not place.running


# --- scenarios ------------------------------------------------------------------------------------


@given(st.integers(0, 2**40), st.sampled_from(["raft", "paxos", "ring", "single"]))
def test_scenarios_survive_being_stored(seed: int, system: str) -> None:
    import json
    from pathlib import Path

    scenario = swarm(RunConfig(system=system), frozenset(), seed)
    stored = json.loads(json.dumps(scenario.to_json()))
    assert Scenario.from_json(stored, Path("scenario.json")) == scenario


def test_worlds_differ_by_seed_and_lack_whole_kinds_of_noise() -> None:
    worlds = [draw_world(NODES, 10 * SECOND_NS, seed) for seed in range(200)]
    assert len(set(worlds)) > 190
    for name in ("loss", "duplication", "clogs", "jumps", "blinks", "drifts_ppm", "late_kills"):
        having = sum(bool(getattr(world, name)) for world in worlds)
        assert 20 < having < 180, name


def test_a_damaged_node_is_never_counted_on() -> None:
    damaged = 0
    for seed in range(300):
        scenario = swarm(RunConfig(system="raft"), frozenset(), seed)
        core = scenario.core
        nodes = core.nodes if core else scenario.config.node_names
        assert len(nodes) > scenario.config.nodes // 2
        assert not {damage.node for damage in scenario.world.damages} & set(nodes)
        damaged += len(scenario.world.damages)
    assert 10 < damaged < 60
