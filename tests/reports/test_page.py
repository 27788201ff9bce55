"""Pages of every sort of run: they render, stay in bounds, and show hostile text as text."""

import json
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from checker.history import History
from checker.operation import Operation, Outcome
from reports.assets import embed
from reports.page import PAGE_BYTES_MAX, render
from reports.stored import NotARun
from reports.timeline import timeline
from reports.wording import headed
from tests.reports.sample_runs import MARKUP, SAMPLES, standard

Make = Callable[[str], Path]


class Reader(HTMLParser):
    """The tags of a page with their attributes, and its texts by element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "rect", "br", "input", "line", "path"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def text(self) -> str:
        shown = (text for tag, text in self.texts if tag not in ("script", "style"))
        return re.sub(r"\s+", " ", "".join(shown))


def read(path: Path) -> Reader:
    return Reader(path.read_text("utf-8"))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_holds_everything_and_asks_for_nothing(name: str, page: Make):
    path = page(name)
    assert path.stat().st_size <= PAGE_BYTES_MAX
    reader = read(path)
    for tag, attributes in reader.tags:
        assert "src" not in attributes, f"{tag} loads {attributes['src']}"
        assert not any(attribute.startswith("on") for attribute in attributes)
        if tag == "link":
            assert attributes["href"] == "data:,"
        elif "href" in attributes:
            assert re.match(
                r"#|nodes/|run\.json|history\.jsonl|result\.json", str(attributes["href"])
            )
    policy = next(a["content"] for t, a in reader.tags if "http-equiv" in a)
    assert policy is not None
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    ("name", "headline", "first"),
    [
        ("valid", "✔ Valid: this history is linearizable", "24,000 operations on 24 keys"),
        ("invalid", "✘ Stale read: process 902 read 17 after 18 was", "these 3 operations"),
        ("unknown", "? Unknown:", "cas never succeeded during faults"),
        ("killed", "– No verdict", "This run ended before it was judged"),
        ("empty", "? Unknown:", "nothing was called"),
    ],
)
def test_the_verdict_and_its_reason_come_first(name: str, headline: str, first: str, page: Make):
    text = read(page(name)).text()
    assert headline in text
    assert text.index(headline) < text.index(first) < text.index("Run it again")
    assert text.index("Run it again") < text.index("Key figures")


def test_a_violation_shows_operations_sentences_and_arrows(page: Make):
    html = page("invalid").read_text("utf-8")
    reader = Reader(html)
    text = reader.text()
    for words in ("wrote 17", "wrote 18", "read 17", "3.260 s to 3.264 s", "cannot both be true"):
        assert words in text
    edges = [a["data-edge"] for tag, a in reader.tags if "data-edge" in a]
    # Each is a sentence, and an arrow and its label in both drawings.
    assert sorted(str(edge) for edge in edges) == [*"00000", *"11111", *"22222"]
    assert text.index("Counterexample") < text.index("Key figures")


SAID = {
    "valid": "2 of 2 | one × 2, leader × 2 | 1,234 | read: ok 7, info 1 | never in force",
    "killed": "breaks off in the middle of line | labrys check | never healed |"
    " Planned, but not applied | Operations by kind and outcome",
    # The commit index stands in the last line of the crashed node's log.
    "unknown": "clock-jump: local processes share the clock | n3 ended though nobody killed it |"
    " Last lines of n3 | commit index 6667 | not passed cas never succeeded",
}


@pytest.mark.parametrize("name", SAID)
def test_a_page_tells_of_faults_crashes_gates_and_what_is_missing(name: str, page: Make):
    text = read(page(name)).text()
    assert [words for words in SAID[name].split(" | ") if words not in text] == []


def test_markup_in_any_text_stays_text(page: Make):
    html = page("hostile").read_text("utf-8")
    plain = page("invalid").read_text("utf-8")
    hostile, expected = Reader(html), Reader(plain)
    assert not any(tag == "img" for tag, _ in hostile.tags)
    scripts = [tag for tag, _ in hostile.tags].count("script")
    assert scripts == [tag for tag, _ in expected.tags].count("script")
    assert MARKUP in "".join(text for _, text in hostile.texts)
    data = next(text for tag, text in hostile.texts if tag == "script")
    assert "<" not in data
    assert MARKUP in json.loads(data)["timeline"]["words"] or "script" in data


@pytest.mark.parametrize("text", ["</script><!--", "\ud800", "\u2028", "\x00", "&lt;"])
def test_embedded_data_is_read_back_and_cannot_end_its_element(text: str):
    embedded = str(embed({"text": text}))
    assert json.loads(embedded) == {"text": text}
    assert not set("<>&") & set(embedded)
    embedded.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("run.json", b"", "run.json cannot be read"),
        ("run.json", b'{"labrys":"run","version":99}', "has version 99"),
        ("run.json", b"[1]", "not the run file"),
        ("run.json", b'{"labrys":"run","version":1,"config":7,"schedule":{},"refused":"x",'
         b'"machine":{"memory_bytes":"much"},"began":5,"seed":null}', "No verdict"),
        ("result.json", b'{"labrys":"result","version":1,"verdict":7,"gates":[3,{}],'
         b'"linearizability":{"counterexample":[{}, 5],"cycle":[{"from":"x"}],"explanation":[1]},'
         b'"findings":["words",{"node":[1]}],"liveness":{},"seconds":{"check":"no"}}', "words"),
        ("result.json", b'{"labrys":"result","version":1,"verdict":"invalid","linearizability":'
         b'{"verdict":"invalid","counterexample":[{"invoked":null,"outcome":"ok"}]}}', "Invalid"),
        ("history.jsonl", b"", "history.jsonl cannot be read: the file is empty"),
        ("history.jsonl", b'{"labrys":"history","version":1}\n{"type":"invoke","process":[],'
         b'"function":"read","time_ns":1}\n', "history.jsonl cannot be read"),
        ("history.jsonl", b'{"labrys":"history","version":1}\n{"type":"invoke","process":1,'
         b'"function":"read","time_ns":1e99}\n', "history.jsonl cannot be read"),
    ],
)  # fmt: skip
def test_damaged_files_are_named_and_the_rest_is_shown(
    name: str, content: bytes, said: str, copy: Make
):
    folder = copy("killed")
    (folder / name).write_bytes(content)
    text = read(render(folder)).text()
    assert said in text
    assert "Traceback" not in text


@pytest.mark.parametrize("name", ["run.json", "history.jsonl", "result.json"])
def test_a_missing_file_is_named(name: str, copy: Make):
    folder = copy("unknown")
    (folder / name).unlink()
    assert name in read(render(folder)).text()


def test_a_directory_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(NotARun, match=r"holds no run: give a directory that holds run\.json"):
        render(tmp_path)


def test_a_page_is_the_same_each_time(copy: Make):
    folder = copy("invalid")
    first = render(folder).read_bytes()
    assert render(folder).read_bytes() == first
    assert not list(folder.glob("*.part"))


@pytest.mark.deep
@pytest.mark.timed
def test_fifty_thousand_operations_take_seconds(tmp_path: Path):
    """Several times the intended 5 s, so that a busy machine passes."""
    folder = standard(tmp_path / "run", operations=50_000)
    began = time.monotonic()
    render(folder)
    assert time.monotonic() - began <= 20


# --- the timeline -------------------------------------------------------------------------------


def history(count: int, value: Any = 1, lanes: int = 5) -> History:
    operations = [
        Operation(process=i % lanes, function="write", key="k", argument=value, result=value,
                  outcome=Outcome.OK, invoked=2 * i + 2, completed=2 * i + 3,
                  invoked_ns=i * 1_000_000, completed_ns=i * 1_000_000 + 900_000)
        for i in range(count)
    ]  # fmt: skip
    return History(tuple(operations))


def test_ten_thousand_operations_make_half_a_megabyte(tmp_path: Path):
    folder = standard(tmp_path / "run", operations=10_000, seconds=30.0, faults=5)
    assert render(folder).stat().st_size <= 500_000


def test_a_short_run_is_drawn_whole():
    found = timeline(history(100))
    assert found.left_out == ""
    assert len(found.data["operations"]["lane"]) == 100
    assert len(found.data["lanes"]) == 5
    assert found.data["density"] == []


def test_a_long_run_keeps_the_counterexample_whole_and_counts_the_rest():
    long = history(5_000)
    marked = [(2 * 2_500 + 2, 1), (2 * 2_510 + 2, 2)]
    found = timeline(long, marked, drawn_max=500)
    operations = found.data["operations"]
    drawn = len(operations["lane"])
    assert drawn <= 500
    begins, now = [], 0
    for step in operations["begin"]:
        now += step
        begins.append(now)
    assert [begins[row] for row, _ in found.data["marked"]] == [2_500_000, 2_510_000]
    assert begins == list(range(begins[0], begins[-1] + 1, 1000)), "nothing is left out between"
    assert sum(map(sum, found.data["density"])) == 5_000 - drawn
    assert "Of 5,000 operations" in found.left_out
    assert f"The other {5_000 - drawn:,}" in found.left_out


def test_long_values_cannot_make_a_page_long(tmp_path: Path):
    big = [f"{i:06d}" + "x" * 2_000 for i in range(3_000)]
    operations = tuple(
        Operation(process=0, function="write", key=value, argument=value, result=value,
                  outcome=Outcome.OK, invoked=2 * i + 2, completed=2 * i + 3, invoked_ns=i * 1000,
                  completed_ns=i * 1000 + 900)
        for i, value in enumerate(big)
    )  # fmt: skip
    found = timeline(History(operations))
    assert len(json.dumps(found.data)) < 1_500_000


def test_a_new_process_takes_the_row_of_one_that_ended():
    def crashed(process: int, at: int) -> Operation:
        return Operation(process=process, function="read", key="k", argument=None, result=None,
                         outcome=Outcome.INFO, invoked=at, completed=None, invoked_ns=at * 1000,
                         completed_ns=at * 1000 + 500)  # fmt: skip

    found = History((crashed(0, 2), crashed(1, 3), crashed(2, 4)))
    assert timeline(found).data["lanes"] == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("reason", "headline", "rest"),
    [
        ("an invariant of the cluster is broken: Safety: n4 applied Entry(term=2): n5 did not",
         "An invariant of the cluster is broken: Safety", "n4 applied Entry(term=2): n5 did not"),
        (f"an invariant is broken: n2 takes {'x' * 80}", "An invariant is broken",
         f"n2 takes {'x' * 80}"),
        ("n3 ended by itself", "n3 ended by itself", ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_a_reason_is_a_headline_up_to_a_colon(reason: str, headline: str, rest: str) -> None:
    assert headed(reason) == (headline, rest)


def test_messages_come_last_where_nothing_is_shown_to_be_wrong(copy: Make) -> None:
    order = {}
    for name in ("valid", "invalid"):
        folder = copy(name)
        told = [{"source": "n1", "target": "n2", "sent_ns": 3_110_000_000, "lost": "", "text": "",
                 "arrived_ns": 3_111_000_000, "kind": "Append", "matters": True}]  # fmt: skip
        data = {"begins_ns": 3_100_000_000, "ends_ns": 3_270_000_000, "messages": told, "marks": []}
        (folder / "messages.json").write_text(json.dumps(data))
        page = render(folder).read_text()
        ids = re.findall(r'<section id="(\w+)"', page)
        order[name] = ids.index("messages") < ids.index("figures")
        links = re.findall(r'<li><a href="#(\w+)"', page)
        assert [one for one in ids if one in links] == links
    assert order == {"valid": False, "invalid": True}
