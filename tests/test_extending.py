"""The pages for people who extend Labrys work as they are printed, in an empty folder."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.nemesis.catalogue import FAMILIES
from tests.harness.fakes import FakeCluster
from tests.pages import blocks, follow

LINES_MAX = {
    "writing-a-system.md": ("mirrored.py", 60),
    "writing-a-workload.md": ("tickets.py", 40),
    "faults.md": ("restarts.py", 20),
    "writing-a-model.md": ("stack.py", 20),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        pytest.param("writing-a-system.md", marks=pytest.mark.local),
        "writing-a-workload.md",
        "writing-a-model.md",
        "faults.md",
    ],
)
def test_a_page_followed_to_the_letter(page: str, tmp_path: Path) -> None:
    ran = follow(page, tmp_path)
    assert any(":" in command for command in ran), "the extension is named on the command line"


@pytest.mark.slow
def test_the_page_of_generators_works_as_printed(tmp_path: Path) -> None:
    assert len(follow("generators.md", tmp_path)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("page", ["strength.md", "requirements.md", "open-loop.md"])
def test_the_commands_of_a_page_print_what_it_says(page: str, tmp_path: Path) -> None:
    assert follow(page, tmp_path)


@pytest.mark.parametrize("page", LINES_MAX)
def test_an_extension_is_one_short_file(page: str) -> None:
    name, most = LINES_MAX[page]
    (example,) = [block for block in blocks(page) if block.file == name]
    assert example.lines <= most


def test_the_fault_of_the_page_strikes_and_heals() -> None:
    names: dict[str, Any] = {"__name__": "restarts"}
    (code,) = [block.text for block in blocks("faults.md") if block.file == "restarts.py"]
    exec(code, names)
    fault = names["Restart"]()
    assert (fault.name, fault.family, fault.least_nodes, fault.usual) == (
        "restart",
        "restart",
        1,
        False,
    )
    assert fault.about == "One node killed, as by SIGKILL, and started again at once."
    cluster = FakeCluster()
    told = cluster.clock.run(fault.inject(cluster, Random(1)))
    (_, kill, killed), (_, start, started) = cluster.done
    assert (kill, start) == ("kill", "start")
    assert killed == started
    assert told == f"restarted {killed[0]}"
    cluster.clock.run(fault.heal(cluster))
    assert cluster.done[-1][1:] == ("start", cluster.nodes)


def test_the_page_of_faults_names_every_family() -> None:
    page = (Path(__file__).parents[1] / "docs" / "faults.md").read_text()
    assert all(f"| `{family}` |" in page for family in FAMILIES)
    shapes = ["", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    assert f"in one of {shapes[len(FAMILIES['partition'])]} shapes" in page
