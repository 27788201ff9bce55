"""What a campaign says of seeds that could not be decided: which, and why."""

from collections import Counter

from harness.simulation.campaign import Campaign, Seed
from harness.simulation.telling import meaning, status


def seen(*kinds: str) -> Campaign:
    campaign = Campaign()
    for number, kind in enumerate(kinds, start=1):
        reason = "the memory limit was reached" if kind == "unknown" else ""
        campaign.take(Seed(number, kind, reason, 1, Counter()))
    return campaign


def test_a_seed_that_could_not_be_decided_is_named_with_its_reason() -> None:
    for kinds in (["unknown"], ["", "unknown", "", "unknown"]):
        campaign = seen(*kinds)
        said = meaning(campaign, interrupted=False)
        assert status(campaign) == 2
        assert f"{kinds.count('unknown')} could not be decided; one is seed" in said
        assert said.endswith(f"seed {kinds.index('unknown') + 1}: the memory limit was reached")


def test_where_all_were_decided_nothing_is_said_of_it() -> None:
    assert "decided" not in meaning(seen("", ""), interrupted=False)
