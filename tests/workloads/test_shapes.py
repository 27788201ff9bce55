"""What calls are made of: popular keys, documents of every kind, several workloads together."""

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.config import RunConfig
from harness.errors import HarnessError, UsageError
from harness.nightly.plan import read_plan
from harness.simulation.scenario import scenario_of, swarm
from harness.simulation.simulate import Simulated, simulate
from workloads.documents import size_of
from workloads.register import RegisterCalls
from workloads.workload import Shape

ROOT = Path(__file__).parents[2]


def drawn(popularity: str, keys: int = 5) -> list[int]:
    """How often each key was drawn, the most frequent first."""
    calls = RegisterCalls(Random(5), Shape("counters", keys, 100_000, 33, popularity))
    return sorted(Counter(calls.next().key for _ in range(3_000)).values(), reverse=True)


def test_some_keys_are_more_popular_than_others() -> None:
    assert max(drawn("even")) < 1.3 * min(drawn("even"))
    assert 0.77 * 3_000 < drawn("hot:80")[0] < 0.83 * 3_000
    first, second, *_ = drawn("zipf:1")
    assert 1.7 < first / second < 2.3
    assert drawn("hot:80", keys=1) == [3_000]


def written(values: str) -> list[Any]:
    calls = RegisterCalls(Random(5), Shape(values))
    made = [calls.next() for _ in range(400)]
    return [call.argument for call in made if call.function == "write"]


def test_documents_are_nested_and_of_every_script_and_of_the_sizes_asked_for() -> None:
    found = written("documents:50000")
    texts = [json.dumps(document, ensure_ascii=False) for document in found]
    assert all(
        any(part in text for text in texts) for part in ("日本", "null", "{}", "[]", "\\u0000")
    )
    assert all(json.loads(text) == document for text, document in zip(texts, found, strict=True))
    sizes = sorted(map(size_of, found))
    assert sizes[-1] <= 50_000
    assert sizes[-1] > 20_000
    assert sizes[len(sizes) // 2] < 15_000, "small ones are as frequent as large ones"
    assert max(map(size_of, written("documents"))) <= 2_000


def test_large_documents_come_through_whole() -> None:
    config = RunConfig(
        system="raft", environment="simulated", values="documents:100000", time_limit=2.0,
        rate=20.0, clients=3, keys=1, popularity="hot:90", faults=("kill",), seed=2,
    )  # fmt: skip
    found = simulate(scenario_of(config))
    assert found.kind == "", found.reason
    assert max(size_of(o.result) for o in found.history.operations) > 20_000


def explored(system: str, seed: int, **more: Any) -> Simulated:
    base = RunConfig(system=system, workload="append+lock", environment="simulated", **more)
    return simulate(swarm(base, frozenset(), seed))


def test_workloads_run_side_by_side_and_each_is_judged_by_its_own_model() -> None:
    found = explored("raft", 1)
    assert found.kind == "", found.reason
    parts = {o.key.partition("/")[0] for o in found.history.operations}
    assert parts == {"append", "lock"} == set(found.result.statistics["parts"])
    assert found.result.statistics["operations"] == len(found.history.operations)


def test_a_flawed_system_is_convicted_through_any_of_them() -> None:
    convicted = (
        found.result.key.partition("/")[0]
        for seed in range(25)
        if (found := explored("raft-commits-alone", seed)).kind == "not linearizable"
    )
    assert next(convicted) in ("append", "lock")


def test_a_load_is_carried_out_and_repeats() -> None:
    load = "phases(time(1, rate(50, append)), rest(0.5), reserve(1: lock, append.read))"
    more = {"load": load, "time_limit": 2.5, "clients": 3}
    found, again = (explored("raft", 4, **more) for _ in range(2))
    assert found.fingerprint == again.fingerprint
    calls = next(phase for phase in found.history.phases if phase.name == "calls")
    heal = next(phase for phase in found.history.phases if phase.name == "heal")
    own = [o for o in found.history.operations if calls.begins < o.invoked < heal.begins]
    when = [((o.invoked_ns - calls.begins_ns) / 1e9, o.key[:4], o.function) for o in own]
    assert {key for at, key, _ in when if at < 1} == {"appe"}
    assert not [at for at, _, _ in when if 1.2 < at < 1.5], "it rests, but for what is on its way"
    assert {f for at, key, f in when if at > 1.5 and key == "appe"} == {"read"}
    assert {key for at, key, _ in when if at > 1.5} == {"appe", "lock"}


def test_every_node_is_read_in_the_end() -> None:
    found = explored("raft", 6, faults=("pause",))
    final = next(phase for phase in found.history.phases if phase.name == "final reads")
    nodes = len(found.observed.recorded["serving"])
    reads = [
        o for o in found.history.operations if o.invoked > final.begins and o.function == "read"
    ]
    counts = Counter(o.key for o in reads)
    assert set(counts.values()) == {nodes}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"popularity": "hot:0"}, "popularity cannot be 'hot:0'; give even, zipf:S"),
        ({"popularity": "zipf:-1"}, "popularity cannot be 'zipf:-1'"),
        ({"values": "documents:5"}, "documents:N with N bytes from 1000"),
        ({"values": "documents:2000000"}, "takes values of up to 1,000,000 bytes; give smaller"),
        ({"rate": -1.0}, "rate cannot be -1"),
        ({"load": "mix(0: read, 0: write)"}, "weights of mix sum to zero"),
        ({"load": "rate(5, jump)"}, "cannot call 'jump': the workload 'register' knows all"),
        ({"load": "rest(5)"}, "calls nothing; name what is called"),
        ({"load": "reserve(9: read, write)", "clients": 9}, "needs 10 at least, and there are 9"),
        ({"load": "phases(time(20, read), rest(15), write)"}, "takes 35 s at least"),
        ({"workload": "append+append"}, "names a workload twice"),
        ({"workload": "append+apend"}, "there is no workload 'apend'; the nearest are: append"),
        ({"workload": "append+g-set"}, "g-set, which cannot be judged beside others"),
    ],
)
def test_what_cannot_be_is_named_before_anything_starts(
    options: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError) as refused:
        RunConfig(**{"system": "raft", "environment": "local", **options})
    assert problem in str(refused.value)


def test_what_the_workload_never_draws_ends_the_run_with_the_reason() -> None:
    config = RunConfig(system="raft", environment="simulated", reads=0, load="read")
    with pytest.raises(HarnessError, match="draws no read: 1,000 calls were of other functions"):
        simulate(scenario_of(config))


def test_the_plan_of_a_mixed_load_is_whole() -> None:
    cells = read_plan(ROOT / "examples" / "mixed_load.toml").cells
    assert {cell.system for cell in cells} >= {"raft", "examples.etcd:Etcd"}
    for cell in cells:
        assert "\n" not in cell.name
