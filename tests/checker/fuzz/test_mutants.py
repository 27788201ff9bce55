"""Mistakes in the engines do not go unnoticed."""

import pytest

from tests.checker.fuzz.mutants import MUTANTS, run

HISTORIES = 6_000


@pytest.mark.deep
def test_mistakes_in_the_engines_are_found() -> None:
    found = {mutant.name: run(mutant, HISTORIES, "mutants") for mutant in MUTANTS}
    assert sum(how != "not at all" for how in found.values()) >= 18, found


@pytest.mark.slow
def test_one_mistake_is_found_in_a_copy_of_the_checker() -> None:
    assert run(MUTANTS[0], HISTORIES, "mutants") != "not at all"
