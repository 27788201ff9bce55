"""Liveness after healing: what was not served, what nobody had time to ask for, and what counts."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from harness.conduct import conduct
from harness.config import RunConfig
from harness.errors import UsageError
from harness.judge import judge
from harness.recovery import Recovery

ONE_SECOND_NS = 1_000_000_000


def recovered(folder: Path, **options: Any) -> dict[str, Any]:
    config = RunConfig(
        system="raft", environment="simulated", nodes=5, clients=5, time_limit=4.0, seed=2,
        **options,
    )  # fmt: skip
    return judge(conduct(config, folder, lambda config, recorder: nullcontext()))


def test_what_there_was_no_time_to_ask_for_is_neither_served_nor_a_failure(tmp_path: Path) -> None:
    result = recovered(tmp_path, recovery_limit=0.1)
    liveness = result["liveness"]
    assert liveness["passed"]
    assert liveness["recovery_ns"] is None
    assert "write at n5" in liveness["unasked"]
    assert liveness["detail"].startswith("no time was left within 0.1 s of healing to ask for ")
    assert result["verdict"] == "unknown"
    (gate,) = (gate for gate in result["gates"] if gate["name"] == "every node served again")
    assert not gate["passed"]
    assert "no time was left to ask for" in gate["detail"]


def test_with_time_enough_every_node_is_asked(tmp_path: Path) -> None:
    result = recovered(tmp_path)
    assert result["liveness"]["unasked"] == []
    assert result["liveness"]["recovery_ns"]
    assert result["verdict"] == "valid", result["reason"]


def test_clients_that_only_read_convict_no_store_of_not_serving_writes(tmp_path: Path) -> None:
    for limit in (0.1, 30.0):
        result = recovered(tmp_path, reads=100, recovery_limit=limit)
        assert result["liveness"]["passed"], result["liveness"]
        assert not any("write" in one for one in result["liveness"]["unasked"])
        assert result["verdict"] == "unknown"


def test_a_failure_is_told_before_what_nobody_had_time_for() -> None:
    found = Recovery()
    found.add("n1", [], {"read": 1, "write": 3})
    found.add("n2", ["write", "cas"], {"read": 4, "write": 9})
    found.add("n3", ["read", "write", "cas"], {})
    told = found.told(30.0, 31 * ONE_SECOND_NS)
    assert not told["passed"]
    assert told["detail"] == "not served within 30 s of healing: write at n2"
    assert told["unasked"] == ["read at n3", "write at n3"], "nobody was asked for cas"
    assert told["recovery_ns"] is None


def test_a_damaged_list_is_refused(tmp_path: Path) -> None:
    config = RunConfig(system="raft", environment="simulated", time_limit=2.0, seed=2)
    directory = conduct(config, tmp_path, lambda config, recorder: nullcontext())
    path = directory.path / "observations.json"
    observed = json.loads(path.read_text())
    observed["liveness"]["unasked"] = [1]
    path.write_text(json.dumps(observed))
    with pytest.raises(UsageError, match="recorded or liveness"):
        judge(directory)
