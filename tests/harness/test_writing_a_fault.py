"""The example of docs/faults.md works as it stands there."""

import re
from pathlib import Path
from random import Random
from typing import Any

from harness.nemesis.catalogue import FAMILIES
from harness.nemesis.fault import Fault
from tests.harness.fakes import FakeCluster

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


def test_the_fault_of_the_page_strikes_and_heals() -> None:
    names: dict[str, Any] = {"__name__": "faults"}
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(code, names)
    fault = names["Restart"]()
    cluster = FakeCluster()
    told = cluster.clock.run(fault.inject(cluster, Random(1)))
    (_, kill, killed), (_, start, started) = cluster.done
    assert (kill, start) == ("kill", "start")
    assert killed == started
    assert told == f"restarted {killed[0]}"
    cluster.clock.run(fault.heal(cluster))
    assert cluster.done[-1][1:] == ("start", cluster.nodes)
    assert isinstance(fault, Fault)
    assert (fault.name, fault.family, fault.least_nodes) == ("restart", "restart", 1)
    assert fault.about == "One node killed, as by SIGKILL, and started again at once."


def test_the_page_names_every_family() -> None:
    page = PAGE.read_text()
    assert all(f"| `{family}` |" in page for family in FAMILIES)
    shapes = len(FAMILIES["partition"])
    assert (
        f"in one of {['', 'one', 'two', 'three', 'four', 'five', 'six', 'seven'][shapes]} shapes"
        in page
    )
