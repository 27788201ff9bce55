"""Reading `history.jsonl`: what it means, what is refused, and with which words."""

import json
import re
from random import Random
from typing import Any

import pytest

from checker.columns import NOTHING, Columns, Table
from checker.history import FaultSpan, History, MalformedHistory, Phase
from checker.operation import Operation, Outcome

HEADER = b'{"labrys":"history","version":1}\n'


def lines(*events: dict[str, Any]) -> list[bytes]:
    return [HEADER, *(json.dumps(event).encode() + b"\n" for event in events)]


def invoke(process: int, function: str, argument: Any = None, key: Any = "k") -> dict[str, Any]:
    return {
        "type": "invoke",
        "process": process,
        "function": function,
        "key": key,
        "argument": argument,
        "time_ns": 5,
    }


def ok(process: int, result: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": "ok", "process": process, "result": result, "time_ns": 9, **more}


def test_operations_faults_and_phases() -> None:
    history = History.from_lines(
        lines(
            invoke(1, "write", 17),
            {"type": "phase", "process": "harness", "name": "recovery", "time_ns": 6},
            {"type": "inject", "process": "nemesis", "fault": 1, "name": "cut", "time_ns": 7},
            invoke(2, "cas", [17, 18]),
            ok(2, 17, node="n1", version=3),
            {"type": "heal", "process": "nemesis", "fault": 1, "time_ns": 8},
            {"type": "info", "process": 1, "error": "timeout", "time_ns": 9},
        )
    )
    assert history.operations == (
        Operation(1, "write", "k", 17, None, Outcome.INFO, 2, None, 5, 9, None, "timeout"),
        Operation(2, "cas", "k", [17, 18], 17, Outcome.OK, 5, 6, 5, 9, "n1", None, 3),
    )
    assert history.faults == (FaultSpan(1, "cut", "", 4, 7, 7, 8),)
    assert history.phases == (Phase("recovery", 3, 6),)
    assert history.torn == ""
    assert History(history.operations).columns.operation(1) == history.operations[1]


def test_an_operation_that_never_completes_is_of_unknown_outcome() -> None:
    (operation,) = History.from_lines(lines(invoke(1, "write", 17))).operations
    assert operation.outcome is Outcome.INFO
    assert operation.completed is None
    assert operation.completed_ns is None


def test_a_cut_last_line_keeps_whole_events_and_is_reported() -> None:
    whole = b"".join(lines(invoke(1, "write", 17), ok(1, 17)))
    history = History.from_lines([whole + b'{"type":"invoke","proc'])
    assert len(history) == 1
    assert history.torn == "the file breaks off in the middle of line 4, which was left out"
    assert History.from_lines([whole.rstrip(b"\n")]).torn == ""
    assert len(History.from_lines([HEADER])) == 0


def test_strict_equality_of_values() -> None:
    values = [1, 1.0, True, "1", None, 0, False, [1], [True], {"a": 1, "b": 2}, {"b": 2, "a": 1}]
    table = Table()
    numbers = table.numbers(values).tolist()
    assert len(set(numbers)) == len(values) - 1
    assert numbers[-1] == numbers[-2]
    assert [repr(table[number]) for number in numbers[:-1]] == [repr(v) for v in values[:-1]]
    assert table.find([True]) == numbers[8]
    assert table.find("unheard of") == NOTHING


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "the file is empty"),
        (b"nonsense\n", "line 1 is not JSON"),
        (b"[]\n", "line 1 is not the header"),
        (b'{"labrys":"history","version":2}\n', "line 1 names version 2"),
        (HEADER + b"nonsense\n", "line 2 is not JSON"),
        (HEADER + b"\n", "line 2 is not JSON"),
        (HEADER + b"7\n", "line 2 is not a JSON object"),
        (HEADER + b'{"type":"meow","time_ns":1}\n', "line 2 has the unknown type 'meow'"),
        (HEADER + b'{"type":"invoke","process":1,"time_ns":1}\n', "line 2 is missing the field"),
        (
            HEADER + b'{"type":"ok","process":[1],"time_ns":1}\n',
            "line 2: Expected int, got array as 'process'",
        ),
        (HEADER + b'{"type":"ok","process":1,"time_ns":"x"}\n', "line 2: Expected int, got str"),
        (HEADER + b'{"type":"ok","process":1,"time_ns":1}\n', "line 2 completes an operation of"),
        (HEADER + b'{"type":"heal","fault":1,"time_ns":1}\n', "line 2 heals fault 1, never"),
        (b"".join([HEADER] + lines(invoke(1, "read"))[1:] * 2), "process 1 calls again before"),
        (HEADER + b'{"type":"ok","process":1,"time_ns":1,"result":' + b"[" * 10**5 + b"\n", "2"),
    ],
)
def test_what_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(MalformedHistory, match=re.escape(reason)):
        History.from_lines([text])


def test_no_damage_ever_ends_in_another_exception() -> None:
    random = Random(1)
    events = [invoke(1, "write", 17), ok(1, 17), invoke(2, "cas", [17, 18]), ok(2, 17)]
    odd = [None, True, -1, 1.5, 2**80, "", "x", [], [1], {}, {"a": [1]}]
    refused = 0
    for _ in range(3000):
        damaged = [dict(event) for event in events]
        event = random.choice(damaged)
        if random.random() < 0.8:
            event[random.choice([*event, "node", "version", "error"])] = random.choice(odd)
        text = b"".join(lines(*damaged))
        if random.random() < 0.4:
            place = random.randrange(len(HEADER), len(text))
            text = text[:place] + bytes([random.randrange(256)]) + text[place + 1 :]
        try:
            history = History.from_lines([text])
        except MalformedHistory:
            refused += 1
        else:
            assert Columns.of(history.operations).operation(0) == history.operations[0]
    assert 500 < refused < 2500
