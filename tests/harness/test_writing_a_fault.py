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
    assert all(hasattr(fault, name) for name in (*dir(Fault), "family") if name[0] != "_")


def test_the_page_names_every_family() -> None:
    page = PAGE.read_text()
    assert all(f"| `{family}` |" in page for family in FAMILIES)
    shapes = len(FAMILIES["partition"])
    assert (
        f"in one of {['', 'one', 'two', 'three', 'four', 'five', 'six', 'seven'][shapes]} shapes"
        in page
    )
