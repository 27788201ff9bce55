"""Checks what is shown of invalid histories, by means that share nothing with the engines.

    python -m tests.checker.fuzz.explanations 500 --seed 7

Of each counterexample it is checked that it convicts the history, and that nothing more can be left
out of it, unless it says that fewer operations may do. What may be left out at all is told in
`checker.omissions`; all orders of what is left are tried. Of operations of which it does not matter
whether they happened, as the explanation of a search says, any others can do without any more.
"""

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from checker.certificates import has_order
from checker.errors import InternalError
from checker.formats.writing import labrys_lines
from checker.history import History
from checker.linearizability.check import check
from checker.models.known import known_object
from checker.models.model import Model
from checker.omissions import proofs
from checker.operation import Operation
from checker.verdict import Result, Verdict
from tests.checker.fuzz import oracle
from tests.checker.fuzz.campaign import drawn
from tests.checker.fuzz.declared import SUBJECTS
from tests.checker.fuzz.histories import CORRECT, Shape

NOT_SMALLEST = "fewer operations may do"
"""What an explanation says that is not known to be the smallest."""

PATIENCE_S = 2.0
"""Seconds that trying the orders of one counterexample may take."""

SHAPES = (Shape.small, Shape.busy, Shape.busy)


@dataclass
class Unfounded(Exception):
    """An explanation that does not hold, or is longer than it says."""

    subject: str
    what: str
    result: Result
    operations: Sequence[Operation]

    def __str__(self) -> str:
        shown = "\n".join(labrys_lines(History(self.result.counterexample)))
        whole = "\n".join(labrys_lines(History(self.operations)))
        said = "\n".join(self.result.explanation)
        return (
            f"{self.subject}, by {self.result.algorithm}: {self.what}\n{shown}\n{said}\n"
            f"of the whole:\n{whole}"
        )


def convicted(shown: Sequence[Operation], whole: Sequence[Operation], model: Model) -> bool | None:
    """Whether what is shown proves the whole of its key invalid; None where orders are too many."""
    undecided = False
    until = time.monotonic() + PATIENCE_S
    try:
        for proof in proofs(shown, whole, model, known_object(model)):
            found = has_order(proof, model, until)
            if found is False:
                return True
            undecided |= found is None
    except InternalError:
        pass
    return None if undecided else False


def judged(result: Result, operations: Sequence[Operation], model: Model) -> tuple[str, str]:
    """What is wrong with an explanation, or ""; and in a word what it is like."""
    shown = result.counterexample
    said = " ".join(result.explanation)
    if not shown or not said:
        return "nothing is shown or said", ""
    whole = oracle.by_key(operations)[oracle.name(shown[0].key)]
    proved = convicted(shown, whole, model)
    if proved is False:
        return "what is shown does not convict the history", ""
    if proved is None:
        return "", "too many orders"
    if any(NOT_SMALLEST in sentence for sentence in result.explanation):
        return "", "perhaps not the smallest"
    spare = superfluous(result, whole, model)
    if spare is not None:
        return f"operation {1 + spare}, {shown[spare].function}, can be left out", ""
    return "", "smallest"


def superfluous(result: Result, whole: Sequence[Operation], model: Model) -> int | None:
    """The place of an operation that the argument of a result does not need, if there is one.

    The bounds of a counter need all that was added.
    """
    shown = result.counterexample
    searched = any(line.startswith("No order") for line in result.explanation)
    idle = {number - 1 for number in supposed(result.explanation)}
    for place, operation in enumerate(shown):
        rest = [*shown[:place], *shown[place + 1 :]]
        if searched:
            if place in idle or operation.completed is None:
                continue
            optional = [o for n, o in enumerate(shown) if n == place or n in idle]
            demanded = [o for n, o in enumerate(shown) if n != place and n not in idle]
            if demanded and not oracle.linearizable(demanded, model, optional):
                return place
        elif rest and result.algorithm != "bounds":
            hidden = list(whole)
            for o in rest:
                hidden.remove(o)
            if convicted(rest, [*rest, *(ever(o, shown) for o in hidden)], model):
                return place
    return None


def supposed(explanation: Sequence[str]) -> set[int]:
    """The numbers of the operations of which it does not matter whether they happened."""
    told = next((line for line in explanation if "it does not matter here whether" in line), "")
    runs = re.findall(r"(\d+)(?: to (\d+))?", told)
    return {n for first, last in runs for n in range(int(first), int(last or first) + 1)}


def ever(operation: Operation, shown: Sequence[Operation]) -> Operation:
    """The operation as it may have been for all that is told if it is not shown: at any time."""
    first = min(o.invoked for o in shown) - 1
    return replace(operation, invoked=first, completed=None, completed_ns=None)


def campaign(count: int, seed: object, names: Sequence[str] = tuple(SUBJECTS)) -> Counter[str]:
    """Judge that many invalid histories, of each model in turn; count what was found of them.

    Raises `Unfounded`.
    """
    random = Random(f"explanations {seed}")
    seen: Counter[str] = Counter()
    while sum(seen.values()) < count:
        name = names[sum(seen.values()) % len(names)]
        result, operations, model = invalid(random, name)
        what, like = judged(result, operations, model)
        if what:
            raise Unfounded(name, what, result, operations)
        seen[like] += 1
    return seen


def invalid(random: Random, name: str) -> tuple[Result, list[Operation], Model]:
    """An invalid history of a model, with its verdict."""
    subject = SUBJECTS[name]
    model = subject.make()
    while True:
        shape = random.choice(SHAPES)(random)
        operations = [] if shape.way == CORRECT else drawn(random, subject, shape)
        if not operations:
            continue
        result = check(operations, model, time_limit_s=20)
        if result.verdict is Verdict.INVALID and result.algorithm != "versions":
            return result, operations, model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, help="histories of each model")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--model", action="append", choices=list(SUBJECTS))
    options = parser.parse_args()
    wrong = 0
    for name in options.model or SUBJECTS:
        seen: Counter[str] = Counter()
        for number in range(options.count):
            try:
                seen += campaign(1, f"{options.seed} {name} {number}", [name])
            except Unfounded as found:
                print(found, flush=True)
                seen["unfounded"] += 1
                wrong += 1
        print(f"{name}: {dict(seen)}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
