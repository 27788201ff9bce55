"""Faults cut what their names say, and schedules are fair, whole and drawn from the seed alone."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.coverage import coverage
from checker.formats.writing import write
from checker.history import History
from harness.clock import SECOND_NS
from harness.cluster import Capability, Link
from harness.conditions import Conditions
from harness.config import RunConfig
from harness.errors import EnvironmentFailed, UsageError
from harness.nemesis.catalogue import FAMILIES, FAULTS
from harness.nemesis.clocks import STEPS
from harness.nemesis.fault import Target, choose
from harness.nemesis.nemesis import Nemesis
from harness.nemesis.partition import (
    SUCCESSION_NS,
    bridge,
    halves,
    isolated,
    majorities_ring,
    one_way,
)
from harness.nemesis.schedule import PlannedFault, choose_faults, draw
from harness.recorder import Recorder
from harness.run import Run, plan
from harness.store import RunDirectory
from systems_under_test.quorum import majority
from tests.harness.fakes import FakeCluster

SIZES = st.integers(4, 15)

USUAL_NS = dict.fromkeys(FAMILIES, 5 * SECOND_NS)


def names(count: int) -> list[str]:
    return [f"n{number}" for number in range(1, count + 1)]


def reaches(links: list[Link], nodes: list[str], node: str) -> set[str]:
    """The nodes that `node` still exchanges messages with, itself among them."""
    cut = set(links)
    return {
        other
        for other in nodes
        if other == node or ((node, other) not in cut and (other, node) not in cut)
    }


@given(SIZES)
def test_halves_meet_nowhere_and_are_whole_inside(count: int) -> None:
    nodes = names(count)
    links, _ = halves(nodes)
    sides = {frozenset(reaches(links, nodes, node)) for node in nodes}
    assert sorted(map(len, sides)) == [count // 2, count - count // 2]


@given(SIZES)
def test_in_a_majorities_ring_each_sees_a_majority_and_no_two_the_same(count: int) -> None:
    nodes = names(count)
    links, _ = majorities_ring(nodes)
    seen = [frozenset(reaches(links, nodes, node)) for node in nodes]
    assert all(len(side) >= majority(count) for side in seen)
    # With four nodes a majority is three, and the ring leaves out the one opposite; where the
    # neighbours on both sides are everybody, nothing is cut.
    if links:
        assert len(set(seen)) == count


@given(SIZES)
def test_a_bridge_sees_all_and_its_banks_only_it(count: int) -> None:
    nodes = names(count)
    links, _ = bridge(nodes)
    assert reaches(links, nodes, nodes[0]) == set(nodes)
    for node in nodes[1:]:
        assert nodes[0] in reaches(links, nodes, node)
        assert len(reaches(links, nodes, node)) < count


def test_isolated_and_one_way() -> None:
    nodes = names(3)
    assert set(isolated("n1", nodes)[0]) == {
        ("n1", "n2"), ("n2", "n1"), ("n1", "n3"), ("n3", "n1"),
    }  # fmt: skip
    assert one_way("n1", nodes, outwards=True)[0] == [("n1", "n2"), ("n1", "n3")]
    assert one_way("n1", nodes, outwards=False)[0] == [("n2", "n1"), ("n3", "n1")]


def test_estranged_leaders_are_cut_off_from_each_other_alone() -> None:
    class Elects(FakeCluster):
        async def _cut(self, links: Sequence[Link]) -> None:
            await super()._cut(links)
            self.leading = "n3"

    cluster = Elects()
    told = cluster.clock.run(FAULTS["estrange-leaders"].inject(cluster, Random(1)))
    (_, first, cut), (_, second, left) = cluster.done
    assert (first, second) == ("cut", "mend")
    assert set(cut) == set(isolated("n1", cluster.nodes)[0])
    assert set(left) == {("n1", "n3"), ("n3", "n1")}
    assert told.startswith("n1 cut off until n3 led in its place")


def test_without_a_successor_the_leader_is_cut_off_from_some_other_node() -> None:
    cluster = FakeCluster()
    told = cluster.clock.run(FAULTS["estrange-leaders"].inject(cluster, Random(1)))
    assert "nobody led in its place" in told
    (_, _, cut), (at_ns, _, left) = cluster.done
    assert at_ns == SUCCESSION_NS
    assert len(left) == 2
    assert set(left) < set(cut)


@given(st.integers(1, 15), st.sampled_from(list(Target)), st.integers())
def test_targets_are_as_many_as_their_names_say(count: int, target: Target, seed: int) -> None:
    if count < target.least_nodes:
        return
    cluster = FakeCluster(count)
    chosen = cluster.clock.run(choose(target, cluster, Random(seed)))
    assert len(set(chosen)) == len(chosen)
    sizes = {
        Target.ONE: len(chosen) == 1,
        Target.MINORITY: 1 <= len(chosen) < majority(count),
        Target.MAJORITY: majority(count) <= len(chosen) <= count,
        Target.ALL: chosen == cluster.nodes,
        Target.LEADER: chosen == ("n1",),
    }
    assert sizes[target]


def test_without_a_leader_some_node_is_hit() -> None:
    cluster = FakeCluster(5, leader=None)
    (chosen,) = cluster.clock.run(choose(Target.LEADER, cluster, Random(1)))
    assert chosen in cluster.nodes


@given(
    seed=st.integers(),
    seconds=st.floats(0.1, 600),
    families=st.lists(st.sampled_from(sorted(FAMILIES)), min_size=1, unique=True),
)
def test_schedules(seed: int, seconds: float, families: list[str]) -> None:
    """Every family strikes, never overlaps itself, begins with the leader, and heals in time."""
    length_ns = int(seconds * SECOND_NS)
    chosen = choose_faults(families, 5)
    schedule = draw(chosen, length_ns, seed, USUAL_NS)
    assert schedule == draw(chosen, length_ns, seed, USUAL_NS)
    assert [planned.number for planned in schedule] == list(range(1, len(schedule) + 1))
    for family in families:
        own = [planned for planned in schedule if planned.fault.family == family]
        assert own
        assert own[0].fault.at_leader == any(fault.at_leader for fault in chosen[family])
        for earlier, later in itertools.pairwise(own):
            assert earlier.until_ns <= later.at_ns
        assert all(0 <= planned.at_ns < planned.until_ns <= length_ns for planned in own)
        kinds = {planned.fault.name for planned in own}
        assert len(kinds) == min(len(own), len(FAMILIES[family])), "each comes before any repeats"


def test_each_family_strikes_as_often_as_it_is_told() -> None:
    cycles_ns = {**USUAL_NS, "kill": SECOND_NS // 2}
    often = draw(choose_faults(["kill", "pause"], 5), 20 * SECOND_NS, 1, cycles_ns)
    assert Counter(planned.fault.family for planned in often) == {"kill": 40, "pause": 4}


def test_a_schedule_survives_being_stored() -> None:
    for planned in draw(choose_faults(list(FAMILIES), 5), 60 * SECOND_NS, 1, USUAL_NS):
        assert PlannedFault.from_json(planned.to_json()) == planned


@pytest.mark.parametrize(
    ("name", "nodes"),
    [("partition-majorities-ring", 2), ("partition", 1), ("kill-minority", 2)],
)
def test_faults_that_make_no_sense_are_refused(name: str, nodes: int) -> None:
    with pytest.raises(UsageError, match="needs at least"):
        choose_faults([name], nodes)


def test_the_nemesis_does_and_undoes_at_the_planned_moments(tmp_path: Path) -> None:
    cluster = FakeCluster()
    recorder = Recorder(tmp_path / "history.jsonl", cluster.clock)
    nemesis = Nemesis(cluster, recorder, cluster.clock)
    schedule = [
        PlannedFault(1, FAULTS["kill-leader"], 2 * SECOND_NS, 3 * SECOND_NS, 1),
        PlannedFault(2, FAULTS["kill-all"], 5 * SECOND_NS, 6 * SECOND_NS, 2),
    ]
    cluster.clock.run(nemesis.perform(schedule, SECOND_NS))
    assert [(at_ns // SECOND_NS, what, nodes) for at_ns, what, nodes in cluster.done] == [
        (3, "kill", ("n1",)),
        (4, "start", cluster.nodes),
        (6, "kill", cluster.nodes),
        (7, "start", cluster.nodes),
    ]
    spans = History.read(tmp_path / "history.jsonl").faults
    assert [(span.name, span.detail) for span in spans] == [
        ("kill-leader", "killed n1"),
        ("kill-all", "killed n1, n2, n3, n4, n5"),
    ]
    assert all(span.healed is not None for span in spans)


class Busy(FakeCluster):
    """Nodes that show nothing at first: they are down, or too busy to answer. Where `shows_late`,
    they show what is in force when it is looked at again."""

    def __init__(self, *, shows_late: bool) -> None:
        super().__init__()
        self.shows_late = shows_late
        self.offsets_ns: dict[str, int] = {}
        self.conditions: Mapping[Link, Conditions] = {}
        self.looked: Counter[str] = Counter()

    def _shows(self, what: str) -> bool:
        self.looked[what] += 1
        return self.shows_late and self.looked[what] > 1

    async def is_cut(self, links: Sequence[Link]) -> bool | None:
        return self._shows("cut") or None

    async def _skew(self, offsets_ns: Mapping[str, int]) -> None:
        self.offsets_ns = dict(offsets_ns)

    async def offset_ns(self, node: str) -> int | None:
        return self.offsets_ns.get(node) if self._shows(node) else None

    async def _disturb(self, links: Mapping[Link, Conditions]) -> None:
        self.conditions = links

    async def is_disturbed(self, links: Mapping[Link, Conditions]) -> bool | None:
        return None

    async def met(self, capability: Capability) -> int | None:
        disturbed = capability is Capability.PACKET and bool(self.conditions)
        return 7 if disturbed and self.shows_late else 0


@pytest.mark.parametrize("shows_late", [True, False])
@pytest.mark.parametrize("name", ["clock-leap", "clock-drift", "isolate-one", "packet-loss"])
def test_what_shows_only_before_it_is_healed_was_in_force(
    name: str, *, shows_late: bool, tmp_path: Path
) -> None:
    cluster = Busy(shows_late=shows_late)
    recorder = Recorder(tmp_path / "history.jsonl", cluster.clock)
    planned = PlannedFault(1, FAULTS[name], SECOND_NS, 9 * SECOND_NS, 1)
    if name == "clock-drift":
        cluster.looked.subtract(dict.fromkeys(cluster.nodes, STEPS - 1))  # It sets them so often.
    cluster.clock.run(Nemesis(cluster, recorder, cluster.clock).perform([planned], 0))
    history = History.read(tmp_path / "history.jsonl")
    (span,) = history.faults
    assert span.applied is shows_late
    assert bool(span.nodes) is bool(span.seen) is shows_late
    (covered,) = coverage(history, [("family", name)], len(cluster.nodes))
    assert covered.in_force == shows_late
    assert bool(covered.targets) is shows_late
    write(history, tmp_path / "again.jsonl")
    assert History.read(tmp_path / "again.jsonl").faults == history.faults


def test_a_clock_that_was_set_right_meanwhile_shows_nothing_later(tmp_path: Path) -> None:
    cluster = Busy(shows_late=True)
    cluster.clock.run(cluster.skew({"n1": SECOND_NS, "n2": SECOND_NS}))
    cluster.clock.run(cluster.skew({"n2": 2 * SECOND_NS}))
    cluster.clock.run(cluster.look_again([Capability.CLOCK]))
    assert [effect.nodes for effect in cluster.effects] == [("n2",)]
    cluster.clock.run(cluster.cut([("n1", "n2")]))
    cluster.clock.run(cluster.mend())
    cluster.clock.run(cluster.look_again([Capability.CUT]))
    assert len(cluster.effects) == 1


def test_what_would_begin_after_the_end_is_left_out(tmp_path: Path) -> None:
    cluster = FakeCluster()
    nemesis = Nemesis(cluster, Recorder(tmp_path / "h.jsonl", cluster.clock), cluster.clock)
    late = [
        PlannedFault(1, FAULTS["kill-all"], SECOND_NS, 2 * SECOND_NS, 1),
        PlannedFault(2, FAULTS["kill-all"], 3 * SECOND_NS, 4 * SECOND_NS, 1),
    ]
    begin_ns = cluster.clock.now_ns()
    cluster.clock.run(nemesis.perform(late, begin_ns, begin_ns + 2 * SECOND_NS))
    assert [what for _, what, _ in cluster.done] == ["kill", "start"]


def test_healing_everything_restores_what_any_family_breaks(tmp_path: Path) -> None:
    cluster = FakeCluster()
    nemesis = Nemesis(cluster, Recorder(tmp_path / "h.jsonl", cluster.clock), cluster.clock)
    cluster.clock.run(nemesis.heal_everything())
    assert [what for _, what, _ in cluster.done] == ["mend", "resume", "start"]


def test_what_does_not_heal_ends_the_run_with_its_name(tmp_path: Path) -> None:
    """A cluster whose paused nodes stay stopped, and one in which a fault fails besides."""

    class Stuck(FakeCluster):
        async def resume(self, nodes: Iterable[str]) -> None:
            self._note("resume", nodes)

    class Failing(Stuck):
        async def _kill(self, nodes: Sequence[str]) -> None:
            raise EnvironmentFailed("no way to kill: see to that")

    class Unmended(Stuck):
        async def open(self) -> None:
            await super().open()
            await self.pause(["n1"])

        async def _mend(self, but: Sequence[Link]) -> None:
            raise EnvironmentFailed("no way to mend: see to that")

    def fails(cluster: FakeCluster, *faults: str) -> str:
        config = RunConfig(system="raft", faults=faults, seed=3, clients=1, time_limit=2.0)
        recorder = Recorder(tmp_path / "-".join(faults), cluster.clock)
        run = Run(plan(config, cluster), cluster, recorder)
        with pytest.raises(EnvironmentFailed) as failed:
            cluster.clock.run(run.perform())
        return str(failed.value)

    assert "healed and are still in force (n" in fails(Stuck(), "pause-all")
    told = fails(Unmended(), "isolate-one")
    assert told.startswith("no way to mend: see to that; healing failed as well: no way to mend")
    assert told.endswith("; still in force: n1 stopped")
    told = fails(Failing(), "pause-all", "kill-one")
    assert told.startswith("no way to kill: see to that")


def test_a_cluster_without_the_rights_is_refused_before_any_call(tmp_path: Path) -> None:
    """A Docker cluster finds out only while it opens whether it may cut links."""

    class Weak(FakeCluster):
        async def open(self) -> None:
            await super().open()
            self.capabilities = frozenset({Capability.KILL, Capability.PAUSE})

    cluster = Weak()
    config = RunConfig(system="raft", faults=("kill", "partition"))
    planned = plan(config, cluster)
    directory = RunDirectory.create(tmp_path, "weak")
    recorder = Recorder(directory.history, cluster.clock)
    run = Run(planned, cluster, recorder)
    with pytest.raises(EnvironmentFailed, match="cannot cut, which the fault"):
        cluster.clock.run(run.perform())
    assert cluster.done[-1][1] == "close"
    assert recorder.outcomes.total() == 0


def test_faults_outlast_a_failover_where_there_is_room() -> None:
    families = choose_faults(["kill"], 5)
    short = draw(families, 60 * SECOND_NS, 1, {"kill": 10 * SECOND_NS})
    long = draw(families, 60 * SECOND_NS, 1, {"kill": 10 * SECOND_NS}, 3 * SECOND_NS)
    assert [one.at_ns for one in long] == [one.at_ns for one in short]
    assert any(one.until_ns - one.at_ns < 3 * SECOND_NS for one in short)
    assert all(one.until_ns - one.at_ns >= 3 * SECOND_NS for one in long)


def test_faults_come_less_often_where_a_failover_takes_long() -> None:
    families = choose_faults(["partition", "kill"], 5)
    cycles_ns = dict.fromkeys(families, 2 * SECOND_NS)
    for seed in range(20):
        drawn = draw(families, 60 * SECOND_NS, seed, cycles_ns, 3 * SECOND_NS)
        assert all(one.until_ns - one.at_ns >= 3 * SECOND_NS for one in drawn)
        assert all(one.until_ns <= 60 * SECOND_NS for one in drawn)
