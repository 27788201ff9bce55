"""Drawings and print in Chromium: no label on another, standing on a phone, two light pages."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reports.page import render
from tests.reports.labels import overlapping

pytestmark = pytest.mark.browser

MS = 1_000_000
COUNTEREXAMPLE = ".space-time text"
MESSAGES = ".lamport text"


def _message(source: str, target: str, sent_ms: float, kind: str, lost: str = "") -> Any:
    sent_ns = int(sent_ms * MS)
    return {"source": source, "target": target, "sent_ns": sent_ns, "lost": lost, "kind": kind,
            "arrived_ns": None if lost else sent_ns + MS, "text": kind,
            "matters": True}  # fmt: skip


@pytest.fixture
def told(copy: Callable[[str], Path]) -> Path:
    """The page of an invalid run with its messages, many of them at the same moments."""
    folder = copy("invalid")
    messages = [
        _message("process 900", "n1", 3_102, "Request"),
        _message("n1", "process 900", 3_139, "Reply"),
        _message("process 901", "n2", 3_200, "Request"),
        _message("n2", "process 901", 3_240, "Reply"),
        _message("process 902", "n1", 3_260, "Request"),
        _message("n1", "process 902", 3_263, "Reply"),
    ]
    for node in ("n2", "n3"):
        for at in range(3_103, 3_263, 10):
            messages.append(_message("n1", node, at, "AppendEntries", "cut" * (at > 3_180)))
            messages.append(_message(node, "n1", at + 0.01, "AppendAnswer"))
    marks = [{"node": f"n{n}", "time_ns": 3_150 * MS, "text": f"follower {n}"} for n in (1, 2, 3)]
    marks += [{"node": "n2", "time_ns": 3_150 * MS + 1, "text": "leader 4"}]
    data = {"begins_ns": 3_100 * MS, "ends_ns": 3_270 * MS, "messages": messages, "marks": marks}
    (folder / "messages.json").write_text(json.dumps(data))
    return render(folder)


def _opened(browser: Any, path: Path, width: int) -> Any:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark")
    page = context.new_page()
    page.goto(path.as_uri())
    page.locator("#operations-canvas[data-to]").wait_for()
    return page


@pytest.mark.parametrize("width", [1280, 390])
def test_no_label_lies_on_another(browser: Any, told: Path, width: int) -> None:
    page = _opened(browser, told, width)
    assert overlapping(page, COUNTEREXAMPLE) == []
    assert overlapping(page, MESSAGES) == []
    standing = page.locator(".space-time.standing")
    assert standing.is_visible() == (width == 390)
    if width == 390:
        assert standing.bounding_box()["width"] <= 358, "it needs no scrolling"
    page.context.close()


def test_faults_in_force_are_named_behind_the_counterexample(browser: Any, told: Path) -> None:
    page = _opened(browser, told, 1280)
    assert page.locator(".lying .strip text").all_text_contents() == ["1 isolate-leader"]
    sentences = page.locator(".sentences li[data-edge]").count()
    assert page.locator(".lying .edge .line").count() == sentences == 3
    page.context.close()


def test_on_paper_an_invalid_run_is_two_light_pages(browser: Any, told: Path) -> None:
    page = _opened(browser, told, 1280)
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2
    page.emulate_media(media="print", color_scheme="dark")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(255, 255, 255)"
    page.set_viewport_size({"width": 700, "height": 1000})
    cut = page.evaluate(
        """[...document.querySelectorAll('main *')]
        .filter(one => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)
        .map(one => one.outerHTML.slice(0, 90))"""
    )
    assert cut == []
    page.context.close()
