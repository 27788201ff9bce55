"""The Lamport diagram: from a file of messages to a drawing, and what bad files do."""

import json
from pathlib import Path
from typing import Any

import pytest

from checker.history import FaultSpan, History
from checker.operation import Operation, Outcome
from reports.assets import environment
from reports.lamport import CLIENTS_MAX, HEIGHT_MAX, MESSAGES_MAX, Lamport, lamport
from reports.room import Room, box

MS = 1_000_000


def message(source: str, target: str, sent_ms: int, took_ms: int | None, **more: Any) -> Any:
    arrived_ns = None if took_ms is None else (sent_ms + took_ms) * MS
    return {
        "source": source, "target": target, "sent_ns": sent_ms * MS, "arrived_ns": arrived_ns,
        "lost": "", "matters": True, "kind": "Vote", "text": "Vote(term=2)", **more,
    }  # fmt: skip


def drawn(folder: Path, messages: list[Any], **more: Any) -> Lamport | None:
    data = {"labrys": "messages", "version": 1, "begins_ns": 0, "ends_ns": 100 * MS,
            "left_out": 0, "messages": messages, "marks": [], **more}  # fmt: skip
    (folder / "messages.json").write_text(json.dumps(data))
    write = Operation(
        0, "write", "x", 1, 1, Outcome.OK, invoked=1, completed=2, invoked_ns=5 * MS,
        completed_ns=60 * MS, node="n1",
    )  # fmt: skip
    fault = FaultSpan(1, "kill-one", "killed n2", 0, None, 20 * MS, None)
    return lamport(folder, History([write], faults=[fault]))


def test_time_runs_down_and_columns_stand_in_order(tmp_path: Path) -> None:
    messages = [
        message("process 0", "n10", 5, 1),
        message("n10", "n2", 7, 30),
        message("n2", "n10", 40, None, lost="cut"),
        message("n10", "n2", 98, None),
    ]
    found = drawn(tmp_path, messages)
    assert found is not None
    assert [name for name, _ in found.columns] == ["process 0", "n2", "n10"]
    assert [arrow.kind for arrow in found.arrows] == ["client", "peer", "lost", "lost"]
    assert all(arrow.y2 > arrow.y1 for arrow in found.arrows)
    assert [a.y1 for a in found.arrows] == sorted(a.y1 for a in found.arrows)
    assert "lost: cut" in found.arrows[2].title
    assert "still under way" in found.arrows[3].title
    assert "took 30.0 ms" in found.arrows[1].title
    (operation,) = found.operations
    assert (operation.text, operation.kind) == ("wrote 1", "ok")
    assert operation.y < found.arrows[1].y1 < operation.y + operation.height
    (fault,) = found.faults
    assert fault.y + fault.height == pytest.approx(found.height - 24)


def test_roles_and_downtime_are_marked(tmp_path: Path) -> None:
    marks = [
        {"node": "n1", "time_ns": -5, "text": "follower 1"},
        {"node": "n1", "time_ns": 20 * MS, "text": "leader 2"},
        {"node": "n2", "time_ns": -1, "text": "down"},
        {"node": "n2", "time_ns": 30 * MS, "text": "up"},
    ]
    found = drawn(tmp_path, [message("n1", "n2", 10, 1)], marks=marks)
    assert found is not None
    assert [text for _, _, text in found.marks] == ["leader 2", "follower 1"]
    (stretch,) = found.stretches
    assert stretch.kind == "down"
    assert stretch.title.startswith("n2 down")


def test_a_diagram_is_bounded(tmp_path: Path) -> None:
    many = [message("n1", "n2", number, 2) for number in range(3_000)]
    found = drawn(tmp_path, many, ends_ns=3_100 * MS, left_out=7)
    assert found is not None
    assert len(found.arrows) == MESSAGES_MAX
    assert not found.arrows[0].label
    assert found.height < HEIGHT_MAX + 100
    assert "7 more are not drawn" in found.note


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", '{"begins_ns": 1}', '{"begins_ns": 0, "ends_ns": 1, "messages": [{}, 3]}',
        '{"begins_ns": 0, "ends_ns": 1, "messages": [{"source": 1, "target": "n1"}]}',
    ],
)  # fmt: skip
def test_a_damaged_file_draws_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "messages.json").write_text(text)
    assert lamport(tmp_path, History()) is None


def test_no_file_draws_nothing(tmp_path: Path) -> None:
    assert lamport(tmp_path, History()) is None


def test_texts_are_escaped(tmp_path: Path) -> None:
    bad = "</title><script>alert(1)</script>"
    messages = [message(bad, f"process {bad}", 5, 1, kind=bad, text=bad, lost=bad)]
    found = drawn(tmp_path, messages, marks=[{"node": bad, "time_ns": 1, "text": bad}])
    page = environment().get_template("lamport.html.j2").render(lamport=found)
    assert "<script" not in page
    assert "&lt;script" in page


def test_a_node_that_neither_spoke_nor_changed_has_no_column(tmp_path: Path) -> None:
    marks = [
        {"node": "n3", "time_ns": -5, "text": "follower 1"},
        {"node": "n4", "time_ns": 50 * MS, "text": "leader 2"},
    ]
    found = drawn(tmp_path, [message("n1", "n2", 10, 1)], marks=marks)
    assert found is not None
    assert [name for name, _ in found.columns] == ["n1", "n2", "n4"]


def test_clients_of_the_counterexample_alone_have_columns(tmp_path: Path) -> None:
    messages = [message(f"process {n}", "n1", 5 + n, 1) for n in range(12)]
    (tmp_path / "messages.json").write_text(
        json.dumps({"begins_ns": 0, "ends_ns": 100 * MS, "messages": messages, "marks": []})
    )
    found = lamport(tmp_path, History(), ["11"])
    assert found is not None
    assert [name for name, _ in found.columns] == ["process 11", "n1"]
    assert len(found.arrows) == 1
    assert "Not drawn: 11 messages of other clients." in found.note
    silent = lamport(tmp_path, History(), ["99"])
    assert silent is not None
    assert len(silent.columns) == CLIENTS_MAX + 1


def test_labels_take_room_of_their_own_or_are_left_out(tmp_path: Path) -> None:
    messages = [message("n1", f"n{2 + n % 2}", 10, 1, kind="AppendEntries") for n in range(9)]
    found = drawn(tmp_path, messages)
    assert found is not None
    boxes = [box(a.label_x, a.label_y, a.label, 10, "middle") for a in found.arrows if a.label]
    assert 2 <= len(boxes) < 9
    room = Room()
    assert all(room.take(one) for one in boxes)
