"""The controls: each works as long as nothing fails, and shows its anomaly when something does."""

from typing import Any

import pytest

from systems_under_test.classics.overwriting import Overwriting, OverwritingIfNotHigher
from systems_under_test.classics.primary_backup import PrimaryBackup
from systems_under_test.classics.two_phase_commit import TwoPhaseCommit
from systems_under_test.node import Node, Received, TimerFired
from systems_under_test.requests import ErrorCode, Refusal, Reply
from tests.systems_under_test.held_cluster import HeldCluster

NAMES = ("n1", "n2", "n3")


class Trio(HeldCluster[Node]):
    """Three nodes."""

    def __init__(self, system: type[Node]) -> None:
        super().__init__(3, system)

    def fire_all(self, name: str) -> None:
        due = [*self.timers[name]]
        self.timers[name].clear()
        for timer in due:
            self.step(name, TimerFired(timer))

    def settle(self, *among: str) -> None:
        """Deliver all that is on its way among these nodes, and what follows; lose the rest."""
        self.stabilize(*among)
        self.in_flight.clear()

    def ask(self, name: str, function: str, key: str = "k", argument: Any = None) -> Any:
        """Ask a node; the answer, if it comes before anything is delivered."""
        return self.request(name, function, key, argument)

    @property
    def last(self) -> Reply | Refusal:
        return self.answers[-1][1]


@pytest.mark.parametrize(
    "system", [PrimaryBackup, TwoPhaseCommit, Overwriting, OverwritingIfNotHigher]
)
def test_without_failures_one_after_the_other_all_is_well(system: type[Node]) -> None:
    trio = Trio(system)
    for function, argument, result in [
        ("write", 1, 1),
        ("read", None, 1),
        ("cas", [1, 2], 1),
        ("cas", [1, 3], 2),
        ("read", None, 2),
    ]:
        for name in NAMES:
            trio.fire_all(name)
        trio.ask("n1", function, argument=argument)
        trio.settle()
        assert trio.last == Reply(1, result)
    trio.start("n1")
    assert trio.ask("n1", "read") == Reply(1, 2)
    refusal = trio.ask("n1", "jump")
    assert ErrorCode.of(refusal.error) is ErrorCode.BAD_REQUEST


def test_a_primary_loses_what_it_acknowledged_when_it_fails() -> None:
    trio = Trio(PrimaryBackup)
    assert trio.ask("n1", "write", argument=1) == Reply(1, 1)
    trio.in_flight.clear()
    for _ in range(PrimaryBackup.MISSED_TICKS):
        trio.fire_all("n2")
    assert trio.ask("n2", "read") == Reply(1, None)


def test_two_primaries_serve_on_both_sides_of_a_partition() -> None:
    trio = Trio(PrimaryBackup)
    assert trio.ask("n2", "read") == Refusal(1, ErrorCode.NOT_LEADER.word, leader="n1")
    for _ in range(PrimaryBackup.MISSED_TICKS):
        for name in NAMES:
            trio.fire_all(name)
        trio.settle("n2", "n3")
    assert trio.ask("n1", "write", argument=1) == Reply(1, 1)
    assert trio.ask("n2", "write", argument=2) == Reply(1, 2)
    assert trio.ask("n1", "read") == Reply(1, 1)


def test_a_participant_that_restarts_has_forgotten_its_vote() -> None:
    trio = Trio(TwoPhaseCommit)
    assert trio.ask("n1", "write", argument=1) is None
    votes, trio.in_flight = trio.in_flight, []
    for vote in votes:
        trio.step(vote.target, Received(vote))
    assert trio.ask("n2", "read").error == ErrorCode.OVERLOADED.word, "it is locked"
    trio.start("n2")
    trio.settle("n1")  # The votes are lost, so let them come again by hand.
    for vote in votes:
        trio.step(vote.target, Received(vote))
    trio.start("n2")
    yes, trio.in_flight = trio.in_flight, []
    for message in yes:
        trio.step("n1", Received(message))
    assert trio.last == Reply(1, 1), "committed on n1"
    assert trio.ask("n2", "read") == Reply(1, None), "and not on n2, which serves it"


def test_a_participant_that_hears_no_outcome_gives_up_its_lock() -> None:
    trio = Trio(TwoPhaseCommit)
    trio.ask("n1", "write", argument=1)
    votes, trio.in_flight = trio.in_flight, []
    for vote in votes:
        trio.step(vote.target, Received(vote))
    trio.fire_all("n2")
    for message in [m for m in trio.in_flight if m.target == "n1"]:
        trio.step("n1", Received(message))
    assert trio.ask("n1", "read") == Reply(1, 1)
    assert trio.ask("n2", "read") == Reply(1, None)


def test_a_transaction_aborts_where_somebody_does_not_agree() -> None:
    trio = Trio(TwoPhaseCommit)
    trio.ask("n1", "write", argument=1)
    trio.ask("n2", "write", argument=2)
    trio.settle()
    refused = [answer for _, answer in trio.answers if isinstance(answer, Refusal)]
    assert {answer.error for answer in refused} == {ErrorCode.OVERLOADED.word}
    trio.answers.clear()
    trio.ask("n1", "write", argument=3)
    trio.in_flight.clear()
    trio.fire_all("n1")
    assert trio.last.error == ErrorCode.OVERLOADED.word, "nobody voted in time"
    trio.settle()
    assert trio.ask("n3", "read") == Reply(1, None)


@pytest.mark.parametrize("system", [Overwriting, OverwritingIfNotHigher])
def test_two_proposers_both_succeed_in_changing_the_same_value(system: type[Node]) -> None:
    trio = Trio(system)
    assert trio.ask("n1", "cas", argument=[None, 1]) == Reply(1, None)
    assert trio.ask("n2", "cas", argument=[None, 2]) == Reply(1, None)
    trio.settle()
    assert isinstance(trio.ask("n3", "read"), Reply)


def test_a_proposer_overwrites_what_came_after_it_asked() -> None:
    """Between the answer and the order, the node has accepted something of a higher ballot."""
    trio = Trio(Overwriting)
    trio.ask("n1", "write", argument="old")
    asked, trio.in_flight = trio.in_flight, []
    for message in asked:
        trio.step(message.target, Received(message))
    told, trio.in_flight = trio.in_flight, []
    for value in ("newer", "newest"):
        trio.ask("n2", "write", argument=value)
    trio.in_flight.clear()
    for message in told:
        trio.step("n1", Received(message))
    trio.settle()
    assert trio.ask("n2", "read") == Reply(1, "old")


def test_comparing_the_ballots_at_the_node_changes_nothing() -> None:
    """The node keeps what has the higher ballot, and the proposer acknowledges all the same."""
    trio = Trio(OverwritingIfNotHigher)
    for value in (1, 2):
        assert trio.ask("n1", "write", argument=value) == Reply(1, value)
    trio.in_flight.clear()
    assert trio.ask("n2", "write", argument=3) == Reply(1, 3)
    trio.settle()
    assert trio.ask("n1", "read") == Reply(1, 2), "3 came after 2, and n1 refuses it"
    assert trio.ask("n3", "read") == Reply(1, 3)
