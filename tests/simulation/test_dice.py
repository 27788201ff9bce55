"""A seed stays what it was when something is added beside what it draws: dice have names."""

import hashlib
import json
from dataclasses import dataclass, make_dataclass, replace
from random import Random
from typing import Any, ClassVar

import pytest

from harness.catalogue import WORKLOADS
from harness.clock import SECOND_NS
from harness.cluster import Capability, Cluster
from harness.config import RunConfig
from harness.nemesis.catalogue import FAMILIES, FAULTS
from harness.nemesis.fault import Fault
from harness.simulation.scenario import Scenario, swarm
from harness.simulation.simulate import simulate
from harness.simulation.world import draw_world

SEEDS = range(40)
SYSTEMS = ("raft", "ring", "single")


@dataclass(frozen=True, slots=True)
class Restart(Fault):
    """A fault that somebody adds."""

    family: ClassVar[str] = "restart"
    needs: ClassVar[frozenset[Capability]] = frozenset({Capability.KILL})

    async def inject(self, cluster: Cluster, random: Random) -> str:
        node = random.choice(cluster.nodes)
        await cluster.kill([node])
        await cluster.start([node])
        return f"restarted {node}"

    async def heal(self, cluster: Cluster) -> None:
        await cluster.start(cluster.nodes)


class RestartTwice(Restart):
    """A fault that somebody adds to a family that there is."""

    family: ClassVar[str] = "kill"


class UsualRestart(Restart):
    """A fault that somebody adds, and wants in explored seeds."""

    usual: ClassVar[bool] = True


def register(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAULTS, fault.name, fault)
    others = FAMILIES.get(fault.family, ())
    monkeypatch.setitem(FAMILIES, fault.family, (*others, fault))


def drawn() -> dict[tuple[str, int], Scenario]:
    return {
        (system, seed): swarm(RunConfig(system=system), frozenset(), seed)
        for system in SYSTEMS
        for seed in SEEDS
    }


def test_the_faults_of_old_seeds_are_what_they_were() -> None:
    """The digest was taken before there were faults of packets, power and clocks."""
    drawn_then = hashlib.sha256()
    for scenario in drawn().values():
        schedule = [planned.to_json() for planned in scenario.schedule]
        drawn_then.update(json.dumps(schedule).encode())
    assert drawn_then.hexdigest().startswith("13d71fe739232ce1")


@pytest.mark.parametrize("fault", [Restart(), RestartTwice()])
def test_a_fault_that_is_added_changes_no_seed(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = drawn()
    steps = [simulate(before["raft", seed]).fingerprint for seed in (1, 2, 3)]
    register(fault, monkeypatch)
    after = drawn()
    assert after == before
    assert [simulate(after["raft", seed]).fingerprint for seed in (1, 2, 3)] == steps
    named = swarm(RunConfig(system="raft", faults=(fault.name,)), frozenset({"faults"}), 1)
    assert {planned.fault for planned in named.schedule} == {fault}


def test_a_usual_fault_that_is_added_changes_only_the_seeds_in_which_it_strikes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = drawn()
    register(UsualRestart(), monkeypatch)
    after = drawn()
    struck = {key for key in before if "restart" in after[key].config.faults}
    assert 20 < len(struck) < 110
    for key in before.keys() - struck:
        assert after[key] == before[key]
    for key in struck:
        times = {(p.fault, p.at_ns, p.until_ns, p.seed) for p in before[key].schedule}
        kept = {(p.fault, p.at_ns, p.until_ns, p.seed) for p in after[key].schedule}
        # Where nothing else would strike, the family that rolled lowest stands in.
        stood_in = after[key].config.faults == ("restart",)
        assert times <= kept or stood_in, "the others strike as before"
        assert after[key].world == before[key].world


def test_a_workload_that_is_added_changes_no_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn()
    monkeypatch.setitem(WORKLOADS, "a-new-one", replace(WORKLOADS["register"], name="a-new-one"))
    assert drawn() == before


def test_an_option_that_is_added_changes_no_seed() -> None:
    longer: Any = make_dataclass(
        "Longer", [("another", int, 3)], bases=(RunConfig,), frozen=True, kw_only=True
    )
    for seed in SEEDS:
        plain = swarm(RunConfig(system="raft"), frozenset(), seed)
        scenario = swarm(longer(system="raft"), frozenset(), seed)
        assert scenario.schedule == plain.schedule
        assert scenario.world == plain.world
        assert scenario.config.nodes == plain.config.nodes


@pytest.mark.parametrize("option", ["clients", "rate", "keys", "operation_timeout"])
def test_an_option_that_is_pinned_leaves_all_others_as_they_were(option: str) -> None:
    for seed in SEEDS:
        free = swarm(RunConfig(system="raft"), frozenset(), seed)
        base = RunConfig(system="raft", **{option: getattr(free.config, option)})
        assert swarm(base, frozenset({option}), seed) == free


def test_each_field_of_the_world_has_dice_of_its_own() -> None:
    """Whether a node may be damaged, and how many there are, is nothing to the rest."""
    damaged = 0
    for seed in range(100):
        safe = draw_world(("n1", "n2", "n3"), 10 * SECOND_NS, seed)
        world = draw_world(("n1", "n2", "n3"), 10 * SECOND_NS, seed, spare=1)
        assert replace(world, damages=()) == safe
        damaged += len(world.damages)
        larger = draw_world(("n1", "n2", "n3", "n4"), 20 * SECOND_NS, seed)
        for name in ("latency", "loss", "duplication", "sync_ns", "torn", "late_kills", "wired"):
            assert getattr(larger, name) == getattr(safe, name)
    assert damaged
