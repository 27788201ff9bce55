"""What a page of a long run costs: `python benchmarks/page.py [--operations 1000000] [--json]`.

A valid run of that many operations is written, `labrys report` makes its page in a process of its
own, and Chromium opens it. Told are the seconds and the memory of the first, the size of the page,
and how long after it was asked for it shows its timeline, draws its charts and answers a key.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import sync_playwright

from tests.reports.conftest import CHROMIUM
from tests.reports.sample_runs import standard

ROOT = Path(__file__).parents[1]
SECONDS_MAX, BYTES_MAX, PAGE_BYTES_MAX, INTERACTIVE_MS_MAX = 60, 2_000_000_000, 5_000_000, 2_000

DRAWN = """[...document.querySelectorAll('[data-chart]')].every(e => e.dataset.drawn)
    && document.getElementById('operations-canvas').dataset.to"""
PRESSED = """new Promise(done => {
    const canvas = document.getElementById('operations-canvas');
    canvas.focus();
    canvas.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowDown', bubbles: true}));
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
})"""


def report(run: Path) -> dict[str, float]:
    """Make the page in another process."""
    command = [sys.executable, "-m", "harness", "report", str(run)]
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    size = (run / "report.html").stat().st_size
    return {"report_s": took, "report_peak_bytes": peak, "page_bytes": size}


def opening(path: Path, rounds: int = 5) -> dict[str, float]:
    """The median of some openings, in milliseconds since the page was asked for."""
    ready, pressed = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(rounds):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(path.as_uri())
            page.wait_for_function(DRAWN)
            ready.append(page.evaluate("performance.now()"))
            begun = page.evaluate("performance.now()")
            pressed.append(page.evaluate(PRESSED) - begun)
            page.close()
        browser.close()
    return {"interactive_ms": sorted(ready)[rounds // 2], "key_ms": sorted(pressed)[rounds // 2]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = standard(
            Path(folder) / "run", operations=options.operations, clients=20, seconds=600.0,
            faults=40,
        )  # fmt: skip
        figures = {"operations": options.operations, **report(run), **opening(run / "report.html")}
    if options.json:
        print(json.dumps(figures))
    else:
        print(
            f"{options.operations:,} operations: report {figures['report_s']:.1f} s "
            f"(at most {SECONDS_MAX}), {figures['report_peak_bytes'] / 1e6:,.0f} MB "
            f"(at most {BYTES_MAX / 1e6:,.0f}); page {figures['page_bytes'] / 1e6:.2f} MB "
            f"(at most {PAGE_BYTES_MAX / 1e6:.0f}), interactive after "
            f"{figures['interactive_ms']:,.0f} ms (at most {INTERACTIVE_MS_MAX:,}), "
            f"a key takes {figures['key_ms']:.0f} ms"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
