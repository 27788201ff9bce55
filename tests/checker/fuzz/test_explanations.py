"""What is shown of an invalid history convicts it, and is the smallest, or it says so if not."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from tests.checker.fuzz.declared import SUBJECTS
from tests.checker.fuzz.explanations import Unfounded, campaign, invalid, judged

SAMPLE = ("cas-register", "queue", "list", "grow-only set", "mutex", "semaphore of a user")


def founded(seen: Counter[str], count: int) -> None:
    assert seen["smallest"] > 0.6 * count, seen
    assert seen["too many orders"] < 0.1 * count, seen


def test_explanations_hold_and_are_the_smallest() -> None:
    founded(campaign(24, "few", SAMPLE), 24)


def test_explanations_by_rules_are_the_smallest() -> None:
    seen = campaign(60, "rules", ("set of elements", "queue"))
    assert seen["smallest"] > 40, seen


@pytest.mark.deep
def test_explanations_of_every_model_hold_and_are_the_smallest() -> None:
    founded(campaign(600, "many", tuple(SUBJECTS)), 600)


def test_what_can_be_left_out_or_convicts_nobody_is_found() -> None:
    result, operations, model = invalid(Random("more"), "cas-register")
    whole = [o for o in operations if o.key == result.key]
    more = next(o for o in whole if o not in result.counterexample and o.function == "read")
    padded = replace(result, counterexample=(*result.counterexample, more))
    assert "can be left out" in judged(padded, operations, model)[0]
    harmless = replace(result, counterexample=(more,))
    assert "does not convict" in judged(harmless, operations, model)[0]
    assert "operations" in str(Unfounded("cas-register", "operations", padded, operations))
