"""Gathers operations one by one into the columns of a history."""

from typing import Any

import numpy as np

from checker.columns import FAIL, INFO, NEVER, NOTHING, OK, Columns, Ints, Table, split_arguments
from checker.history import History, MalformedHistory, Source

CHUNK = 1 << 16
"""Operations that are gathered as objects before they become numbers."""

_CODES = {"ok": OK, "fail": FAIL, "info": INFO}

_COLUMNS = (
    "process", "function", "key", "expected", "argument", "result", "outcome", "invoked",
    "completed", "invoked_ns", "completed_ns", "error",
)  # fmt: skip


class Gathered:
    """Operations in order of invocation."""

    def __init__(self) -> None:
        self._tables = Table(), Table(), Table(), Table()
        self._chunks: list[dict[str, Ints]] = []
        self._rows: list[tuple[Any, ...]] = []

    def add(
        self, process: int, function: str, key: Any, argument: Any, result: Any, outcome: str,
        invoked: int, completed: int, invoked_ns: int | None, completed_ns: int | None,
        error: str | None,
    ) -> None:  # fmt: skip
        """Add one operation; `completed` is 0 where it has no completion."""
        self._rows.append(
            (
                process, function, key, argument, result, _CODES[outcome], invoked,
                NEVER if not completed or outcome == "info" else completed,
                invoked_ns or 0, NEVER if not completed else completed_ns or 0, error,
            )
        )  # fmt: skip
        if len(self._rows) >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        """Make numbers of the operations that were gathered."""
        if not self._rows:
            return
        keys, functions, values, words = self._tables
        (
            process, function, key, argument, result, outcome, invoked, completed, invoked_ns,
            completed_ns, error,
        ) = zip(*self._rows, strict=True)  # fmt: skip
        self._rows = []
        expected, whole = split_arguments(function, argument, values)
        plain = {
            "process": process, "outcome": outcome, "invoked": invoked, "completed": completed,
            "invoked_ns": invoked_ns, "completed_ns": completed_ns,
        }  # fmt: skip
        try:
            numbers = {name: np.array(column, np.int64) for name, column in plain.items()}
        except OverflowError:
            raise MalformedHistory(
                "a process or a time is too large a number; give one of less than 2**62"
            ) from None
        self._chunks.append(
            {
                **numbers,
                "function": functions.numbers(function),
                "key": keys.numbers(key),
                "expected": expected,
                "argument": whole,
                "result": values.numbers(result),
                "error": np.array(
                    [NOTHING if e is None else words.number(e) for e in error], np.int64
                ),
            }
        )

    def history(self, source: Source, torn: str = "") -> History:
        """The history of them all."""
        self._flush()
        keys, functions, values, words = self._tables
        empty = np.empty(0, np.int64)
        columns = {
            name: np.concatenate([chunk[name] for chunk in self._chunks] or [empty])
            for name in _COLUMNS
        }
        nothing = np.full(len(columns["key"]), NOTHING, np.int64)
        return History(
            torn=torn,
            columns=Columns(
                **columns, node=nothing, version=nothing,
                keys=keys, functions=functions, values=values, words=words,
            ),
            source=source,
        )  # fmt: skip
