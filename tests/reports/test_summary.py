"""The last words of a run."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reports.stored import NotARun
from reports.summary import summarize_run
from tests.reports.sample_runs import SAMPLES

Make = Callable[[str], Path]


def test_a_valid_run_says_what_was_judged_and_how_to_repeat_it(page: Make):
    folder = page("valid").parent
    lines = summarize_run(folder).splitlines()
    assert lines[0] == (
        "raft · local · 5 nodes · 10 clients · register · partition,kill,pause · 60 s · seed 7"
    )
    assert lines[1].startswith("✔ valid      24,000 operations on 24 keys (")
    assert lines[1].endswith("judged in 210 ms by zones")
    assert lines[2].startswith("  faults     3 partitions (1 around the leader), 2 kills (1 around")
    assert "% of operations served; slowest recovery" in lines[2]
    assert lines[3] == f"  report     {folder}/report.html"
    assert lines[4].startswith("  again      labrys run raft ")
    assert len(lines) == 5


def test_an_invalid_run_tells_the_operations_and_the_argument(sample: Make):
    lines = summarize_run(sample("invalid")).splitlines()
    assert lines[1] == (
        "✘ invalid    Stale read: process 902 read 17 after 18 was acknowledged, "
        "while n1 was cut off from all others."
    )
    assert lines[2] == '             key "order:8812": no order explains these 3 operations'
    assert lines[3:6] == [
        "             1  process 900 wrote 17   3.102 s to 3.140 s, ok   (node n1)",
        "             2  process 901 wrote 18   3.200 s to 3.241 s, ok   (node n2)",
        "             3  process 902 read 17    3.260 s to 3.264 s, ok   (node n1)",
    ]
    assert lines[9] == "             These cannot both be true."


def test_an_unknown_run_says_why(sample: Make):
    text = summarize_run(sample("unknown"))
    assert "? unknown    the run proves too little: cas never succeeded during faults" in text
    assert "✘ missed     every kind of call succeeded during faults: cas never succeeded" in text
    assert "✘ found      n3: n3 ended though nobody killed it" in text


def test_a_run_without_verdict_says_how_to_get_one(sample: Make):
    text = summarize_run(sample("killed"))
    assert "– unjudged" in text
    assert "labrys check" in text


@pytest.mark.parametrize("name", SAMPLES)
def test_no_control_sequence_reaches_the_terminal(name: str, copy: Make):
    folder = copy(name)
    for path in (folder / "run.json", folder / "result.json"):
        if path.exists():
            data = json.loads(path.read_text())
            data["reproduce"] = data["reason"] = "\x1b[2J\n\u202e"
            path.write_text(json.dumps(data))
    lines = summarize_run(folder).splitlines()
    assert all(line.isprintable() for line in lines)


def test_a_directory_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(NotARun):
        summarize_run(tmp_path)
