"""Sample runs, written once for all tests of the reports."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reports.page import render
from tests.reports.sample_runs import SAMPLES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; a test without either is skipped, and says why.

    It lives as long as one module, not longer: while Playwright is started, the thread counts as
    one with a running event loop, and whatever calls ``asyncio.run`` in it would be refused.
    """
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


Audit = Callable[[Path | str, int, str], list[tuple[str, str, str]]]


@pytest.fixture
def audit(browser: Any) -> Audit:
    """What axe-core calls serious or critical on a page (a file or an address), all of its rules
    applied and everything unfolded: the rule, what it demands, and the first element at fault."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")

    def faults(page_of: Path | str, width: int, scheme: str) -> list[tuple[str, str, str]]:
        # The page's own policy would not let the rules in.
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True
        )
        page = context.new_page()
        page.goto(page_of.as_uri() if isinstance(page_of, Path) else page_of)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        found = axe.Axe().run(page).response
        context.close()
        assert len(found["passes"]) > 10
        return [
            (fault["id"], fault["help"], fault["nodes"][0]["html"])
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]

    return faults


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The directory of a sample run, by name; not to be changed."""
    return cache(lambda name: SAMPLES[name](tmp_path_factory.mktemp("runs") / name))


@pytest.fixture(scope="session")
def page(sample: Callable[[str], Path]) -> Callable[[str], Path]:
    """The rendered page of a sample run, by name."""
    return cache(lambda name: render(sample(name)))


@pytest.fixture
def copy(sample: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a sample run that a test may damage."""

    def make(name: str) -> Path:
        return Path(shutil.copytree(sample(name), tmp_path / name))

    return make
