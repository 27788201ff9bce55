"""Subjects of the models that have no entry: drawn by what they declare of their functions."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from checker.models.catalogue import MODELS
from checker.models.fitting import _is as is_of_kind
from checker.models.model import Inconsistent, Kind, Model
from checker.operation import Operation, Outcome
from tests.checker.fuzz.subjects import ENTRIES, NotNow, Subject, Values, plain, transaction

NAMES = ("x", "y", "z")


def argument(random: Random, kind: Kind, values: Values) -> Any:
    """An argument of a kind."""
    match kind:
        case Kind.INTEGER | Kind.COUNT:
            return random.randint(0, 3)
        case Kind.PAIR:
            return [values.known(), values.one()]
        case Kind.LIST:
            return [values.one()]
        case Kind.STEPS:
            return transaction(random, values)[1]
        case Kind.TRUTH:
            return random.random() < 0.5
        case Kind.VERSIONED:
            return [random.choice((None, 0, 1, 2)), values.one()]
        case Kind.PRIORITY:
            return random.choice((random.randint(1, 9), [random.randint(1, 3), values.one()]))
        case Kind.TRANSFER:
            one, other = random.sample(NAMES, 2)
            return {"from": one, "to": other, "amount": random.randint(1, 3)}
        case Kind.CLIENT:
            return {"client": random.choice(NAMES)}
        case Kind.LEASE:
            times = {"now": random.randint(0, 5), "lease": random.randint(1, 3)}
            return {"client": random.choice(NAMES), **times}
        case Kind.ENTRIES:
            return [random.choice(NAMES), values.one()]
        case Kind.TRIPLE:
            return [random.choice(NAMES), values.known(), values.one()]
    return random.choice((values.one(), values.known(), None, *NAMES))


@dataclass
class Declared:
    """Calls of what a model declares, and answers that it finds possible."""

    model: Model
    functions: dict[str, tuple[Kind, Kind]]

    def call(self, random: Random, values: Values) -> tuple[str, Any]:
        function = random.choice(list(self.functions))
        if (self.model.name, function) == ("versioned-register", "cas"):
            return function, [None, [values.known(), values.one()]]
        if self.model.name == "kv-map" and function in ("read", "delete"):
            return function, random.choice(NAMES)
        return function, argument(random, self.functions[function][0], values)

    def answer(
        self, random: Random, state: Any, function: str, argument: Any, process: int = 0
    ) -> Any:
        """Any answer that is possible, of some that come to mind."""
        kind = self.functions[function][1]
        candidates = [
            c
            for c in self._candidates(state, argument)
            if kind is Kind.ANYTHING or is_of_kind(kind, c)
        ]
        for result in random.sample(candidates, len(candidates)):
            asked = Operation(process, function, None, argument, result, Outcome.OK, 0, 1, 0, 1)
            with contextlib.suppress(TypeError, ValueError):
                if not isinstance(self.model.step(state, asked), Inconsistent):
                    return result
        raise NotNow

    def _candidates(self, state: Any, argument: Any) -> Iterator[Any]:
        yield from (None, True, False, 0, 1, 2, 3, "a", [], ["a", 1], ["b", 2], {}, argument)
        yield from ({"x": 5, "y": 5, "z": 5}, [argument, 1], [argument])
        items = list(state) if isinstance(state, tuple | frozenset) else [state]
        yield [plain(item) for item in items]
        for item in items:
            yield from map(plain, item if isinstance(item, tuple) else [item])
        pairs = items[1] if len(items) == 2 and isinstance(items[1], frozenset) else items
        if all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
            known = {str(name): plain(value) for name, value in pairs}
            yield known
            yield known.get(str(argument))


def declared() -> dict[str, Subject]:
    """A subject for each model of the catalogue that has no entry and does not judge by itself."""
    known = {subject.make().name for subject in ENTRIES.values()}
    found = {}
    for name, make in MODELS.items():
        model = make()
        functions = getattr(model, "functions", None)
        if name not in known and functions and not hasattr(model, "judge"):
            drawn = Declared(model, functions)
            # A file's keys become those of the map, which all are one object; and where a process
            # ends and begins something at the same position, a file has two processes for it.
            alone = name == "kv-map" or getattr(model, "by_process", False)
            files = () if alone else (".jsonl",)
            found[name] = Subject(make, drawn.call, drawn.answer, files=files)
    return found


SUBJECTS = {**ENTRIES, **declared()}
"""Every model of the catalogue, in all of its uses, and models as users write them."""
