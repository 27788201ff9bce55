"""Nothing that a node sends overtakes what it persisted before, in any order of steps and syncs."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import RunConfig
from harness.simulation import node as simulated
from harness.simulation.scenario import swarm
from harness.simulation.simulate import simulate
from systems_under_test.node import (
    CancelTimer,
    Compact,
    Effect,
    Message,
    Payload,
    Persist,
    Send,
    SetTimer,
)
from systems_under_test.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Numbered(Payload):
    number: int


def effect(letter: str, number: int) -> Effect:
    """The effect that a letter stands for: send, persist, compact, set a timer, cancel one."""
    return {
        "s": Send(Message("n1", "n2", Numbered(number))),
        "p": Persist(Numbered(number)),
        "c": Compact((Numbered(number), Numbered(-number))),
        "t": SetTimer("beat", number),
        "x": CancelTimer("beat"),
    }[letter]


class Disk:
    """A driver of the simplest kind: what is durable, and what has left, each with the state of
    the disk at that moment."""

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.durable: list[Payload] = []
        self.left: list[tuple[int, list[Payload]]] = []
        self.timers: list[Effect] = []

    def step(self, effects: list[Effect]) -> None:
        for one in self.outbox.release(effects):
            if isinstance(one, Send):
                self.leave(one.message)
            else:
                self.timers.append(one)

    def sync(self) -> None:
        group = self.outbox.begin_sync()
        if group is None:
            return
        assert self.outbox.begin_sync() is None, "one group at a time"
        self.group = group

    def end_sync(self) -> None:
        self.durable = [*([] if self.group.replaces else self.durable), *self.group.records]
        for message in self.outbox.synced():
            self.leave(message)

    def leave(self, message: Message) -> None:
        assert isinstance(message.payload, Numbered)
        self.left.append((message.payload.number, list(self.durable)))


@given(st.lists(st.sampled_from(["|", "(", ")", *"spctx"]), max_size=60))
def test_every_message_finds_on_disk_what_stood_before_it(letters: list[str]) -> None:
    """A bar ends a step; brackets begin and end a sync."""
    disk = Disk()
    states: list[list[Payload]] = [[]]
    wanted: dict[int, int] = {}
    timers: list[Effect] = []
    step: list[Effect] = []
    syncing = False
    for number, letter in enumerate(letters, start=1):
        if letter in "|()":
            disk.step(step)
            step = []
            if letter == "(" and not syncing:
                disk.sync()
                syncing = disk.outbox.busy
            elif letter == ")" and syncing:
                disk.end_sync()
                syncing = False
            continue
        one = effect(letter, number)
        step.append(one)
        match one:
            case Persist(record):
                states.append([*states[-1], record])
            case Compact(records):
                states.append(list(records))
            case Send():
                wanted[number] = len(states) - 1
            case _:
                timers.append(one)
    disk.step(step)
    while disk.outbox.busy:
        if not syncing:
            disk.sync()
        disk.end_sync()
        syncing = False
    assert disk.timers == timers, "timers wait for nothing"
    assert [number for number, _ in disk.left] == list(wanted), "in order, and none is lost"
    for number, durable in disk.left:
        assert durable in states[wanted[number] :]
    assert disk.durable == states[-1]


def test_an_outbox_is_busy_until_all_is_durable() -> None:
    outbox = Outbox()
    outbox.persist(Numbered(1))
    outbox.persist(Numbered(2))
    assert (outbox.waiting, outbox.busy) == (2, True)
    assert outbox.begin_sync() == ([Numbered(1), Numbered(2)], False)
    assert (outbox.waiting, outbox.busy) == (0, True)
    outbox.compact((Numbered(3), Numbered(-3)))
    outbox.synced()
    assert outbox.busy
    assert outbox.begin_sync() == ([Numbered(3), Numbered(-3)], True)
    outbox.synced()
    assert not outbox.busy
    assert not outbox.holds(Message("n1", "n2", Numbered(4)))


class SendsAtOnce(Outbox):
    """Breaks the rule: a message leaves before what it depends on is durable."""

    def holds(self, message: Message) -> bool:
        return False


def test_the_simulator_finds_out_a_driver_that_breaks_the_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rule that is simulated is the one of real nodes: broken, it makes a sound system fail."""
    base, pinned = RunConfig(system="raft", faults=("kill",)), frozenset({"faults"})
    for seed in range(60):
        scenario = swarm(base, pinned, seed)
        monkeypatch.setattr(simulated, "Outbox", SendsAtOnce)
        broken = simulate(scenario)
        monkeypatch.undo()
        if broken.failed:
            break
    assert broken.failed
    assert not simulate(scenario).failed
