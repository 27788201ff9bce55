"""The page of a comparison in Chromium: quiet, within 390 pixels, in both schemes."""

import itertools
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reports.comparison import compare
from reports.comparison_page import Occasion, render_comparison
from reports.measures import STEPS
from reports.wording import plain
from tests.reports.compared_runs import made
from tests.reports.sample_runs import MARKUP

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four systems in three repeats; one has markup in its name, and one what some
    take for the end of a line, as `measure` gives it."""
    runs = [
        made(system, seed,
             {"throughput.overall": 100.0 * place + seed, "latency.read.p99": 1e6 * place + seed,
              "kept.kill": 0.2 * place, "recovery.kill": 3e7 + seed, "cost.fsyncs": 1.0 * place})
        for place, system in enumerate(["raft", "paxos", plain("ring\u2028two"), MARKUP], start=1)
        for seed in (1, 2, 3)
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("comparison")
    return render_comparison(
        compare(runs, Random(1), {}), Occasion("labrys compare", "2026"), folder
    )


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (390, "dark"), (390, "light"), (1280, "dark")]
)
def test_the_page_opens_quietly_and_fits(browser: Any, path: Path, width: int, scheme: str):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, has_touch=width < 500
    )
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(path.as_uri())
    assert page.locator(".plot").count() == 6
    lines = page.locator(".plot path.line").all()
    assert len(lines) == 6 * 4
    boxes = [line.bounding_box() for line in lines]
    assert all(box["width"] > width / 2 for box in boxes), "a line is as wide as its chart"
    assert page.locator(".strip a").count() == 4 * 3
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for landmark in ("main", "header", "nav", "footer"):
        assert page.locator(landmark).count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.locator("img").count() == 0
    assert MARKUP in page.locator("tbody td >> nth=3").get_attribute("data-name")
    page.emulate_media(media="print", color_scheme=scheme)
    colours = page.evaluate(
        "['body', '.key line'].map(one => { const style = getComputedStyle("
        "document.querySelector(one)); return [style.backgroundColor, style.stroke]; })"
    )
    assert colours[0][0] == "rgb(255, 255, 255)", "light on paper"
    assert colours[1][1] == "rgb(10, 114, 184)"
    context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:,"))] == []
    assert len([url for url in requests if url.startswith("file:")]) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_fault(audit: Any, path: Path, width: int, scheme: str) -> None:
    assert audit(path, width, scheme) == []


def test_a_step_of_time_tells_what_each_system_came_to(browser: Any, path: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(path.as_uri())
    told = page.locator(".plot").first.locator("rect.told")
    assert told.count() == STEPS
    step = told.nth(12)
    assert step.locator("title").text_content().startswith("2.0 s: raft 112, paxos 112, ")
    gap = page.locator(".plot").nth(1).locator("rect.told title").nth(12)
    assert gap.text_content().startswith("2.0 s: raft nothing ok, ")
    step.scroll_into_view_if_needed()
    box = step.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert step.evaluate("one => getComputedStyle(one).fillOpacity") == "0.07"
    page.close()


def test_the_marks_of_recoveries_lead_to_their_runs(browser: Any, tmp_path: Path) -> None:
    run = made("raft", 1, {"recovery.kill": 3e7})
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "report.html").write_text("<!doctype html><title>the run</title>")
    other = made("paxos", 1, {"recovery.kill": 3e7})
    comparison = compare([replace(run, directory=folder), other], Random(1), {})
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(render_comparison(comparison, Occasion("labrys compare", "2026"), tmp_path).as_uri())
    one, gone = page.locator(".strip a").all()
    assert gone.get_attribute("href") is None
    assert one.get_attribute("title") == ("raft, repeat 1: 30.0 ms after kill-leader, killed n1")
    one.click()
    page.wait_for_url("**/run/report.html")
    page.close()
