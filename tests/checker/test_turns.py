"""How long the turns of engines are, by what these have come to: who should prove that no order is.

What they find does not depend on it, and is tested elsewhere.
"""

import time
from random import Random

import pytest

from checker.linearizability.search import breadth_memory
from checker.linearizability.search.breadth import LOST_AT, BreadthFirst
from checker.linearizability.search.engines import (
    AGAIN,
    FOLLOWING,
    LEADING,
    Engine,
    LevelsEngine,
    LooseEngine,
)
from checker.linearizability.search.portfolio import COMPILING_BYTES, LOADING_BYTES, _Portfolio
from checker.linearizability.search.problem import of_operations
from tests.checker.test_users_caches import Cache, played

MINUTE, GIGABYTE = 60, 1 << 30


@pytest.fixture
def engines() -> list[Engine]:
    """The two searches depth first, and those by levels, exact and loose, after one turn."""
    operations = played(Cache(2), Random("turns"), 100, 8, lie=True)
    problem = of_operations(Cache(2), operations).fresh()
    four = _Portfolio(problem, time.monotonic() + MINUTE, GIGABYTE, False)._engines(True)
    for engine in four:
        assert engine.turn(1.0).verdict is None
        engine.spent = engine.spent_then = 1.0
    return four


def reach(engines: list[Engine], *ends: int, lost: int | None = None) -> LooseEngine:
    """Let them have come to these ends, one of them long ago; the loose one."""
    for engine, end in zip(engines, ends, strict=True):
        engine.reached = end
    if lost is not None:
        engines[lost].spent = 3.0
    loose = engines[-1]
    assert isinstance(loose, LooseEngine)
    return loose


@pytest.mark.parametrize(
    ("ends", "lost", "leads"),
    [
        ((90, 90, 20, 5), None, False),
        ((90, 90, 20, 5), 0, True),
        ((90, 90, 20, 5), 1, True),
        ((90, 90, 20, 5), 2, False),
        ((90, 80, 20, 5), 0, False),
        ((10, 90, 90, 5), 1, True),
        ((10, 90, 20, 90), 1, True),
        ((10, 90, 20, 99), 1, False),
    ],
)
def test_the_loose_search_leads_where_two_end_alike_and_one_long_ago(
    ends: tuple[int, ...], lost: int | None, leads: bool, engines: list[Engine]
) -> None:
    loose = reach(engines, *ends, lost=lost)
    assert loose.leads is leads
    assert loose.weight() == (LEADING if leads else loose.share)
    loose.waits = True
    assert not loose.leads, "while it has too many configurations"


def test_the_loose_search_leads_where_the_exact_one_gets_lost(engines: list[Engine]) -> None:
    loose, exact = reach(engines, 10, 20, 30, 5), engines[2]
    assert isinstance(exact, LevelsEngine)
    assert (loose.leads, exact.weight()) == (False, exact.share)
    assert isinstance(exact.search, BreadthFirst)
    exact.search._levels.now[breadth_memory.BACK] = LOST_AT
    assert (loose.leads, exact.weight()) == (True, FOLLOWING)


def test_of_the_two_by_levels_the_one_that_is_ahead_has_longer_turns(
    engines: list[Engine],
) -> None:
    exact = engines[2]
    assert isinstance(exact, LevelsEngine)
    loose = reach(engines, 90, 80, 20, 19)
    assert (loose.better, loose.due(), exact.weight()) == (False, False, exact.share)
    loose = reach(engines, 90, 80, 20, 20)
    assert (loose.better, loose.due(), exact.weight()) == (True, True, FOLLOWING)
    loose.search = None
    assert (loose.better, exact.weight()) == (False, exact.share), "it is over"


def test_what_proved_nothing_has_short_turns(engines: list[Engine]) -> None:
    loose = reach(engines, 90, 90, 20, 95, lost=0)
    loose._above = 0.5
    assert (loose.leads, loose.better, loose.weight()) == (False, False, AGAIN)
    assert loose.due(), "since the one that came farthest is lost"


def test_it_begins_with_one_turn_and_waits_until_it_may_be_needed(engines: list[Engine]) -> None:
    loose = reach(engines, 90, 80, 20, 5)
    assert not loose.due()
    loose.spent = 0.0
    assert loose.due()
    loose = reach(engines, 90, 80, 20, 5, lost=0)
    loose.spent = 1.0
    assert loose.due()
    loose = reach(engines, 70, 80, 20, 5)
    assert not loose.due(), "another came farther than the one that is lost"


@pytest.mark.parametrize(
    ("memory", "loaded", "on_disk", "may"),
    [
        (LOADING_BYTES - 1, False, True, False),
        (LOADING_BYTES - 1, True, True, True),
        (LOADING_BYTES, False, True, True),
        (COMPILING_BYTES - 1, False, False, False),
    ],
)
def test_a_small_limit_of_memory_loads_and_compiles_nothing(
    memory: int,
    loaded: bool,
    on_disk: bool,
    may: bool,
    engines: list[Engine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_Portfolio, "_loaded", lambda _: loaded)
    monkeypatch.setattr(_Portfolio, "_compiled", lambda _: on_disk)
    until = time.monotonic() + MINUTE
    portfolio = _Portfolio(engines[0].problem, until, memory, False)
    assert portfolio._may_compile() is may


def test_what_may_not_load_the_loops_gives_up_after_its_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operations = played(Cache(3), Random("hard"), 300, 20, lie=True)
    problem = of_operations(Cache(3), operations).fresh()
    monkeypatch.setattr(_Portfolio, "_loaded", lambda _: False)
    monkeypatch.setattr(_Portfolio, "_compiled", lambda _: True)
    found = _Portfolio(problem, time.monotonic() + MINUTE, LOADING_BYTES - 1, False).decide()
    assert (found.verdict, found.limit) == (None, "memory limit")
    assert {tried.engine for tried in found.tried} == {"depth first", "front"}
