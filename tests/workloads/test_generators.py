"""Generators: each does what it says, is a value, and is refused where it makes no sense."""

import heapq
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from workloads.generators.dice import Dice
from workloads.generators.generator import SECOND_NS, Asker, Due, Generator
from workloads.generators.reading import FORMS, read

DOCUMENT = Path(__file__).parents[2] / "docs" / "generators.md"


@dataclass
class Played:
    """What clients did: who called what at which second."""

    calls: list[tuple[float, int, str]] = field(default_factory=list)

    @property
    def names(self) -> Counter[str]:
        return Counter(name for _, _, name in self.calls)

    def between(self, begin: float, end: float, name: str = "") -> int:
        return sum(begin <= at < end and name in ("", called) for at, _, called in self.calls)


def play(
    generator: Generator, seconds: float, clients: int = 4, takes: float = 0.01,
    seed: str = "1", failing: int = 0, most: int = 3_000,
) -> Played:  # fmt: skip
    """Clients whose calls take so long each; the first `failing` calls of all fail."""
    played, dice = Played(), Dice(seed)
    free = [(0, 0, client) for client in range(clients)]  # When, an order, and who.
    answered: dict[int, bool] = {}
    end_ns, order = int(seconds * SECOND_NS), 0
    while free and len(played.calls) < most:
        now_ns, _, client = heapq.heappop(free)
        if now_ns >= end_ns:
            continue
        if client in answered:
            generator = generator.done(client, answered.pop(client))
        asker = Asker(now_ns, client, clients)
        step = generator.ask(asker, dice)
        assert generator.ask(asker, dice) == step, "it is a value, and answers the same again"
        order += 1
        if step is None:
            continue
        generator = step.then
        if isinstance(step, Due):
            assert step.at_ns >= now_ns
            played.calls.append((step.at_ns / SECOND_NS, client, step.source))
            answered[client] = len(played.calls) > failing
            heapq.heappush(free, (step.at_ns + int(takes * SECOND_NS), order, client))
        else:
            until_ns = now_ns + SECOND_NS // 100 if step.until_ns is None else step.until_ns
            assert until_ns > now_ns
            heapq.heappush(free, (until_ns, order, client))
    played.calls.sort()
    return played


def test_a_mix_is_drawn_by_weight_and_leaves_out_what_has_ended() -> None:
    names = play(read("mix(3: a, 1: b, 0: c)"), 100, most=2_000).names
    assert 1_400 < names["a"] < 1_600
    assert names["b"] == 2_000 - names["a"]
    assert play(read("mix(1: limit(5, a), 9: limit(7, b))"), 100).names == {"a": 5, "b": 7}


def test_ends_are_kept() -> None:
    assert len(play(read("limit(10, a)"), 100).calls) == 10
    timed = play(read("time(2, rate(50, a))"), 100).calls
    assert 80 < len(timed) < 120
    assert timed[-1][0] < 2


@pytest.mark.parametrize(
    ("load", "parts"),
    [
        ("rate(50, a)", {(0, 10): 500, (10, 20): 500}),
        ("stagger(0.1, a)", {(0, 20): 200}),
        ("ramp(10, 90, 10, a)", {(0, 5): 150, (5, 10): 350, (10, 15): 450}),
        ("bursts(5, 100, 5, 1, a)", {(0, 4): 20, (4, 5): 100, (5, 9): 20, (9, 10): 100}),
        ("diurnal(0, 80, 20, a)", {(0, 5): 73, (5, 15): 655, (15, 20): 73}),
    ],
)
def test_calls_come_at_the_rate_of_the_profile(
    load: str, parts: dict[tuple[float, float], int]
) -> None:
    played = play(read(load), 20, clients=20)
    for (begin, end), calls in parts.items():
        assert 0.75 * calls < played.between(begin, end) < 1.25 * calls, (begin, end)


def test_a_phase_begins_when_all_of_the_one_before_is_answered() -> None:
    played = play(read("phases(limit(9, a), rest(1), limit(9, b))"), 10, takes=0.5)
    ends = max(at for at, _, name in played.calls if name == "a") + 0.5
    assert played.names == {"a": 9, "b": 9}
    assert ends + 1 <= min(at for at, _, name in played.calls if name == "b") < ends + 1.1


def test_clients_are_reserved() -> None:
    played = play(read("reserve(1: a, 2: b, c)"), 1, clients=5)
    who = {name: {client for _, client, called in played.calls if called == name} for name in "abc"}
    assert who == {"a": {0}, "b": {1, 2}, "c": {3, 4}}
    ends = play(read("phases(reserve(1: limit(2, a), limit(9, b)), limit(1, c))"), 5).names
    assert ends == {"a": 2, "b": 9, "c": 1}


def test_until_ok_ends_with_the_first_success() -> None:
    played = play(read("phases(until-ok(a), limit(1, b))"), 10, clients=1, failing=4)
    assert [name for _, _, name in played.calls] == ["a"] * 5 + ["b"]


def test_flip_flop_takes_turns() -> None:
    played = play(read("flip-flop(a, limit(3, b))"), 10, clients=1)
    assert [name for _, _, name in played.calls] == ["a", "b"] * 3 + ["a"]


def test_each_client_has_its_own() -> None:
    played = play(read("phases(each(limit(3, a)), limit(1, b))"), 10, clients=4)
    assert Counter(client for _, client, name in played.calls if name == "a") == dict.fromkeys(
        range(4), 3
    )
    assert played.names["b"] == 1


def test_a_cycle_begins_again() -> None:
    played = play(read("cycle(3, phases(limit(2, a), limit(1, b)))"), 10, clients=1)
    assert [name for _, _, name in played.calls] == ["a", "a", "b"] * 3
    assert len(play(read("cycle(limit(2, a))"), 10, clients=1, most=50).calls) == 50


def test_clients_think_for_a_log_normal_time() -> None:
    calls = play(read("think(0.1, 1, a)"), 100, clients=1, takes=0).calls
    pauses = sorted(after[0] - before[0] for before, after in pairwise(calls))
    assert 0.07 < pauses[len(pauses) // 2] < 0.13
    assert 1.35 < sum(pauses) / len(pauses) / 0.1 < 2.0  # The mean is e ** 0.5 times the median.


def test_a_seed_repeats_the_calls_and_another_does_not() -> None:
    load = read("mix(1: rate(20, a), 2: think(0.1, 1, b))")
    assert play(load, 5).calls == play(load, 5).calls != play(load, 5, seed="2").calls


def test_what_is_put_beside_a_part_changes_none_of_its_draws() -> None:
    def times(load: str) -> list[float]:
        return [at for at, _, name in play(read(load), 5, clients=3).calls if name == "a"]

    assert times("reserve(1: rate(20, a), b)") == times("reserve(1: rate(20, a), think(0.1, 1, c))")


@pytest.mark.parametrize(
    ("load", "problem"),
    [
        ("mix(0: a, 0: b)", "weights of mix sum to zero"),
        ("mix(-1: a)", "before '-1: a)' it needs a weight, a number from 0"),
        ("rate(-5, a)", "before '-5, a)' it needs the rate, a number from 0"),
        ("rate(0, a)", "a rate that is always 0 never makes a call"),
        ("bursts(0, 0, 5, 1, a)", "a rate that is always 0"),
        ("phases(a, b)", "phase 1 of 2 never ends"),
        ("phases(rate(5, a), b)", "phase 1 of 2 never ends"),
        ("cycle(a)", "cycle is around what never ends"),
        ("limit(1.5, a)", "how many calls, a whole number"),
        ("time(0, a)", "seconds, a number above 0"),
        ("phases(limit(1, a))", "two generators or more"),
        ("reserve(a)", "a number and a colon"),
        ("reserve(2: a)", "a number and a colon before each but the last"),
        ("limit(5)", "it needs ,"),
        ("rate", "it needs the brackets of rate"),
        ("lmit(5, a)", "before 'lmit(5, a)' it needs one of the generators mix, limit"),
        ("a b", "before 'b' it needs its end"),
        ("", "at its end it needs the name of a generator"),
        ("each(" * 30 + "a" + ")" * 30, "no more than 20 brackets"),
    ],
)
def test_what_makes_no_sense_is_refused(load: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        read(load)


def test_the_page_has_an_example_of_each_that_can_be_read() -> None:
    examples = re.findall(r"^\| `([\w-]+)` \| `(.+?)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert {name for name, _ in examples} == set(FORMS)
    for name, example in examples:
        assert re.search(rf"\b{name}\(", example), name
        assert play(read(example), 3, clients=8, most=200).calls
