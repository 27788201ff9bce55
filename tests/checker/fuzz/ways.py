"""Every way in which a history can come to the checker and be judged there."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from checker.formats import read
from checker.formats.writing import write
from checker.history import History
from checker.linearizability import check as checking
from checker.linearizability.objects import rules
from checker.linearizability.registers import judge, zones
from checker.linearizability.search import exhaust, machine, portfolio, short_keys
from checker.linearizability.search import judge as verdicts
from checker.linearizability.search import search as searching
from checker.models.model import Model
from checker.operation import Operation
from checker.verdict import Result

TIME_LIMIT_S = 300.0


@dataclass(frozen=True)
class Way:
    """How `check` is asked, with which settings meanwhile, and what the history goes through."""

    engine: str = "auto"
    settings: tuple[tuple[Any, str, Any], ...] = ()
    through: str = ""
    parallel: bool = False
    compiled: bool = field(default=False, compare=False)

    def judge(
        self,
        operations: Sequence[Operation],
        model: Model,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> Result:
        with _set(self.settings):
            return checking.check(
                _through(self.through, operations, model),
                model,
                engine=self.engine,
                time_limit_s=time_limit_s,
                executor=_threads() if self.parallel else None,
            )


@contextmanager
def _set(settings: Sequence[tuple[Any, str, Any]]) -> Iterator[None]:
    before = [getattr(module, name) for module, name, _ in settings]
    for module, name, value in settings:
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name, _), value in zip(settings, before, strict=True):
            setattr(module, name, value)


@cache
def _threads() -> Executor:
    return ThreadPoolExecutor(2)


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz"))


def _through(ending: str, operations: Sequence[Operation], model: Model) -> Any:
    if not ending:
        return operations
    path = _folder() / f"history{ending}"
    write(History(operations), path)
    return read(path, model=model.name)


_ZONES = (judge, "GRAPH_UP_TO", 0)
_ON_COLUMNS = (rules, "COLUMNS_FROM", 0)
_COMPILED = ((zones, "COMPILED_FROM", 0), (machine, "COMPILED_FROM", 0))
_QUICK = (searching, "QUICK_FROM", 0)
_IN_TURNS = ((portfolio, "FIRST", 1), (portfolio, "EACH", 0))

WAYS: dict[str, Way] = {
    **{engine: Way(engine) for engine in checking.ENGINES},
    "auto in zones": Way(settings=(_ZONES,)),
    "auto on columns": Way(settings=(_ZONES, _ON_COLUMNS)),
    "auto compiled": Way(settings=(_ZONES, _ON_COLUMNS, *_COMPILED), compiled=True),
    "auto together": Way(
        settings=(_ON_COLUMNS, (short_keys, "pays", lambda *_: True)), compiled=True
    ),
    "auto parallel": Way(settings=(_ON_COLUMNS,), parallel=True),
    "auto from a file": Way(through=".jsonl"),
    "auto from EDN": Way(through=".edn"),
    "search quick": Way("search", (_QUICK,)),
    "search whole": Way("search", ((searching, "WIDTHS", ()),)),
    "search narrow": Way("search", ((searching, "WIDTHS", (1,)), (searching, "SEGMENT", 4))),
    "search unexplained": Way("search", ((exhaust, "MOST_STEPS", 1),)),
    "search unshrunk": Way("search", ((verdicts, "SHRINKING_S", 0.0),)),
    "search parallel": Way("search", parallel=True),
    "search in turns": Way("search", _IN_TURNS),
    "search in turns, compiled": Way(
        "search", (*_IN_TURNS, (portfolio, "PLAIN", 0)), compiled=True
    ),
    "search compiled": Way("search", (_QUICK, *_COMPILED), compiled=True),
}
"""By name."""

Judge = Callable[[Sequence[Operation], Model], Result]
