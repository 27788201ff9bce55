"""The store's list in Chromium: quiet, filtered without scripts, markup shown as text."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.page import render
from tests.reports.sample_runs import MARKUP
from tests.reports.served import Server

pytestmark = pytest.mark.browser

KINDS = ("valid", "invalid", "unknown", "hostile", "empty")


@pytest.fixture(scope="module")
def server(
    sample: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    store = tmp_path_factory.mktemp("store")
    for number, kind in enumerate(KINDS):
        run = store / f"{kind}-runs/2026-11-2{number}T02-10-00"
        shutil.copytree(sample(kind), run)
        render(run)
    server = Server(store)
    yield server
    server.close()


@pytest.fixture
def opened(browser: Any, server: Server) -> Iterator[Callable[..., Any]]:
    """Opens the list; at the end nothing may have been complained of or asked of elsewhere."""
    contexts, complaints, requests = [], [], []

    def open_list(**options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"http://{server.host}/")
        return page

    yield open_list
    for context in contexts:
        context.close()
    assert complaints == []
    own = (f"http://{server.host}/", "data:")
    assert [url for url in requests if not url.startswith(own)] == []


def test_the_list_is_filtered_and_sorted_without_scripts(opened: Callable[..., Any]) -> None:
    page = opened(java_script_enabled=False)
    assert page.locator("tbody tr").count() == len(KINDS)
    page.get_by_label("Verdict").select_option("invalid")
    page.get_by_label("Search").fill("raft-stale")
    page.get_by_role("button", name="Show", exact=True).click()
    assert page.locator("tbody tr").count() == 1
    assert page.get_by_label("Verdict").input_value() == "invalid"
    page.get_by_role("link", name="Show all").click()
    page.get_by_role("link", name="Verdict", exact=True).click()
    assert page.locator("th[aria-sort]").inner_text().startswith("Verdict")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_list_fits(opened: Callable[..., Any], width: int, scheme: str) -> None:
    page = opened(viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_fault(audit: Any, server: Server, width: int, scheme: str) -> None:
    assert audit(f"http://{server.host}/", width, scheme) == []


def test_markup_in_a_history_is_text_in_the_list_and_on_the_page(
    opened: Callable[..., Any],
) -> None:
    page = opened()
    assert page.locator("img, script").count() == 0
    assert MARKUP in page.locator("tbody").inner_text()
    page.get_by_label("System").select_option(MARKUP)
    page.get_by_role("button", name="Show", exact=True).click()
    assert page.locator("tbody tr").count() == 1
    page.locator("tbody th a").first.click()
    page.locator("#operations-canvas[data-to]").wait_for()
    assert page.title() != "owned"
    assert page.locator("img").count() == 0
    page.locator("#find").fill("</script>")
    page.locator("#operations-canvas").focus()
    page.keyboard.press("ArrowDown")
    assert MARKUP[:20] in page.locator("#detail").inner_text()


def test_a_page_of_the_store_works_in_an_origin_of_its_own(opened: Callable[..., Any]) -> None:
    page = opened()
    page.get_by_label("Search").fill("raft-stale-reads")
    page.get_by_role("button", name="Show", exact=True).click()
    page.locator("tbody th a").first.click()
    assert page.evaluate("window.origin") == "null"
    page.select_option("#jump", label="the counterexample")
    page.locator("#find").fill("order:8812")
    assert page.locator("#detail").inner_text() == "3 operations found; the others are dimmed."


def test_on_a_phone_a_run_is_a_card_and_every_target_is_large(opened: Callable[..., Any]) -> None:
    page = opened(viewport={"width": 390, "height": 900}, has_touch=True, is_mobile=True)
    for words in ("Files of", "Re-check", "Delete", "Compare"):
        box = page.locator(f'tbody [aria-label^="{words}"]').first.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    small = page.evaluate(
        """[...document.querySelectorAll(`main a, main button, main select, main .tick label,
            main input:not([type=checkbox], [type=hidden])`)]
        .filter(one => one.checkVisibility())
        .map(one => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
        .filter(([, box]) => box.height < 40 || box.width < 40).map(([html]) => html)"""
    )
    assert small == []


def test_two_runs_are_ticked_and_compared(opened: Callable[..., Any], server: Server) -> None:
    shown = server.root / "comparison/one"
    shown.mkdir(parents=True, exist_ok=True)
    (shown / "comparison.html").write_text(
        "<!doctype html><link rel=icon href=data:,><title>compared</title>"
    )
    page = opened(java_script_enabled=False)
    ticks = page.locator("tbody input[type=checkbox]")
    ticks.nth(0).check()
    ticks.nth(1).check()
    page.get_by_role("button", name="Compare the ticked runs").click()
    assert len(server.compared) == 1
    assert len(server.compared[0]) == 2
    page.wait_for_url("**/comparison.html", timeout=10_000)
