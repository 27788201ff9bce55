"""Strings that grow by pieces, against every linearization."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from checker.linearizability.check import check
from checker.linearizability.registers import appends
from checker.models.catalogue import MODELS
from checker.operation import Operation, Outcome
from checker.verdict import Verdict
from tests.checker.objects import Object, draw, linearizable, register
from tests.checker.registers import known
from tests.deep import DEEP

PIECES = (("a", "b"), ("a", "b", "ab"), ("a", "b", ""), ("x", "y", "xy", "z"))


def calls(pieces: tuple[str, ...]) -> Callable[[Random, int, bool], tuple[str, Any]]:
    """Reads, appends and writes, of distinct pieces or of these, which fit in several ways."""

    def call(random: Random, number: int, repeat: bool) -> tuple[str, Any]:
        piece = random.choice(pieces) if repeat else f"({number})"
        function = random.choice(["read", "read", "append", "append", "write"])
        return function, None if function == "read" else piece

    return call


def test_appends_agree_with_every_linearization() -> None:
    random = Random("appends")
    seen: Counter[tuple[bool, bool | None]] = Counter()
    for count in range(3_000 * DEEP):
        thing = Object(calls(random.choice(PIECES)), register, "")
        operations = draw(random, thing, random.choice([5, 7, 9]))
        truth = linearizable(operations, thing)
        judged = appends.judge(operations, "")
        answer = None if judged is None else judged.order is not None
        assert answer in (None, truth), operations
        seen[truth, answer] += 1
        if count % 20 == 0:
            result = check(operations, MODELS["kv"]())
            assert (result.verdict is Verdict.VALID) is (truth and known(operations)), operations
            hasty = appends.judge(operations, "", until=0)
            assert answer is None or (hasty and (hasty.stuck is None) is answer), operations
    assert min(seen[True, True], seen[False, False]) > 0.1 * seen.total(), seen


def test_what_begins_absent_is_no_string_to_append_to() -> None:
    random = Random("absent")
    seen: Counter[Verdict] = Counter()
    for _ in range(150):
        thing = Object(calls(random.choice(PIECES)), register, "")
        operations = draw(random, thing, 5)
        for name in ("register", "cas-register", "etcd"):
            verdict = check(operations, MODELS[name]()).verdict
            assert verdict is check(operations, MODELS[name](), engine="search").verdict
            seen[verdict] += 1
    assert {Verdict.VALID, Verdict.INVALID} <= {*seen}


def appended(clients: int, rounds: int) -> list[Operation]:
    """Clients that append at the same time, round after round, and then a read of all of it."""
    random, text, operations, position = Random(f"appended {clients}"), "", [], 0
    for number in range(rounds):
        order = random.sample(range(clients), clients)
        pieces = [f"<{number}.{client}>" for client in range(clients)]
        text += "".join(pieces[client] for client in order)
        operations += [
            Operation(client, "append", "k", piece, None, Outcome.OK, position + client,
                      position + clients + client, 0, 0)
            for client, piece in enumerate(pieces)
        ]  # fmt: skip
        position += 2 * clients + 2
        operations.append(
            Operation(
                clients, "read", "k", None, text, Outcome.OK, position - 2, position - 1, 0, 0
            )
        )
    return operations


@pytest.mark.parametrize("clients", [10, 50])
def test_any_number_of_clients_may_append(clients: int) -> None:
    operations = appended(clients, 10)
    result = check(operations, MODELS["kv"]())
    assert (result.verdict, result.algorithm) == (Verdict.VALID, "appends")
    last = operations[-1]
    lost = Operation(
        last.process, "read", "k", None, last.result[:-4], Outcome.OK, last.invoked,
        last.completed, 0, 0,
    )  # fmt: skip
    result = check([*operations[:-1], lost], MODELS["kv"]())
    assert (result.verdict, result.algorithm) == (Verdict.INVALID, "appends")
    assert result.explanation
