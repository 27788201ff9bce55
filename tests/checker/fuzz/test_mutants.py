"""Mistakes in the engines do not go unnoticed."""

from pathlib import Path

import pytest

import checker
from tests.checker.fuzz.mutants import ENGINES, MUTANTS, run

HISTORIES = 6_000


def test_each_mistake_can_still_be_made() -> None:
    """The deep test runs seldom, and the engines change."""
    engines = Path(str(checker.__file__)).parents[1] / ENGINES
    lost = [m.name for m in MUTANTS if m.right not in (engines / m.file).read_text("utf-8")]
    assert not lost, "choose others"


@pytest.mark.deep
def test_mistakes_in_the_engines_are_found() -> None:
    found = {mutant.name: run(mutant, HISTORIES, "mutants") for mutant in MUTANTS}
    assert sum(how != "not at all" for how in found.values()) >= 18, found


@pytest.mark.slow
def test_one_mistake_is_found_in_a_copy_of_the_checker() -> None:
    assert run(MUTANTS[0], HISTORIES, "mutants") != "not at all"
