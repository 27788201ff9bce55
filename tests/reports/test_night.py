"""The pages of a night from its night.json alone: first things first, texts as text, bounded."""

import html
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.junit import junit
from reports.markdown import markdown
from reports.night import render_night, rewrite
from reports.stored import NotARun
from reports.trend import render_trend

MARKUP = "<script>alert(1)</script>|`[x](javascript:alert(2))\u0007\x1b"


def cell(system: str, environment: str, outcome: str, runs: list[int], **more: Any) -> Any:
    plain = {"system": system, "workload": "register", "faults": "kill", "options": {}}
    return {**plain, "environment": environment, "canary": False, "outcome": outcome,
            "runs": runs, **more}  # fmt: skip


def run(number: int, system: str, environment: str, outcome: str, **more: Any) -> Any:
    return {
        "labrys": "nightly run", "night": "2026-11-24T02:00:00+00:00", "number": number,
        "system": system, "workload": "register", "faults": "kill", "environment": environment,
        "options": {}, "canary": False, "corpus": False, "seed": number, "outcome": outcome,
        "reason": "", "again": f"labrys run {system} --seed {number}", "seconds": 12.5,
        "found_s": None, "run": None,
        "facts": {"runs": 1, "unknown": 0, "latency_ns": {"p50": 2e6, "p99": 9e6}}, **more,
    }  # fmt: skip


def night(cells: list[Any], runs: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "labrys": "night", "version": 1, "began": "2026-11-24T02:00:00+00:00", "ended": "whole",
        "seconds": 60.0, "budget_s": 100.0, "seed": 1, "plan": "plan.toml", "status": 1,
        "sentence": "Red: raft failed in docker", "again": "labrys run raft --seed 2",
        "left_out": [], "versions": {}, "machine": {}, "cells": cells, "runs": runs, **more,
    }  # fmt: skip


RED = night(
    [
        cell("paxos", "local", "pass", [1]),
        cell("raft", "docker", "violation", [2]),
        cell("ring", "local", "unknown", [3]),
        cell("single", "local", "not run", []),
        cell("flawed", "local", "caught", [4], canary=True),
        cell("missed", "local", "canary missed", [5], canary=True),
        cell("raft", "local", "killed", [6]),
    ],
    [
        run(1, "paxos", "local", "pass"),
        run(2, "raft", "docker", "violation", reason="no order explains these", run="runs/2/raft"),
        run(3, "ring", "local", "unknown", reason="memory limit"),
        run(4, "flawed", "local", "caught", canary=True, found_s=0.4),
        run(5, "missed", "local", "pass", canary=True),
        run(6, "raft", "local", "killed", reason="killed by SIGKILL"),
        run(7, "raft", "local", "pass", corpus=True),
    ],
)


def hundred() -> dict[str, Any]:
    cells = [cell(f"system-{n}", "local", "violation", [n]) for n in range(100)]
    return night(cells, [run(n, f"system-{n}", "local", "violation") for n in range(100)])


def hostile() -> dict[str, Any]:
    runs = [run(1, MARKUP, MARKUP, "violation", reason=MARKUP, again=MARKUP, run=f"runs/{MARKUP}")]
    cells = [cell(MARKUP, MARKUP, "violation", [1], faults=MARKUP)]
    return night(cells, runs, sentence=MARKUP, again=MARKUP, plan=MARKUP)


def rendered(folder: Path, values: dict[str, Any]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "night.json").write_text(json.dumps(values))
    return render_night(folder).decode()


def words(page: str) -> str:
    """The page's text, as a reader meets it."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page.partition("<body>")[2], flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_the_first_line_says_what_failed_and_how_to_repeat_it(tmp_path: Path) -> None:
    text = words(rendered(tmp_path, RED))
    expected = "✘ Red: raft failed in docker Replay it with: labrys run raft --seed 2"
    assert text.startswith(expected)


def test_what_needs_a_person_comes_first(tmp_path: Path) -> None:
    text = words(rendered(tmp_path, RED)).partition("What is not green")[2]
    found = re.findall(r"(violation|canary missed|killed|unknown|not run): [\w·, ]+", text)
    assert found[:5] == ["violation", "canary missed", "killed", "unknown", "not run"]


def test_every_cell_leads_to_its_runs_and_failing_runs_to_their_pages(tmp_path: Path) -> None:
    page = rendered(tmp_path, RED)
    targets = re.findall(r'href="#(cell-\d+)"', page)
    assert sorted(targets) == sorted(re.findall(r'id="(cell-\d+)"', page))
    assert len(targets) == len(RED["cells"])
    assert 'href="runs/2/raft/report.html"' in page


def test_no_link_leaves_the_directory_of_the_night(tmp_path: Path) -> None:
    for place in ("../../etc", "/etc", "javascript:alert(1)"):
        values = night([cell("raft", "local", "violation", [1])],
                       [run(1, "raft", "local", "violation", run=place)])  # fmt: skip
        hrefs = re.findall(r'href="([^"]*)"', rendered(tmp_path, values))
        assert not [href for href in hrefs if ".." in href or href.startswith(("/", "javascript:"))]


def test_texts_stay_text(tmp_path: Path) -> None:
    page = rendered(tmp_path, hostile())
    assert "<script>alert" not in page
    assert "<script>alert(1)" in words(page)
    told = markdown(hostile())
    assert "<script" not in told.replace("```\n" + MARKUP, "")
    assert "](javascript" not in re.sub(r"```.*?```", "", told, flags=re.DOTALL)
    ElementTree.fromstring(junit(hostile()))
    (tmp_path / "results").write_text("\n".join(map(json.dumps, hostile()["runs"])))
    assert "<script>alert" not in render_trend(tmp_path / "results").decode()


@pytest.mark.parametrize("values", [RED, hundred(), hostile(), night([], [])])
def test_the_summary_is_short(values: dict[str, Any]) -> None:
    told = markdown(values)
    assert len(told.splitlines()) < 60
    assert told.startswith("## ✘ ")
    assert len(told) < 100_000


def test_a_page_of_a_hundred_red_cells_is_bounded(tmp_path: Path) -> None:
    page = rendered(tmp_path, hundred())
    assert len(page) < 500_000
    assert "And 88 more" in words(page)


SUITES = {"name", "tests", "failures", "errors", "time"}
SUITE = {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"}
CASE = {"name", "classname", "time"}
PARTS = {"failure", "error", "skipped", "system-out", "system-err"}


def checked(document: str) -> Iterator[ElementTree.Element]:
    """The test cases of a document that has the structure of the JUnit schema, and nothing else."""
    root = ElementTree.fromstring(document)
    assert root.tag == "testsuites"
    assert set(root.attrib) == SUITES
    for suite in root:
        assert suite.tag == "testsuite"
        assert set(suite.attrib) == SUITE
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        for case in suite:
            assert case.tag == "testcase"
            assert set(case.attrib) == CASE
            assert float(case.attrib["time"]) >= 0
            assert len(case) <= 1
            for part in case:
                assert part.tag in PARTS
                if part.tag in ("failure", "error"):
                    assert set(part.attrib) == {"type", "message"}
            yield case
        assert_counts(suite)
    assert_counts(root)


def assert_counts(element: ElementTree.Element) -> None:
    cases = list(element.iter("testcase"))
    assert int(element.attrib["tests"]) == len(cases)
    for name, tag in (("failures", "failure"), ("errors", "error")):
        assert int(element.attrib[name]) == sum(case.find(tag) is not None for case in cases)


@pytest.mark.parametrize("values", [RED, hundred(), hostile(), night([], [])])
def test_the_junit_file_has_the_structure_of_the_schema(values: dict[str, Any]) -> None:
    cases = list(checked(junit(values)))
    before = [run for run in values["runs"] if run["corpus"]]
    assert len(cases) == len(values["cells"]) + len(before)


def test_nothing_that_is_not_green_passes_in_junit() -> None:
    shown = {}
    for case in checked(junit(RED)):
        tags = [part.tag for part in case if part.tag != "system-out"]
        shown[f"{case.attrib['classname']} {case.attrib['name']}"] = tags
    assert shown == {
        "labrys.local paxos · kill": [],
        "labrys.local flawed · kill": [],
        "labrys.docker raft · kill": ["failure"],
        "labrys.local missed · kill": ["failure"],
        "labrys.local ring · kill": ["error"],
        "labrys.local single · kill": ["error"],
        "labrys.local raft · kill": ["error"],
        "labrys.seeds that failed before raft · local · kill · seed 7": [],
    }


def test_a_stored_night_is_written_anew(tmp_path: Path) -> None:
    page = rendered(tmp_path, RED)
    assert rewrite(tmp_path).read_text() == page


def test_a_directory_that_is_no_night(tmp_path: Path) -> None:
    with pytest.raises(NotARun):
        render_night(tmp_path)
    for text in ("{", "[]", '{"labrys": "run"}'):
        (tmp_path / "night.json").write_text(text)
        with pytest.raises(NotARun):
            render_night(tmp_path)


@pytest.mark.parametrize("path", [("cells",), ("runs",), ("began",), ("seconds",), ("status",),
                                  ("cells", 0, "runs"), ("runs", 0, "facts"),
                                  ("cells", 0, "outcome"), ("runs", 1, "run")])  # fmt: skip
@pytest.mark.parametrize("value", [None, 3, "x", [], {}])
def test_a_damaged_night_still_makes_its_pages(
    tmp_path: Path, path: tuple[Any, ...], value: Any
) -> None:
    values = json.loads(json.dumps(RED))
    place = values
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    rendered(tmp_path, values)
    junit(values)
    markdown(values)


def test_the_trend_over_nights(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    lines = ["no json", '{"labrys": "other"}']
    for day in ("23", "24"):
        began = f"2026-11-{day}T02:00:00+00:00"
        fresh = {"night": began}
        lines += [json.dumps({**one, **fresh}) for one in RED["runs"]]
        campaign = {"runs": 500, "unknown": 0, "calls_s": 10.0}
        lines.append(
            json.dumps(run(9, "raft", "simulated", "pass", facts=campaign, **fresh)),
        )
        last = {**RED, "began": began, "canaries": {"a": "caught", "b": "canary missed"}}
        lines.append(json.dumps({k: v for k, v in last.items() if k not in ("cells", "runs")}))
    path.write_text("\n".join(lines))
    page = render_trend(path).decode()
    charts = dict(re.findall(r'<section id="(\w+)"(.*?)</section>', page, re.DOTALL))
    assert set(charts) == {"nights", "grid", "runs", "speed", "canaries", "unknown", "p50", "p99"}
    assert re.findall("<title>(.*?)</title>", charts["speed"]) == [
        "11-23 02:00: raft 50.0", "11-24 02:00: raft 50.0",
    ]  # fmt: skip
    told = re.findall("<title>(.*?)</title>", charts["canaries"])
    assert told == ["11-23 02:00: flawed 0.40", "11-24 02:00: flawed 0.40"]
    assert charts["p50"].count('class="dots') == charts["p50"].count('class="line') == 2
    assert "script-src 'none'" in html.unescape(page)
    assert "<script" not in page
    assert len(page) < 60_000
    text = words(page)
    assert "2 lines of the file are no records" in text
    assert text.index("2026-11-24 02:00") < text.index("2026-11-23 02:00"), "the newest first"
    assert "1 of 2" in text


def test_a_hundred_nights_name_some_of_their_days(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    nights = [f"2026-{1 + n // 28:02d}-{1 + n % 28:02d}T02:00:00+00:00" for n in range(112)]
    path.write_text("\n".join(json.dumps(RED["runs"][0] | {"night": night}) for night in nights))
    chart = render_trend(path).decode().partition('<section id="p50"')[2].partition("</section>")[0]
    days = re.findall(r'class="across[^>]*>([^<]*)<', chart)
    assert 6 <= len(days) <= 8
    assert days[-1] == "04-28"
    assert chart.count("<title>") == 112
    assert chart.count("h0M") == 111, "each night keeps its point"


def test_the_trend_of_no_night(tmp_path: Path) -> None:
    assert "No night has been recorded yet" in words(render_trend(tmp_path / "none").decode())


@pytest.mark.browser
def test_pages_fit_a_phone_and_complain_of_nothing(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(rendered(tmp_path, RED))
    results = tmp_path / "results.jsonl"
    nights = [f"2026-11-{day:02d}T02:00:00+00:00" for day in range(1, 31)]
    runs = [one | {"night": night} for night in nights for one in RED["runs"]]
    results.write_text("\n".join(map(json.dumps, runs)))
    (tmp_path / "trend.html").write_bytes(render_trend(results))
    for name in ("index.html", "trend.html"):
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": 390, "height": 844}, color_scheme=scheme, is_mobile=True
            )
            page = context.new_page()
            complaints: list[str] = []
            page.on("console", lambda message, to=complaints: to.append(message.text))
            page.on("pageerror", lambda error, to=complaints: to.append(str(error)))
            page.goto((tmp_path / name).as_uri())
            width = page.evaluate("document.documentElement.scrollWidth")
            assert (name, width, complaints) == (name, 390, [])
            page.emulate_media(media="print", color_scheme=scheme)
            paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert paper == "rgb(255, 255, 255)", "light on paper"
            context.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_fault(audit: Any, tmp_path: Path, width: int, scheme: str) -> None:
    (tmp_path / "index.html").write_text(rendered(tmp_path, RED))
    results = tmp_path / "results.jsonl"
    results.write_text("\n".join(map(json.dumps, RED["runs"])))
    (tmp_path / "trend.html").write_bytes(render_trend(results))
    for name in ("index.html", "trend.html"):
        assert audit(tmp_path / name, width, scheme) == []
