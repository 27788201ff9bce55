"""Pages of ten flaws' violations in Chromium: labels, the timeline, its links, paper."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness.commands.ended import store_and_render
from harness.config import RunConfig
from harness.simulation.scenario import swarm
from harness.simulation.simulate import simulate
from tests.reports.labels import overlapping
from tests.simulation.test_headlines import TEN

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def violation(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of the first simulated run of a flaw whose history is not linearizable."""

    def make(flaw: str) -> Path:
        base = RunConfig(system=flaw, environment="simulated")
        runs = (simulate(swarm(base, frozenset(), seed)) for seed in count(1))
        found = next(run for run in runs if run.kind == "not linearizable")
        return store_and_render(tmp_path_factory.mktemp("store"), found, flaw) / "report.html"

    return cache(make)


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    contexts: list[Any] = []

    def make(path: Path, width: int, address: str = "") -> Any:
        contexts.append(
            browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark")
        )
        page = contexts[-1].new_page()
        page.goto(path.as_uri() + address)
        page.locator("#operations-canvas[data-to]").wait_for()
        return page

    yield make
    for context in contexts:
        context.close()


def view(page: Any) -> tuple[int, int]:
    data = page.locator("#operations-canvas").evaluate("c => ({...c.dataset})")
    return int(data["from"]), int(data["to"])


def moments(page: Any) -> list[float]:
    """When the operations of the counterexample began and ended, in microseconds."""
    told = " ".join(page.locator(".steps td:nth-child(4)").all_text_contents())
    return [float(second) * 1e6 for second in re.findall(r"([\d.]+) s\b", told)]


@pytest.mark.parametrize("flaw", TEN)
def test_labels_the_timeline_and_its_links(
    flaw: str, violation: Callable[[str], Path], opened: Callable[..., Any]
) -> None:
    path = violation(flaw)
    for width in (1280, 390):
        page = opened(path, width)
        assert overlapping(page, ".space-time text") == []
        if page.locator(".lamport").count():
            assert overlapping(page, ".lamport text") == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

        begin, end = view(page)
        own = moments(page)
        assert begin <= min(own)
        assert max(own) <= end
        assert page.locator("#jump option:checked").inner_text() == "the counterexample"

        page.locator(".steps a").first.click()
        page.locator("#operations-canvas[data-selected]").wait_for()
        assert page.locator("#detail").inner_text().startswith("No. 1 of the counterexample")
        begin, end = view(page)
        assert begin <= own[0] <= end

        link = page.locator("#here").get_attribute("href")
        restored = opened(path, width, link)
        assert view(restored) == view(page)


@pytest.mark.parametrize("flaw", TEN)
def test_on_paper_two_light_pages(
    flaw: str, violation: Callable[[str], Path], opened: Callable[..., Any]
) -> None:
    page = opened(violation(flaw), 1280)
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 2
    page.emulate_media(media="print", color_scheme="dark")
    colours = page.evaluate(
        "['body', 'h1', '.verdict'].map(one => { const style = getComputedStyle("
        "document.querySelector(one)); return [style.backgroundColor, style.color]; })"
    )
    assert colours[0] == ["rgb(255, 255, 255)", "rgb(27, 31, 36)"]
    assert colours[2][0] == "rgb(251, 236, 234)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("flaw", [TEN[0], TEN[6]])
def test_axe_finds_no_serious_fault(
    flaw: str, width: int, scheme: str, violation: Callable[[str], Path], audit: Any
) -> None:
    assert audit(violation(flaw), width, scheme) == []
