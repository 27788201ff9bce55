"""All ways of judging agree with the truth on random histories of all that may come together."""

import pytest

from checker.linearizability.registers import chains
from checker.models.catalogue import MODELS
from checker.models.known import is_register, known_object
from tests.checker.fuzz.campaign import Disagreement, campaign
from tests.checker.fuzz.declared import SUBJECTS
from tests.checker.fuzz.subjects import Subject
from tests.checker.fuzz.ways import WAYS
from tests.deep import DEEP

SMALL = 10_000
LARGE = 40
BUSY = 60

LEAST = 0.03
"""Which share of the histories must be valid, and which invalid; of 400 each had 4.8 % or more."""

LEAST_OF_LOCKS = 0.005
"""The same of what is acquired and released. Most orders of a few such calls can be explained, and
one in a hundred of a semaphore cannot; of 400 each had 0.7 to 3.5 %."""


def test_every_model_is_fuzzed() -> None:
    fuzzed = {subject.make().name for subject in SUBJECTS.values()}
    assert fuzzed >= {name for name, make in MODELS.items() if not hasattr(make(), "judge")}


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBJECTS)
def test_small_histories_are_judged_as_they_are(name: str) -> None:
    count = DEEP * SMALL // len(SUBJECTS) + 1
    seen = campaign(count, f"small {name}", names=[name])
    least = LEAST_OF_LOCKS if name.endswith("mutex") or "semaphore" in name else LEAST
    assert min(seen["valid"], seen["invalid"]) > least * count, seen


@pytest.mark.deep
def test_a_million_small_histories_are_judged_as_they_are() -> None:
    seen = campaign(1_000_000, "deep")
    assert min(seen["valid"], seen["invalid"]) > 100_000, seen


@pytest.mark.deep
def test_large_histories_are_judged_alike() -> None:
    count = DEEP * LARGE
    slow = ("unexplained", "whole", "in turns")
    ways = [way for way in WAYS if not any(name in way for name in slow)]
    seen = campaign(count, "large", ways=ways, large_every=1)
    assert seen["valid"] > 0.3 * count, seen
    assert seen["invalid"] > 0.05 * count, seen


BUSY_WAYS = ["auto on columns", "search", "search in turns", "search in turns, compiled"]


def ruled(subject: Subject) -> bool:
    """Whether it is judged by rules, each with a way to make a witness, and not as a register."""
    known = known_object(subject.make())
    return known is not None and not is_register(known)


def judge_busy(count: int, seed: str) -> None:
    names = [name for name, subject in SUBJECTS.items() if ruled(subject)]
    seen = campaign(count, seed, names=names, ways=BUSY_WAYS, busy_every=1)
    assert seen["valid"] > 0.5 * count, seen
    assert seen["unknown"] < 0.1 * count, seen


@pytest.mark.slow
def test_busy_histories_are_judged_alike() -> None:
    judge_busy(DEEP * BUSY, "busy")


@pytest.mark.deep
def test_thousands_of_busy_histories_are_judged_alike() -> None:
    judge_busy(3_000, "deep busy")


def test_a_wrong_engine_is_found_and_its_case_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "walk", lambda *_: None)
    with pytest.raises(Disagreement) as found:
        campaign(2_000, "walk", names=["cas-register"], ways=["auto", "zones"])
    assert len(found.value.operations) <= 4
    assert "but invalid, of these" in str(found.value) or "but valid, of these" in str(found.value)
