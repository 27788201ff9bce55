"""Pages in Chromium: no error, no request, no overflow; zooming, finding and lighting work."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from checker.columns import FAIL
from checker.history import History
from checker.linearizability.registers.points import points
from tests.reports.sample_runs import MARKUP, SAMPLES

pytestmark = pytest.mark.browser

Make = Callable[[str], Path]


READY = """() => {
    const canvas = document.getElementById("operations-canvas");
    return !canvas || canvas.dataset.to;
}"""
"""The timeline has unpacked its operations and shows a window of them."""


class Opened:
    """A page of a run in the browser, with everything that it asked for and complained of."""

    def __init__(
        self,
        browser: Any,
        path: Path,
        width: int = 1280,
        scheme: str = "light",
        address: str = "",
    ) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, has_touch=width < 500
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.goto(path.as_uri() + address)
        self.page.wait_for_function(READY)

    def view(self) -> tuple[int, int]:
        """What the timeline shows, in microseconds."""
        data = self.page.locator("#operations-canvas").evaluate("c => ({...c.dataset})")
        return int(data["from"]), int(data["to"])

    def detail(self) -> str:
        return str(self.page.locator("#detail").inner_text())


@pytest.fixture
def opened(browser: Any, page: Make) -> Iterator[Callable[..., Opened]]:
    all_opened: list[Opened] = []

    def make(name: str, **options: Any) -> Opened:
        all_opened.append(Opened(browser, page(name), **options))
        return all_opened[-1]

    yield make
    for one in all_opened:
        one.context.close()
        assert one.complaints == []
        assert [url for url in one.requests if not url.startswith(("file:", "data:,"))] == []
        assert len([url for url in one.requests if url.startswith("file:")]) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_opens_quietly_and_fits(name: str, width: int, scheme: str, opened: Any):
    one = opened(name, width=width, scheme=scheme)
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert one.page.locator("h1").is_visible()


def test_the_timeline_zooms_by_button_wheel_and_key(opened: Any):
    one = opened("valid")
    canvas = one.page.locator("#operations-canvas")
    one.page.get_by_role("button", name="Whole run").click()
    whole = one.view()
    one.page.get_by_role("button", name="Zoom in").click()
    first = one.view()
    assert first[1] - first[0] == pytest.approx((whole[1] - whole[0]) / 2, rel=0.01)

    canvas.hover()
    one.page.keyboard.down("Control")
    one.page.mouse.wheel(0, -100)
    one.page.keyboard.up("Control")
    one.page.wait_for_function(
        f"() => document.getElementById('operations-canvas').dataset.from != {first[0]}"
    )
    second = one.view()
    assert second[1] - second[0] < first[1] - first[0]

    canvas.focus()
    one.page.keyboard.press("+")
    third = one.view()
    assert third[1] - third[0] == pytest.approx((second[1] - second[0]) / 2, rel=0.01)
    one.page.keyboard.press("ArrowRight")
    assert one.view()[0] > third[0]
    one.page.keyboard.press("Home")
    assert one.view() == whole


def test_the_timeline_moves_by_dragging(opened: Any):
    one = opened("valid")
    one.page.get_by_role("button", name="Zoom in").click()
    before = one.view()
    box = one.page.locator("#operations-canvas").bounding_box()
    y = box["y"] + box["height"] / 2
    one.page.mouse.move(box["x"] + 600, y)
    one.page.mouse.down()
    one.page.mouse.move(box["x"] + 500, y, steps=4)
    one.page.mouse.up()
    after = one.view()
    assert after[0] > before[0]
    assert after[1] - after[0] == pytest.approx(before[1] - before[0], abs=2)


def test_two_fingers_zoom(opened: Any):
    one = opened("valid", width=390)
    before = one.view()
    one.page.locator("#operations-canvas").evaluate("""canvas => {
        const box = canvas.getBoundingClientRect(), y = box.top + 60;
        canvas.setPointerCapture = () => {};
        const send = (type, pointerId, x) => canvas.dispatchEvent(
            new PointerEvent(type, {pointerId, clientX: box.left + x, clientY: y, bubbles: true}));
        send("pointerdown", 1, 150); send("pointerdown", 2, 200);
        send("pointermove", 1, 100); send("pointermove", 2, 300);
        send("pointerup", 1, 100); send("pointerup", 2, 300);
    }""")
    after = one.view()
    assert after[1] - after[0] < (before[1] - before[0]) / 2


def test_the_counterexample_is_reached_and_told(opened: Any):
    one = opened("invalid")
    one.page.select_option("#jump", label="the counterexample")
    begin, end = one.view()
    assert begin < 3_102_000
    assert 3_264_000 < end < 4_000_000
    one.page.locator("#find").fill("order:8812")
    assert one.detail() == "3 operations found; the others are dimmed."
    one.page.locator("#operations-canvas").focus()
    one.page.keyboard.press("ArrowDown")
    assert "No. 1 of the counterexample: process 900 wrote 17" in one.detail()
    one.page.keyboard.press("ArrowDown")
    assert "process 901 wrote 18" in one.detail()
    one.page.keyboard.press("ArrowUp")
    assert "process 900 wrote 17" in one.detail()


def test_an_operation_is_told_where_it_is_pointed_at(opened: Any):
    one = opened("invalid")
    one.page.select_option("#jump", label="the counterexample")
    one.page.locator("#operations-canvas").scroll_into_view_if_needed()
    box = one.page.locator("#operations-canvas").bounding_box()
    begin, end = one.view()
    gutter = 48
    x = gutter + (3_120_000 - begin) / (end - begin) * (box["width"] - gutter)
    rows = one.page.evaluate(
        "JSON.parse(document.getElementById('data').textContent).timeline.lanes.map(l => l[0])"
    )
    y = 18 + 4 + (rows.index(900) + 0.5) * 22
    one.page.mouse.move(box["x"] + x, box["y"] + y)
    assert "process 900 wrote 17" in one.detail()


def shown(one: Opened) -> int:
    """How many operations the timeline says that it shows."""
    return int(one.detail().split()[0])


def test_outcomes_and_functions_are_filtered(opened: Any, sample: Make):
    one = opened("valid")
    columns = History.read(sample("valid") / "history.jsonl").columns
    fails = int((columns.outcome == FAIL).sum())
    writes = columns.function == columns.functions.find("write")
    whole = one.page.locator("#operations-canvas").evaluate("c => c.toDataURL()")
    one.page.get_by_label("fail", exact=True).uncheck()
    assert shown(one) == len(columns) - fails
    one.page.get_by_label("write", exact=True).uncheck()
    assert shown(one) == len(columns) - int((writes | (columns.outcome == FAIL)).sum())
    one.page.wait_for_timeout(100)
    assert one.page.locator("#operations-canvas").evaluate("c => c.toDataURL()") != whole
    for name in ("read", "cas"):
        one.page.get_by_label(name, exact=True).uncheck()
    assert one.detail() == "0 operations shown."
    one.page.locator("#operations-canvas").focus()
    one.page.keyboard.press("ArrowDown")
    assert one.detail() == "0 operations shown."
    one.page.get_by_label("cas", exact=True).check()
    one.page.keyboard.press("Tab")
    one.page.locator("#operations-canvas").focus()
    one.page.keyboard.press("ArrowDown")
    assert " cas [" in one.detail()


def test_operations_are_found_by_key_value_and_process(opened: Any, sample: Make):
    one = opened("valid")
    columns = History.read(sample("valid") / "history.jsonl").columns
    operations = list(columns.operations(range(len(columns))))
    for words, process in ((str(operations[0].key), -1), ("17", 17)):
        found = sum(
            any(words in json.dumps(text) for text in (o.key, o.argument, o.result))
            or o.process == process
            for o in operations
        )
        one.page.locator("#find").fill(words)
        assert one.detail() == f"{found} operations found; the others are dimmed."
        assert found > 0
    one.page.locator("#find").fill("")
    assert shown(one) == len(operations)


def test_a_valid_run_shows_when_each_operation_took_effect(opened: Any, sample: Make):
    one = opened("valid")
    columns = History.read(sample("valid") / "history.jsonl").columns
    one.page.locator("#operations-canvas").focus()
    one.page.keyboard.press("Home")
    one.page.keyboard.press("ArrowDown")
    assert "can have taken effect at" in one.detail()
    drawn = "() => Number(document.querySelector('#operations-canvas').dataset.witness) > 0"
    one.page.wait_for_function(drawn)
    joined = one.page.locator("#operations-canvas").evaluate("c => Number(c.dataset.witness)")
    found = points(columns)
    assert found is not None
    first = int(columns.invoked_ns.argmin())
    assert joined == int((found.rank[columns.key == columns.key[first]] >= 0).sum())


def test_an_invalid_run_has_no_such_moments_but_the_nodes_words(opened: Any):
    one = opened("invalid")
    assert "taken effect" not in one.page.locator("#timeline").inner_text()
    lines = one.page.locator("details.around tbody tr")
    assert not lines.first.is_visible()
    one.page.locator("details.around summary").click()
    assert lines.count() == 5
    assert "append entries from n1" in lines.first.inner_text()
    assert lines.first.inner_text().startswith("3.111 s")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["valid", "invalid", "hostile"])
def test_axe_finds_no_serious_fault(
    name: str, width: int, scheme: str, audit: Any, page: Make
) -> None:
    assert audit(page(name), width, scheme) == []


def test_the_timeline_opens_at_the_counterexample(opened: Any):
    begin, end = opened("invalid").view()
    assert 3_000_000 < begin < 3_102_000
    assert 3_264_000 < end < 3_400_000


def test_the_timeline_of_a_valid_run_opens_where_most_went_wrong(opened: Any, sample: Make):
    one = opened("valid")
    begin, end = one.view()
    history = History.read(sample("valid") / "history.jsonl")
    bad = [
        sum(
            o.outcome.value != "ok"
            and o.invoked_ns <= fault.healed_ns
            and (o.completed_ns or o.invoked_ns) >= fault.injected_ns
            for o in history.operations
        )
        for fault in history.faults
        if fault.healed_ns is not None
    ]
    worst = history.faults[bad.index(max(bad))]
    assert begin < worst.injected_ns / 1000 < end
    assert one.page.locator("#jump option:checked").inner_text().startswith(f"fault {worst.number}")


def test_rows_are_processes_or_keys(opened: Any):
    one = opened("invalid")
    rows = "document.getElementById('operations-canvas').dataset.rows"
    assert one.page.evaluate(rows) == "11"
    one.page.select_option("#rows", label="a key each")
    assert one.page.evaluate(rows) == "13"
    one.page.select_option("#key", label="order:8812")
    assert one.page.evaluate(rows) == "1"
    assert one.detail() == "3 operations shown."


def test_a_link_restores_the_view(opened: Any):
    one = opened("invalid")
    one.page.select_option("#rows", label="a key each")
    one.page.select_option("#key", label="order:8812")
    one.page.get_by_role("button", name="Zoom in").click()
    link = one.page.locator("#here").get_attribute("href")
    assert "&key=order%3A8812&rows=key" in link
    other = opened("invalid", address=link)
    assert other.view() == one.view()
    assert other.page.locator("#key option:checked").inner_text() == "order:8812"
    assert other.page.locator("#rows").input_value() == "key"
    assert other.page.locator("#jump option:checked").inner_text() == "this view"
    given = opened("invalid", address="#t=12.3,13.1&key=order:1007")
    assert given.view() == (12_300_000, 13_100_000)
    assert given.page.locator("#key option:checked").inner_text() == "order:1007"


def test_a_sentence_lights_its_arrow_and_the_other_way_round(opened: Any):
    one = opened("invalid")
    arrow = one.page.locator(".lying .edge[data-edge='2']").last
    sentence = one.page.locator("li[data-edge='2']")
    assert "lit" not in arrow.get_attribute("class")
    sentence.hover()
    assert "lit" in arrow.get_attribute("class")
    one.page.mouse.move(0, 0)
    assert "lit" not in arrow.get_attribute("class")
    arrow.locator("text").hover()
    assert "lit" in (sentence.get_attribute("class") or "")
    one.page.mouse.move(0, 0)
    sentence.focus()
    assert "lit" in arrow.get_attribute("class")


def test_markup_never_becomes_markup(opened: Any):
    one = opened("hostile")
    assert one.page.locator("img").count() == 0
    assert one.page.title() != "owned"
    assert MARKUP in one.page.locator("h2 code").inner_text()
    one.page.locator("#find").fill("</script>")
    one.page.locator("#operations-canvas").focus()
    one.page.keyboard.press("ArrowDown")
    assert MARKUP[:20] in one.detail()


def test_landmarks_headings_and_names_are_there(opened: Any):
    one = opened("invalid")
    for landmark in ("main", "header", "nav", "footer"):
        assert one.page.locator(landmark).count() == 1
    levels = one.page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    nameless = one.page.evaluate(
        "[...document.querySelectorAll('button,input,select,[tabindex=\"0\"]')].filter(e =>"
        " !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length"
    )
    assert nameless == 0


def test_colours_follow_the_scheme_while_the_page_is_open(opened: Any):
    one = opened("valid")
    light = one.page.locator("#operations-canvas").evaluate("c => c.toDataURL()")
    one.page.emulate_media(color_scheme="dark")
    one.page.wait_for_timeout(300)
    assert one.page.locator("#operations-canvas").evaluate("c => c.toDataURL()") != light
    assert one.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"


@pytest.mark.deep
@pytest.mark.timed
def test_two_hundred_thousand_operations_are_ready_within_two_seconds(opened: Any, page: Make):
    page("large")
    one = opened("large")
    ready = one.page.evaluate("performance.now()")
    assert ready <= 2_000
    assert "drawn one by one" in one.page.locator("#timeline-keys").inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_operations_of_the_counterexample_open_the_timeline_there(width: int, opened: Any):
    one = opened("invalid", width=width)
    spans = [(3_102_000, 3_140_000), (3_200_000, 3_241_000), (3_260_000, 3_264_000)]
    links = one.page.locator(".steps a").all()
    bars = one.page.locator(".standing a" if width < 500 else ".lying a").all()
    assert len(links) == len(bars) == len(spans)
    for leads in (links, bars):
        for number, (link, (begins, ends)) in enumerate(zip(leads, spans, strict=True), start=1):
            link.click()
            one.page.wait_for_function(
                f"() => document.getElementById('detail').textContent.startsWith('No. {number} ')"
            )
            begin, end = one.view()
            assert begin < begins < ends < end
            assert end - begin < 100_000, "nothing but this operation and some room"
            assert one.page.locator("#key option:checked").inner_text() == "order:8812"
            assert one.page.locator("#operations-canvas").evaluate(
                "c => { const box = c.getBoundingClientRect();"
                " return box.top < innerHeight && box.bottom > 0; }"
            )
