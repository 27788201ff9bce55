"""All ways of judging agree with the truth on random histories of all that may come together."""

import pytest

from checker.linearizability.registers import chains
from checker.models.catalogue import MODELS
from tests.checker.fuzz.campaign import Disagreement, campaign
from tests.checker.fuzz.declared import SUBJECTS
from tests.checker.fuzz.ways import WAYS
from tests.deep import DEEP

SMALL = 10_000
LARGE = 40


def test_every_model_is_fuzzed() -> None:
    fuzzed = {subject.make().name for subject in SUBJECTS.values()}
    assert fuzzed >= {name for name, make in MODELS.items() if not hasattr(make(), "judge")}


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBJECTS)
def test_small_histories_are_judged_as_they_are(name: str) -> None:
    count = DEEP * SMALL // len(SUBJECTS) + 1
    seen = campaign(count, f"small {name}", names=[name])
    # Clients that call a lock are seldom wrong.
    assert min(seen["valid"], seen["invalid"]) > 0.005 * count, seen


@pytest.mark.deep
def test_a_million_small_histories_are_judged_as_they_are() -> None:
    seen = campaign(1_000_000, "deep")
    assert min(seen["valid"], seen["invalid"]) > 100_000, seen


@pytest.mark.slow
def test_large_histories_are_judged_alike() -> None:
    count = DEEP * LARGE
    ways = [way for way in WAYS if "unexplained" not in way and "whole" not in way]
    seen = campaign(count, "large", ways=ways, large_every=1)
    assert seen["valid"] > 0.3 * count, seen
    assert seen["invalid"] > 0.05 * count, seen


def test_a_wrong_engine_is_found_and_its_case_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "walk", lambda *_: None)
    with pytest.raises(Disagreement) as found:
        campaign(2_000, "walk", names=["cas-register"], ways=["auto", "zones"])
    assert len(found.value.operations) <= 4
    assert "but invalid, of these" in str(found.value) or "but valid, of these" in str(found.value)
