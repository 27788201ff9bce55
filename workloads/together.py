"""Several workloads in one run, such as `append+lock`, each on keys of its own.

A key is named after its workload ("append/oak:1234"), so that each part's operations are judged by
the part's own model, and the verdict is the worst of theirs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, Unpack

from checker.history import History
from checker.models.model import Inconsistent, Model, State, only_observes
from checker.operation import Operation
from checker.verdict import Result, Verdict
from workloads.workload import Call, Calls, CheckOptions, Shape, Workload

JOINT = "+"
_END = "/"


def part_of(key: Any) -> str:
    """The name of the workload that a key belongs to."""
    return str(key).partition(_END)[0]


class TogetherCalls(Calls):
    """Calls of each part, drawn alike; `parts` are those of each workload by its name."""

    def __init__(self, workloads: Sequence[Workload], random: Random, shape: Shape) -> None:
        super().__init__(random, shape)
        self.parts: dict[str, Calls] = {
            workload.name: workload.calls(Random(f"{random.random()}:{workload.name}"), shape)
            for workload in workloads
        }

    def next(self) -> Call:
        return self.of(self.random.choice(list(self.parts)))

    def of(self, name: str) -> Call:
        """The next call of that part."""
        return _named(name, self.parts[name].next())

    def saw(self, call: Call, result: Any) -> None:
        name, own = _own(call)
        self.parts[name].saw(own, result)

    def refused(self, call: Call) -> None:
        name, own = _own(call)
        self.parts[name].refused(own)

    def final(self) -> Iterator[Call]:
        for name, calls in self.parts.items():
            for call in calls.final():
                yield _named(name, call)


def _named(name: str, call: Call) -> Call:
    return replace(call, key=f"{name}{_END}{call.key}")


def _own(call: Call) -> tuple[str, Call]:
    name, _, key = call.key.partition(_END)
    return name, replace(call, key=key)


class TogetherModel:
    """To each key the model of its part. A state is the part's name with its state."""

    by_process = True

    def __init__(self, workloads: Sequence[Workload]) -> None:
        self.name = JOINT.join(workload.name for workload in workloads)
        self._models: dict[str, Model] = {one.name: one.model() for one in workloads}

    def initial(self) -> State:
        return None

    def step(self, state: State, operation: Operation) -> State | Inconsistent:
        model = self._models[part_of(operation.key)]
        after = model.step(model.initial() if state is None else state[0], operation)  # type: ignore[index]
        return after if isinstance(after, Inconsistent) else (after,)

    def of_key(self, key: Any) -> Model:
        """The model of the key's part."""
        return self._models[part_of(key)]

    def only_observes(self, operation: Operation) -> bool:
        """Whether the part's model says that the operation changes nothing."""
        return only_observes(self._models[part_of(operation.key)], operation)


@dataclass(frozen=True, kw_only=True)
class SideBySide(Workload):
    """Some workloads as one."""

    parts: tuple[Workload, ...]

    @property
    def options(self) -> frozenset[str]:
        return frozenset().union(*(part.options for part in self.parts))

    def of_key(self, key: Any) -> Workload:
        return next(part for part in self.parts if part.name == part_of(key))

    def check(self, history: History, **options: Unpack[CheckOptions]) -> Result:
        """The worst verdict of the parts; the others' statistics stand beside it."""
        results = {}
        for part in self.parts:
            own = [o for o in history.operations if part_of(o.key) == part.name]
            results[part.name] = result = part.check(History(own), **options)
            left_s = options["time_limit_s"] - result.statistics.get("seconds", 0.0)
            options["time_limit_s"] = max(0.1, left_s)
        worst = max(results.values(), key=lambda result: result.verdict)
        name = next(name for name, result in results.items() if result is worst)
        reason = worst.reason if worst.verdict is Verdict.VALID else f"{name}: {worst.reason}"
        statistics = {name: result.statistics for name, result in results.items()}
        counts = {
            count: sum(result.statistics.get(count, 0) for result in results.values())
            for count in ("operations", "keys", "seconds")
        }
        algorithm = ", ".join(dict.fromkeys(result.algorithm for result in results.values()))
        return replace(
            worst, reason=reason, algorithm=algorithm, statistics={**counts, "parts": statistics}
        )


def together(name: str, parts: Sequence[Workload]) -> SideBySide:
    """The workloads as one of that name. Raises `ValueError` where they do not go together."""
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise ValueError("names a workload twice; name each once")
    for part in parts:
        if part.eventual or isinstance(part, SideBySide):
            raise ValueError(f"has {part.name}, which cannot be judged beside others; leave it out")
    return SideBySide(
        name=name,
        about="; ".join(f"{part.name}: {part.about}" for part in parts),
        calls=partial(TogetherCalls, parts),
        model=partial(TogetherModel, parts),
        functions=tuple(dict.fromkeys(one for part in parts for one in part.functions)),
        warm_up=parts[0].warm_up,
        simpler=partial(_simpler, {part.name: part.simpler for part in parts}),
        parts=tuple(parts),
    )


def _simpler(parts: dict[str, Callable[[Call], Call | None]], call: Call) -> Call | None:
    name, own = _own(call)
    found = parts[name](own)
    return None if found is None else _named(name, found)
