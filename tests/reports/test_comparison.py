"""What a comparison claims: intervals that cover, sentences that are true, noise left untold."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from reports.comparison import Comparison, Difference, caveats, compare, headline, unpromised
from reports.comparison_page import Occasion, render_comparison
from reports.comparison_summary import summarize_comparison
from reports.intervals import Bootstrap, stretch
from reports.wording import size
from tests.reports.compared_runs import made
from tests.reports.sample_runs import MARKUP
from tests.reports.test_page import Reader

RATE = "throughput.overall"
OCCASION = Occasion("labrys compare raft paxos", "2026-11-23T02:10:00+00:00")


def compared(
    systems: dict[str, list[float]], key: str = RATE, seeds: dict[str, int] | None = None
) -> Comparison:
    """Systems with one figure, in as many repeats as there are values."""
    runs = [
        made(system, (seeds or {}).get(system, 0) + number, {key: value})
        for system, values in systems.items()
        for number, value in enumerate(values)
    ]
    return compare(runs, Random(1), {"ring-one": False})


def told(comparison: Comparison) -> list[Difference]:
    return comparison.compared[0].clear


# --- intervals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [3, 5, 10])
@pytest.mark.parametrize(
    ("draw", "mean"),
    [
        (lambda random: random.gauss(10, 2), 10.0),
        (lambda random: random.lognormvariate(0, 0.3), math.exp(0.045)),
    ],
    ids=["normal", "skewed"],
)
def test_an_interval_covers_the_true_mean_about_as_often_as_it_says(
    count: int, draw: Callable[[Random], float], mean: float
):
    random, bootstrap = Random(7), Bootstrap(Random(8))
    tries, covered = 1_000, 0
    for _ in range(tries):
        interval = bootstrap.mean([draw(random) for _ in range(count)])
        assert interval is not None
        covered += interval.low <= mean <= interval.high
    assert 0.92 <= covered / tries <= 0.98


def test_intervals_come_from_the_generator_alone():
    values = [3.0, 4.1, 7.3, 5.2, 9.7, 1.4, 6.6, 2.9, 8.5]
    assert Bootstrap(Random(1)).mean(values) == Bootstrap(Random(1)).mean(values)
    assert Bootstrap(Random(1)).mean(values) != Bootstrap(Random(2)).mean(values)
    bootstrap = Bootstrap(Random(1))
    bootstrap.mean([1.0, 2.0, 3.0])
    assert bootstrap.mean(values) == Bootstrap(Random(1)).mean(values)


def test_few_repeats_widen_an_interval_and_one_has_none():
    assert stretch(2) > stretch(3) > stretch(5) > stretch(30) > stretch(1_000) > 1
    assert Bootstrap(Random(1)).mean([1.0]) is None
    assert Bootstrap(Random(1)).difference([1.0], [2.0, 3.0], paired=False) is None
    same = Bootstrap(Random(1)).mean([4.0, 4.0, 4.0])
    assert same is not None
    assert (same.estimate, same.low, same.high) == (4.0, 4.0, 4.0)


# --- differences ---------------------------------------------------------------------------------


def test_a_clear_ratio_is_told_with_its_interval_and_the_better_one_is_named():
    comparison = compared({"raft": [100, 103, 98], "paxos": [201, 204, 196]})
    (difference,) = told(comparison)
    assert (difference.higher, difference.lower, difference.ratio) == ("paxos", "raft", True)
    assert difference.interval.estimate == pytest.approx(1.9967, abs=1e-3)
    assert re.fullmatch(
        r"paxos 200/s, 2\.00 times raft’s 100/s \(95 % interval 1\.9\d to 2\.0\d\)",
        difference.sentence,
    )
    assert comparison.compared[0].best == "paxos"


def test_where_less_is_better_the_lower_one_is_best():
    comparison = compared(
        {"raft": [1e6, 1.1e6, 1e6], "paxos": [9e6, 9.3e6, 9e6]}, "latency.cas.p99"
    )
    assert comparison.compared[0].best == "raft"
    assert told(comparison)[0].sentence.startswith("paxos 9.10 ms, 8.81 times raft’s 1.03 ms")


def test_noise_is_not_told():
    comparison = compared({"raft": [100, 130, 80], "paxos": [120, 90, 125]})
    assert told(comparison) == []
    assert comparison.compared[0].best == ""


def test_what_every_repeat_shares_is_not_noise():
    """The machine was three times faster in the last repeat, for both systems alike."""
    values = {"raft": [100.0, 200, 300], "paxos": [111.0, 219, 332]}
    assert [d.paired for d in told(compared(values))] == [True]
    apart = compared(values, seeds={"raft": 0, "paxos": 1_000})
    assert [d.paired for d in apart.compared[0].differences] == [False]
    assert told(apart) == []


def test_shares_are_compared_by_points_and_nothing_is_divided_by_zero():
    comparison = compared({"raft": [0.50, 0.52, 0.51], "ring": [0.90, 0.91, 0.93]}, "answered.kill")
    assert "40.3 points more than raft’s 51.0 %" in told(comparison)[0].sentence
    stale = compared({"raft": [0.0, 0, 0], "ring-one": [5e6, 6e6, 5.5e6]}, "stale.age")
    (difference,) = told(stale)
    assert not difference.ratio
    assert "5.50 ms more than raft’s 0 ns" in difference.sentence


def test_a_sure_difference_that_does_not_matter_is_not_told():
    comparison = compared({"raft": [1000, 1000, 1000], "paxos": [1005, 1005, 1005]})
    assert comparison.compared[0].differences[0].interval.low > 1
    assert told(comparison) == []


def test_bounds_close_to_one_show_their_side_and_sizes_are_never_in_powers():
    comparison = compared({"raft": [100.0, 100, 100], "paxos": [101.0, 101.5, 102]})
    (difference,) = told(comparison)
    assert re.search(r"95 % interval 1\.00\d to 1\.0", difference.sentence)
    assert [size(n) for n in (743, 999.6, 1003, 1190)] == ["743 B", "999.6 B", "1003 B", "1.16 KiB"]


def test_one_repeat_tells_of_no_difference():
    comparison = compared({"raft": [100], "paxos": [900]})
    assert comparison.compared[0].differences == ()
    assert comparison.compared[0].spreads["raft"].interval is None


def test_a_system_without_a_figure_is_left_out_of_it():
    runs = [made("raft", n, {RATE: 100.0 + n}) for n in range(3)]
    runs += [made("paxos", n, {} if n == 1 else {RATE: 300.0 + n}) for n in range(3)]
    runs += [made("ring", n, {}) for n in range(3)]
    comparison = compare(runs, Random(1), {})
    assert list(comparison.compared[0].spreads) == ["raft", "paxos"]
    assert list(comparison.compared[0].spreads["paxos"].values) == [1, 3]


# --- verdicts ------------------------------------------------------------------------------------


def test_only_what_was_promised_can_be_broken():
    runs = [made("raft", 1, {}), made("ring-one", 1, {}, verdict="invalid")]
    comparison = compare(runs, Random(1), {"ring-one": False})
    assert comparison.verdict == "valid"
    assert headline(comparison) == "raft: linearizable in all 1 run"
    assert "ring-one does not promise" in unpromised(comparison)[0]

    runs[1] = made("ring-one", 1, {}, verdict="invalid", linearizable="valid", reason="n1 died")
    comparison = compare(runs, Random(1), {"ring-one": False})
    assert comparison.verdict == "invalid"
    assert headline(comparison) == "ring-one failed in 1 of 1 run"

    runs[1] = made("paxos", 1, {}, verdict="invalid")
    comparison = compare(runs, Random(1), {})
    assert comparison.verdict == "invalid"
    assert headline(comparison) == "paxos was not linearizable in 1 of 1 run"

    runs[1] = made("paxos", 1, {}, verdict="unknown")
    assert compare(runs, Random(1), {}).verdict == "unknown"


def test_two_commits_of_one_system_are_two_sides():
    runs = [
        made("raft", seed, {RATE: rate}, versions={"commit": commit})
        for commit, rate in (("aaa", 100.0), ("bbb", 150.0))
        for seed in (1, 2)
    ]
    assert compare(runs, Random(1), {}).labels == ("raft @ aaa", "raft @ bbb")


def test_what_the_runs_do_not_share_is_said():
    runs = [made("raft", 1, {}), made("paxos", 1, {}, machine={"cores": 4})]
    runs[1].run["config"]["clients"] = 20
    said = " ".join(caveats(compare(runs, Random(1), {})))
    assert "The runs do not share clients: 10, 20." in said
    assert "The runs do not share the machine" in said
    simulated = [made(name, 1, {}, environment="simulated") for name in ("raft", "paxos")]
    assert "all times are virtual" in " ".join(caveats(compare(simulated, Random(1), {})))


# --- the page ------------------------------------------------------------------------------------


def test_markup_in_names_stays_text(tmp_path: Path):
    figures = {
        RATE: 10.0,
        f"latency.{MARKUP}.p50": 1e6,
        f"kept.{MARKUP}": 0.5,
        "recovery.kill": 1e6,
    }
    runs = [
        made(system, seed, figures, verdict="invalid", reason=MARKUP, environment=MARKUP)
        for system in ("raft", MARKUP)
        for seed in (1, 2, 3)
    ]
    comparison = compare(runs, Random(1), {})
    occasion = Occasion(f"labrys compare {MARKUP}", MARKUP, [MARKUP], [MARKUP], MARKUP)
    page = Reader(render_comparison(comparison, occasion, tmp_path).read_text("utf-8"))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "img" not in dict(page.tags)
    assert page.text().count(MARKUP) > 10
    assert json.loads((tmp_path / "comparison.json").read_text())["failed"] == [MARKUP]
    assert MARKUP in summarize_comparison(comparison, occasion, tmp_path / "comparison.html")


def test_the_page_says_what_was_told_and_what_was_not(tmp_path: Path):
    values = {"raft": [100, 103, 98], "paxos": [201, 204, 196]}
    comparison = compared(values)
    occasion = Occasion(
        "labrys compare raft paxos", "2026", ["Repeat 2 of ring failed."], interrupted="Cut."
    )
    page = render_comparison(comparison, occasion, tmp_path).read_text("utf-8")
    assert told(comparison)[0].sentence in Reader(page).text()
    assert "Repeat 2 of ring failed." in page
    assert "Cut." in page
    assert "http://" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    figures = json.loads((tmp_path / "comparison.json").read_text())["figures"]
    assert figures[0]["systems"]["raft"]["values"] == {"1": 100, "2": 103, "3": 98}
    assert figures[0]["differences"][0]["beyond_noise"] is True
