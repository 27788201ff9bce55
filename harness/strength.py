"""How strong a run's history is: its gates, and mutated copies of it that must be convicted."""

from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from checker.history import History
from checker.least import Least
from checker.memory import MIB
from checker.mutation.trial import Trial, try_copies
from checker.strength import Gate, caught, gates, strength
from workloads.workload import Workload


def families_of(planned: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The names of the faults of each family, from the family and the name of each that was
    planned."""
    families: dict[str, list[str]] = {}
    for family, name in planned:
        families.setdefault(family, []).append(name)
    return families


def gates_of(
    history: History,
    planned: Iterable[tuple[str, str]],
    work: Workload,
    least: Least | None = None,
) -> list[Gate]:
    """The strength gates of a history, under a schedule with these faults."""
    return gates(history, work.functions, families_of(planned), _observers(work), least)


def judge_strength(
    history: History,
    planned: Iterable[tuple[str, str]],
    work: Workload,
    config: Mapping[str, Any],
    trial: Trial | None,
) -> tuple[list[Gate], dict[str, Any]]:
    """The gates of a run with these options, and the figures that result.json has of its strength.

    Raises `ValueError` where the options ask for what cannot be read.
    """
    least = Least.read(str(config.get("strength", "")))
    planned = list(planned)
    found = gates_of(history, planned, work, least)
    if trial is not None:
        found.append(caught(trial, least))
    figures = strength(history, work.functions, families_of(planned), _observers(work)).to_json()
    return found, {**figures, "mutated": None if trial is None else trial.to_json()}


def trial_of(history: History, work: Workload, seed: Any, copies: int, memory_mib: int) -> Trial:
    """Judge that many mutated copies of a history; the run's seed says which errors are planted."""
    return try_copies(
        history,
        work.model(),
        lambda copy, seconds: work.of_key(copy.operations[0].key).check(
            copy,
            time_limit_s=seconds,
            memory_limit_bytes=memory_mib * MIB,
            certify=False,
            explain=False,
        ),
        Random(f"{seed}:mutations"),
        copies,
        eventual=work.eventual,
    )


def _observers(work: Workload) -> frozenset[str]:
    return frozenset(getattr(work.model(), "observers", ()))
