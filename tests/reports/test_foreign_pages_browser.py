"""Pages of histories from elsewhere in Chromium: they fit, no label lies on another, links lead."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from harness.checking import Checking, check_file
from harness.commands.check import write_page_of
from tests.reports.labels import overlapping

pytestmark = pytest.mark.browser

HISTORIES = Path(__file__).parents[1] / "histories"

FILES = {
    "etcd": (HISTORIES / "foreign/etcd_000.log", "etcd"),
    "appends": (HISTORIES / "foreign/c01-bad.txt", "kv"),
    "garbage": (HISTORIES / "foreign/bad-rethink-fail-minimal.edn", "cas-register"),
    "queue": (HISTORIES / "cases/33-total-queue-drain-lost/history.edn", "total-queue"),
    "timed": (HISTORIES / "cases/01-console-log-bracketed/console.log", "cas-register"),
    "valid": (HISTORIES / "foreign/c01-ok.txt", "kv"),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of one of the files, by name."""

    def make(name: str) -> Path:
        path, model = FILES[name]
        page = tmp_path_factory.mktemp("pages") / "page.html"
        checking = Checking(model=model, certify=False)
        check_file(path, checking, partial(write_page_of, page, path, checking))
        return page

    return cache(make)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", FILES)
def test_a_page_fits_and_its_links_lead(
    name: str, width: int, judged: Callable[[str], Path], browser: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(judged(name).as_uri())
    page.locator("#operations-canvas[data-to]").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "None" not in page.locator(".verdict").inner_text()
    assert (page.locator("#counterexample").count() == 0) == (name == "valid")
    if name != "valid":
        if page.locator(".space-time text").count() > 8:
            assert overlapping(page, ".space-time text") == []
        page.locator(".steps a").last.click()
        page.locator("#operations-canvas[data-selected]").wait_for()
        number = page.locator(".steps tbody th").last.inner_text()
        assert page.locator("#detail").inner_text().startswith(f"No. {number} of the")
    context.close()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", FILES)
def test_axe_finds_no_serious_fault(
    name: str, width: int, scheme: str, judged: Callable[[str], Path], audit: Any
) -> None:
    assert audit(judged(name), width, scheme) == []
