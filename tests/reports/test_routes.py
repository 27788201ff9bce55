"""Arrows of a drawing: each in a lane of its own, clear of bars and of each other's labels."""

from itertools import combinations, pairwise
from random import Random

from reports.routes import APART, Bar, routes


def test_both_directions_between_two_bars_are_two_arrows() -> None:
    bars = [Bar(100, 200, 0), Bar(300, 380, 0)]
    one, other = routes(bars, [(0, 1), (1, 0)], [60, 60])
    assert one.lane != other.lane
    places = [one.leaves, one.arrives, other.leaves, other.arrives]
    assert all(abs(a - b) >= APART for a, b in combinations(places, 2))
    assert all(100 < place < 200 for place in (one.leaves, other.arrives))


def test_an_arrow_leaves_where_no_other_bar_is_in_its_way() -> None:
    bars = [Bar(100, 300, 0), Bar(200, 280, 1), Bar(400, 460, 2)]
    (way,) = routes(bars, [(0, 2)], [30])
    assert not 200 <= way.leaves <= 280
    assert way.leaves > 280


def test_a_short_run_has_its_label_beside_it() -> None:
    (way,) = routes([Bar(0, 40, 0), Bar(50, 90, 1)], [(0, 1)], [100])
    assert way.label - 50 > max(way.leaves, way.arrives)


def test_labels_of_one_lane_never_meet() -> None:
    random = Random(1)
    for _ in range(50):
        begins = [random.uniform(0, 900) for _ in range(8)]
        bars = [Bar(x, x + random.uniform(30, 200), random.randrange(4)) for x in begins]
        edges = [tuple(random.sample(range(8), 2)) for _ in range(10)]
        lengths = [random.uniform(20, 120) for _ in edges]
        found = routes(bars, [(a, b) for a, b in edges], lengths)
        for lane in {way.lane for way in found}:
            spans = sorted(
                (way.label - length / 2, way.label + length / 2)
                for way, length in zip(found, lengths, strict=True)
                if way.lane == lane
            )
            assert all(before[1] < after[0] for before, after in pairwise(spans))
