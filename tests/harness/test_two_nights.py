"""Two nights, the second with the same failure and one new: every text tells them apart."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.harness.nights import Done, night, plan

pytestmark = [pytest.mark.local, pytest.mark.deep]

OLD = "systems_under_test.classics.primary_backup:PrimaryBackup"
NEW = "systems_under_test.classics.overwriting:Overwriting"
SMALL = "options = { nodes = 3, clients = 3, time_limit = 2 }"
ADDRESS = "https://nights.example/nightly"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Done]:
    """The night's seed is given, so that the second one meets the first one's failure again."""
    folder = tmp_path_factory.mktemp("two")
    words = ("--seed", "7", "--address", ADDRESS)

    def one(*systems: str) -> Done:
        path = plan(folder, system='", "'.join(systems), canary="overwriting", options=SMALL)
        return night(path, "100s", *words)

    return one(OLD), one(OLD, NEW)


def failures(done: Done, system: str) -> list[dict[str, Any]]:
    return [one for one in done.night["failures"] if one["system"] == system]


def test_the_first_night_knows_nothing(two: tuple[Done, Done]) -> None:
    assert {one["state"] for one in two[0].night["failures"]} == {"new"}
    assert "(new)" in two[0].night["sentence"]


def test_the_second_tells_the_same_failure_from_a_new_one(two: tuple[Done, Done]) -> None:
    first, second = two
    (old,), new = failures(second, OLD), failures(second, NEW)
    assert [old["state"], *(one["state"] for one in new)] == ["known", "new"]
    (before,) = failures(first, OLD)
    assert (old["fingerprint"], old["first_seen"]) == (before["fingerprint"], first.night["began"])
    assert (old["seen"], old["nights"]) == (2, 2)
    assert len(old["runs"]) == 2, "the seed of the corpus and the cell show one failure"
    assert f"{NEW} failed in simulated under kill (new)" in second.night["sentence"]


def test_the_summary_tells_them_apart(two: tuple[Done, Done]) -> None:
    lines = (two[1].folder / "summary.md").read_text().replace("\\", "").splitlines()
    red = [line for line in lines if line.startswith("- ")]
    assert NEW in red[0], "what is new comes first"
    assert "No earlier night had it" in red[0]
    known = [line for line in red if OLD in line]
    assert known
    assert all("Known: first seen 20" in line and "in 2 of 2 nights" in line for line in known)


def test_the_page_tells_them_apart(two: tuple[Done, Done]) -> None:
    page = (two[1].folder / "index.html").read_text()
    red = page.partition('id="troubles"')[2].partition("</section>")[0].split("<h3>")[1:]
    for system, state in ((OLD, "known"), (NEW, "new")):
        own = [text for text in red if system in text]
        assert own
        assert all(f'class="state {state}"' in text for text in own)


def test_there_is_one_issue_for_each_failure(two: tuple[Done, Done]) -> None:
    first, second = two
    texts = {path.stem: path.read_text() for path in (second.folder / "issues").glob("*.md")}
    assert set(texts) == {one["fingerprint"] for one in second.night["failures"]}
    (old,), (new, *_) = failures(second, OLD), failures(second, NEW)
    title, told = texts[old["fingerprint"]].replace("\\", "").split("\n", 1)
    assert title.startswith(f"[{old['fingerprint']}] {old['anomaly']} in {OLD}")
    before = (first.folder / "issues" / f"{old['fingerprint']}.md").read_text()
    assert before.split("\n", 1)[0] == title, "by its title an issue is found again"
    assert "Known: first seen" in told
    assert "New tonight" in texts[new["fingerprint"]]
    assert f"{ADDRESS}/{second.folder.name}/runs/" in texts[new["fingerprint"]]
    chat = (second.folder / "chat.txt").read_text()
    assert f"- new: {new['anomaly']} in {NEW}" in chat
    assert OLD not in chat.partition("\n")[2], "what is known is only counted"


def test_junit_has_operations_anomaly_and_page(two: tuple[Done, Done]) -> None:
    root = ElementTree.parse(two[1].folder / "junit.xml").getroot()
    told = {case.attrib["name"]: part for case in root.iter("testcase")
            if (part := case.find("failure")) is not None}  # fmt: skip
    for failure in (*failures(two[1], OLD), *failures(two[1], NEW)):
        part = next(part for name, part in told.items() if failure["system"] in name)
        assert part.attrib["type"] == failure["anomaly"]
        assert part.attrib["message"].startswith(f"{failure['state']}: ")
        assert f"page: {ADDRESS}/{two[1].folder.name}/runs/" in (part.text or "")
        run = two[1].folder / failure["run"]
        judged = json.loads((run / "result.json").read_text())
        if judged["linearizability"]["counterexample"]:
            assert "1. process " in (part.text or "")


def test_squares_of_the_grid_lead_to_the_runs_of_both_nights(two: tuple[Done, Done]) -> None:
    page = (two[1].folder / "trend.html").read_text()
    grid = page.partition('id="grid"')[2].partition("</section>")[0]
    for done in two:
        failing = next(run for run in done.night["runs"] if run["outcome"] == "violation"
                       and not run["corpus"])  # fmt: skip
        href = f"../{done.folder.name}/{failing['run'].replace(':', '%3A')}/report.html"
        assert f'href="{href}"' in grid
        assert (two[1].folder / Path(href.replace("%3A", ":"))).is_file()
    assert grid.count("canary") <= 1
