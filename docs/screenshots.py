"""Takes the pictures of the README: `python docs/screenshots.py INVALID_RUN VALID_RUN COMPARISON`.

Each argument is a directory of the store: a run that is invalid, one that is valid, a comparison.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parent / "images"


def counterexample(page: Any) -> None:
    page.locator("li[data-edge]").last.focus()
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=IMAGES / "counterexample.png")


def timeline(page: Any) -> None:
    """The end of a fault, and the order of one key's operations there."""
    page.select_option("#jump", index=2)
    for _ in range(6):
        page.get_by_role("button", name="Zoom in").click()
    for _ in range(7 * 4):
        page.get_by_role("button", name="Earlier").click()
    page.locator("#operations-canvas").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    page.locator("#timeline").screenshot(path=IMAGES / "timeline.png")


def comparison(page: Any) -> None:
    page.screenshot(path=IMAGES / "comparison.png")


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    invalid, valid, compared = map(Path, sys.argv[1:])
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for path, take in (
            (invalid / "report.html", counterexample),
            (valid / "report.html", timeline),
            (compared / "comparison.html", comparison),
        ):
            page = browser.new_page(viewport={"width": 1100, "height": 900})
            page.goto(path.resolve().as_uri())
            page.wait_for_timeout(1500)
            take(page)
        browser.close()


if __name__ == "__main__":
    main()
