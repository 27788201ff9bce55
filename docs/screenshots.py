"""Takes the pictures of the README: `python docs/screenshots.py INVALID VALID COMPARISON [FOLDER]`.

The first three are directories of the store: a run that is invalid, one that is valid under faults,
and a comparison. The pictures go to docs/images, or to FOLDER.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"
WIDE, HIGH = 1100, 860

FIRST_FAULT = "JSON.parse(document.getElementById('data').textContent).timeline.faults[0][3]"
"""When the first fault of a run's page began, in microseconds."""


def counterexample(page: Any) -> None:
    """The first screen, with the last sentence of the argument and its arrow lit."""
    page.locator("li[data-edge]").last.focus()
    page.evaluate("scrollTo(0, 0)")


def timeline(page: Any) -> None:
    """The beginning of a fault, and the order of one key's operations before it."""
    begins_s = page.evaluate(FIRST_FAULT) / 1e6
    page.evaluate(f"location.hash = '#t={begins_s - 0.03:.6f},{begins_s + 0.012:.6f}'")
    page.locator(f"#operations-canvas[data-from='{round((begins_s - 0.03) * 1e6)}']").wait_for()
    page.locator("#operations-canvas").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.locator("#operations-canvas[data-witness]").wait_for()


def take(browser: Any, path: Path, prepare: Any, picture: Path) -> None:
    """One picture of a page: of its first screen, or of its timeline."""
    page = browser.new_page(viewport={"width": WIDE, "height": HIGH}, color_scheme="light")
    page.goto(path.resolve().as_uri())
    if prepare is not None:
        page.locator("#operations-canvas[data-to]").wait_for()
        prepare(page)
    part = page.locator("#timeline") if prepare is timeline else page
    part.screenshot(path=picture)
    page.close()


def main() -> None:
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    invalid, valid, compared, *into = map(Path, sys.argv[1:])
    folder = into[0] if into else IMAGES
    folder.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        take(browser, invalid / "report.html", counterexample, folder / "counterexample.png")
        take(browser, valid / "report.html", timeline, folder / "timeline.png")
        take(browser, compared / "comparison.html", None, folder / "comparison.png")
        browser.close()


if __name__ == "__main__":
    main()
