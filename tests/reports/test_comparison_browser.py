"""The page of a comparison in Chromium: quiet, within 390 pixels, in both schemes."""

import itertools
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reports.comparison import compare
from reports.comparison_page import Occasion, render_comparison
from reports.wording import plain
from tests.reports.compared_runs import made
from tests.reports.sample_runs import MARKUP

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four systems in three repeats; one has markup in its name, and one what charts take for the
    end of a line, as `measure` gives it."""
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


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (390, "light")])
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
    page.wait_for_function(
        "[...document.querySelectorAll('[data-chart]')].every(e => e.dataset.drawn)"
    )
    assert page.locator("canvas").count() == 7
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for landmark in ("main", "header", "nav", "footer"):
        assert page.locator(landmark).count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.locator("img").count() == 0
    assert MARKUP in page.locator("tbody td >> nth=3").get_attribute("data-name")
    context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:,"))] == []
    assert len([url for url in requests if url.startswith("file:")]) == 1


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_no_serious_fault(audit: Any, path: Path, width: int, scheme: str) -> None:
    assert audit(path, width, scheme) == []
