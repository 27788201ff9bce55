"""Single-decree Paxos by exhaustion: every order of events, loss and duplicate in a small world.

Three acceptors; two proposers, each with its ballot and a value of its own. No message is taken
back, so that each may arrive at any time, more than once, or not at all. All states that can be
reached are visited, and in none are two values chosen. With any rule broken, some state has two.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeAlias

import pytest

from systems_under_test.paxos import single_decree
from systems_under_test.paxos.messages import NO_BALLOT, Ballot, Proposal, Value
from systems_under_test.requests import Request

ACCEPTORS = ("a1", "a2", "a3")
BALLOTS = (Ballot(1, "p1"), Ballot(2, "p2"))
OWN: dict[Ballot, Request] = {
    ballot: Request(0, 1, "write", "k", ballot.node) for ballot in BALLOTS
}

Vote: TypeAlias = Proposal | None


@dataclass(frozen=True)
class Rules:
    may_promise: Callable[[Ballot, Ballot], bool] = single_decree.may_promise
    may_accept: Callable[[Ballot, Ballot], bool] = single_decree.may_accept
    value_to_propose: Callable[[Iterable[Proposal], Value], Value] = single_decree.value_to_propose
    is_quorum: Callable[[Collection[str], Collection[str]], bool] = single_decree.is_quorum


@dataclass(frozen=True)
class World:
    """What the acceptors remember, and every message ever sent."""

    promised: tuple[Ballot, ...] = (NO_BALLOT,) * len(ACCEPTORS)
    accepted: tuple[Vote, ...] = (None,) * len(ACCEPTORS)
    promises: frozenset[tuple[Ballot, str, Vote]] = frozenset()
    asked: frozenset[tuple[Ballot, Value]] = frozenset()
    votes: frozenset[tuple[Ballot, str, Value]] = frozenset()


def next_worlds(world: World, rules: Rules) -> Iterator[World]:
    for index, acceptor in enumerate(ACCEPTORS):
        promised, vote = world.promised[index], world.accepted[index]
        for ballot in BALLOTS:
            if rules.may_promise(ballot, promised):
                yield replace(
                    world,
                    promised=put(world.promised, index, ballot),
                    promises=world.promises | {(ballot, acceptor, vote)},
                )
        for ballot, value in world.asked:
            if rules.may_accept(ballot, promised):
                yield replace(
                    world,
                    promised=put(world.promised, index, ballot),
                    accepted=put(world.accepted, index, Proposal(ballot, 1, value)),
                    votes=world.votes | {(ballot, acceptor, value)},
                )
    for ballot in BALLOTS:
        if not any(asked == ballot for asked, _ in world.asked):
            for value in proposals(world, ballot, rules):
                yield replace(world, asked=world.asked | {(ballot, value)})


def proposals(world: World, ballot: Ballot, rules: Rules) -> set[Value]:
    """What the proposer of that ballot may propose, by each quorum of promises that it may hear."""
    mine = [promise for promise in world.promises if promise[0] == ballot]
    return {
        rules.value_to_propose([vote for _, _, vote in heard if vote is not None], OWN[ballot])
        for count in range(1, len(mine) + 1)
        for heard in combinations(mine, count)
        if rules.is_quorum({acceptor for _, acceptor, _ in heard}, ACCEPTORS)
    }


def put(items: tuple, index: int, item: object) -> tuple:
    return (*items[:index], item, *items[index + 1 :])


def chosen(world: World, rules: Rules) -> set[Value]:
    voters: dict[tuple[Ballot, Value], set[str]] = {}
    for ballot, acceptor, value in world.votes:
        voters.setdefault((ballot, value), set()).add(acceptor)
    return {value for (_, value), nodes in voters.items() if rules.is_quorum(nodes, ACCEPTORS)}


def explore(rules: Rules) -> tuple[int, bool, set[Value]]:
    """How many worlds there are, whether one has two values chosen, and what may be chosen."""
    seen, waiting, possible = {World()}, [World()], set()
    while waiting:
        world = waiting.pop()
        here = chosen(world, rules)
        possible |= here
        if len(here) > 1:
            return len(seen), True, possible
        for after in next_worlds(world, rules):
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return len(seen), False, possible


def test_only_a_single_value_is_chosen() -> None:
    """PMS 2.1: "Only a single value is chosen", and "only a value that has been proposed"."""
    count, disagree, possible = explore(Rules())
    assert not disagree
    assert possible == set(OWN.values()), "both could win, so the world is no vacuous one"
    assert count > 1_000


@pytest.mark.parametrize(
    "rules",
    [
        Rules(may_accept=lambda ballot, promised: True),
        Rules(value_to_propose=lambda reports, own: own),
        Rules(is_quorum=lambda nodes, members: len(nodes) >= 1),
    ],
    ids=["P1a", "P2c", "quorum"],
)
def test_no_rule_can_be_left_out(rules: Rules) -> None:
    """PMS 2.2 derives each of them from the one before; without any, two values are chosen."""
    assert explore(rules)[1]


def test_the_value_of_the_highest_ballot_is_proposed() -> None:
    """P2c of PMS 2.2, whatever the order in which the reports come."""
    low, high = (Proposal(ballot, 1, OWN[ballot]) for ballot in BALLOTS)
    own = Request(0, 1, "write", "k", "own")
    for reports in ([low, high], [high, low]):
        assert single_decree.value_to_propose(reports, own) == high.value
    assert single_decree.value_to_propose([], own) == own
    no_op = Proposal(BALLOTS[1], 1, None)
    assert single_decree.value_to_propose([low, no_op], own) is None


@pytest.mark.parametrize("size", range(1, 8))
def test_any_two_quorums_have_an_acceptor_in_common(size: int) -> None:
    """PMS 2.2: "any two majorities have at least one acceptor in common"."""
    members = [f"n{number}" for number in range(size)]
    quorums = [
        set(nodes)
        for count in range(size + 1)
        for nodes in combinations(members, count)
        if single_decree.is_quorum(nodes, members)
    ]
    assert quorums
    assert all(one & other for one in quorums for other in quorums)
    assert not single_decree.is_quorum({"stranger", "another", "third"}, members)
