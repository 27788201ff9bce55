"""How large values are, and that what travels together stays within what a line may hold."""

import json
from random import Random

import pytest

from systems_under_test.connections import MAX_LINE
from systems_under_test.kv import joined, split
from systems_under_test.node import Json
from systems_under_test.requests import Request
from systems_under_test.sizes import BATCH_BYTES, fitting, size_of


@pytest.mark.parametrize(
    "value",
    [None, 1, "x" * 100, "日本" * 100, ["a"] * 50, {"a": {"b": [None, True, 1.5]}}, [], {}, ""],
)
def test_a_size_is_about_that_of_the_json(value: Json) -> None:
    exact = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    assert exact <= size_of(value) <= 2 * exact + 8


def test_as_many_commands_travel_together_as_fit_and_one_at_least() -> None:
    def write(size: int) -> Request:
        return Request(0, 1, "write", "k", "x" * size)

    assert fitting([write(10)] * 100) == 100
    assert fitting([write(BATCH_BYTES // 4)] * 100) == 3
    assert fitting([write(2 * BATCH_BYTES), write(1)]) == 1
    assert fitting([None, None]) == 2
    assert fitting([]) == 0


def test_a_snapshot_of_large_values_is_in_parts_that_fit() -> None:
    random = Random(1)
    values = {f"k{n}": "x" * random.choice((10, 900_000)) for n in range(100)}
    state = {"values": values, "opened": 3, "sessions": [[1, 1, None, ""]] * 20}
    parts = split(state, 8)
    assert joined(parts) == state
    assert max(len(json.dumps(part)) for part in parts) < MAX_LINE
    assert max(len(part.get("values", ())) for part in parts) == 8
