"""The script that tries every workload on every system in every environment."""

import argparse
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import workloads

MIXED = workloads.TOGETHER[0]


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("of_mixed", ["0", "2"])
def test_no_cell_is_left_out_where_the_script_is_interrupted(
    jobs: int, of_mixed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[workloads.Cell] = []

    def one(cell: workloads.Cell, options: argparse.Namespace) -> str:
        tried.append(cell)
        if "bag" in cell[0] and tried.count(cell) == 1:
            return "255: no such engine"
        return of_mixed if "+" in cell[0] else "0"

    monkeypatch.setattr(workloads, "one", one)
    results = tmp_path / "found.json"
    words = ["workloads", "docker", "namespaces", "--budget", "0", "--jobs", str(jobs)]
    monkeypatch.setattr(sys, "argv", [*words, "--results", str(results)])
    before = -1
    while before < len(tried):
        before = len(tried)
        workloads.main()

    found = json.loads(results.read_text())
    for environment in ("docker", "namespaces"):
        rows = [line for line in workloads.page([environment], found) if line.startswith("| `")]
        assert len(rows) == len(workloads.WORKLOADS) - len(workloads.MAELSTROM)
    alone = [cell for cell in tried if cell[0] in MIXED.split("+") and cell[1] == "raft"]
    assert bool(alone) == (of_mixed != "0")
    assert all(tried.count(cell) == 1 + ("bag" in cell[0]) for cell in tried)
