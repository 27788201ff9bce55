"""A part of a problem is judged as if it were alone, however many operations are open in others."""

import time
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from checker.columns import Columns
from checker.linearizability.check import check
from checker.linearizability.search.of_columns import of_registers
from checker.linearizability.search.search import Search
from checker.linearizability.search.window import BITS
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker import registers
from tests.deep import DEEP

CROWDS = (0, 0, 1, BITS - 1, BITS, BITS + 1, 2 * BITS + 1)
"""How many calls begin last and are never answered; beyond `BITS` a set of slots is longer."""


def key_with_a_crowd(random: Random, key: int) -> tuple[list[Operation], bool]:
    """The history of a key, and whether it is linearizable, which the crowd cannot change."""
    operations = registers.draw_hard(random, random.randint(1, 8), clients=3, repeat=1.0)
    operations = [replace(o, key=key) for o in operations]
    truth = registers.linearizable(operations)
    last = max((o.completed or o.invoked for o in operations), default=0)
    for number in range(random.choice(CROWDS)):
        begin = last + 1 + number
        operations.append(
            Operation(
                1_000 + number, "write", key, random.randrange(3), None, Outcome.INFO,
                begin, None, begin * 1000, None,
            )
        )  # fmt: skip
    return operations, truth


@pytest.mark.parametrize("compiled", [False, True])
def test_a_crowd_on_one_key_changes_nothing_for_another(compiled: bool) -> None:
    random = Random("crowds")
    seen: Counter[bool] = Counter()
    for _ in range(300 * DEEP):
        drawn = [key_with_a_crowd(random, key) for key in range(random.randint(2, 5))]
        columns = Columns.of([o for operations, _ in drawn for o in operations])
        keys = [key for key in range(len(drawn)) if drawn[key][0]]
        problem = of_registers(columns, [columns.keys.find(key) for key in keys], None)
        search = Search(problem, time.monotonic() + 60, 1 << 30, compiled)
        for part, key in enumerate(keys):
            assert search.part(part).verdict == drawn[key][1], (part, drawn)
            seen[drawn[key][1]] += 1
    assert min(seen.values()) > 0.1 * seen.total(), seen


def test_check_says_so_too_with_and_without_certificates() -> None:
    random = Random("crowds")
    model = MODELS["cas-register"]()
    for _ in range(150 * DEEP):
        drawn = [key_with_a_crowd(random, key) for key in range(3)]
        operations = [o for own, _ in drawn for o in own]
        valid = all(truth for _, truth in drawn)
        for certify in (True, False):
            result = check(operations, model, engine="search", certify=certify)
            assert (result.verdict is Verdict.VALID) == valid, drawn
