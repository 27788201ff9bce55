"""Judges random histories in every way, and tells where one disagrees with the truth.

    python -m tests.checker.fuzz.campaign 100000 --seed 7

The truth of a small history comes from trying every order of each key. Of a large one it is known
where the history is correct by construction; otherwise all ways must agree. The first disagreement
is shrunk and printed as a file that `labrys check` reads.
"""

import argparse
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from checker.formats.writing import labrys_lines
from checker.history import History
from checker.models.model import Model
from checker.operation import Operation, Outcome
from checker.verdict import Result, Verdict
from tests.checker.fuzz import oracle
from tests.checker.fuzz.declared import SUBJECTS
from tests.checker.fuzz.histories import CORRECT, Shape, draw
from tests.checker.fuzz.subjects import Subject
from tests.checker.fuzz.ways import TIME_LIMIT_S, WAYS, Way

VERSIONED = {"register", "cas-register", "etcd", "kv"}
"""Models of which versions are verified."""

BUSY_S = 1.0
"""Seconds after which a busy history is left undecided."""

BATCH = 2_000
"""Histories between two lines about the progress."""

MAY_NOT_DECIDE = {"graph", "zones"}
"""Engines that say `unknown` of what they cannot judge."""


@dataclass
class Disagreement(Exception):
    """A way of judging said something else than is true, or raised."""

    subject: str
    way: str
    truth: str
    answer: str
    operations: Sequence[Operation]

    def __str__(self) -> str:
        return (
            f"{self.subject}, {self.way}: {self.answer}, but {self.truth}, of these "
            f"{len(self.operations)} operations:\n"
            + "\n".join(labrys_lines(History(self.operations)))
        )


def judged(
    way: Way, operations: Sequence[Operation], model: Model, time_limit_s: float = TIME_LIMIT_S
) -> Result | str:
    """The result, or the exception in words."""
    try:
        return way.judge(operations, model, time_limit_s)
    except Exception as error:  # Whatever it is, it is a finding.
        return f"{type(error).__name__}: {error}"


def wrong(
    name: str, way: Way, operations: Sequence[Operation], model: Model, brief: bool = False
) -> tuple[str, str] | None:
    """The truth and the answer of a way about a small history, where they differ."""
    keys = oracle.by_key(operations)
    truths = {key: oracle.linearizable(own, model) for key, own in keys.items()}
    truth = "valid" if all(truths.values()) else "invalid"
    result = judged(way, operations, model)
    if isinstance(result, str):
        return truth, result
    answer = result.verdict.word
    if result.algorithm == "versions" and result.verdict is Verdict.INVALID:
        lying = [key for key, own in keys.items() if oracle.versions_lie(own)]
        return None if truth == "valid" and lying else (truth, "versions that lie")
    if answer == "unknown" and way.engine in MAY_NOT_DECIDE:
        return None
    known = any(o.outcome is Outcome.OK for o in operations)
    due = truth if known or truth == "invalid" else "unknown"
    if answer != due:
        return due, f"{answer} by {result.algorithm}"
    if truth == "invalid" and not brief:
        return wrongly_shown(result, operations, model, truths, way.through)
    return None


def wrongly_shown(
    result: Result,
    operations: Sequence[Operation],
    model: Model,
    truths: dict[str, bool],
    through: str,
) -> tuple[str, str] | None:
    """What is wrong with a counterexample, if anything is."""
    if not through and truths.get(oracle.name(result.key), False):
        return "that key is valid", f"key {result.key!r} is invalid"
    shown = result.counterexample
    if through:
        return ("it has an order", "shown") if oracle.linearizable(shown, model) else None
    if any(o not in operations for o in shown):
        return "that is no part of the history", "shown"
    whole = oracle.by_key(operations)[oracle.name(shown[0].key)]
    if not oracle.convicts(shown, whole, model):
        return "that has an order, or what is left out explains it", "shown"
    return None


def shrunk(
    operations: Sequence[Operation], fails: Callable[[Sequence[Operation]], bool]
) -> list[Operation]:
    """Operations of which none can be left out."""
    left = list(operations)
    size = max(1, len(left) // 2)
    while True:
        before = len(left)
        for start in range(len(left) - 1, -1, -size):
            rest = left[: max(0, start - size + 1)] + left[start + 1 :]
            if rest and fails(rest):
                left = rest
        if size == 1 and len(left) == before:
            return left
        size = max(1, size // 2)


def small(random: Random, name: str, subject: Subject, ways: Sequence[str]) -> str:
    """Draw a small history and judge it in these ways; return its verdict."""
    model, shape = subject.make(), Shape.small(random)
    operations = drawn(random, subject, shape)
    keys = oracle.by_key(operations)
    valid = all(oracle.linearizable(own, model) for own in keys.values())
    assert valid or shape.way != CORRECT, operations
    for way in ways:
        found = wrong(way, WAYS[way], operations, model)
        if found is None:
            continue

        def fails(rest: Sequence[Operation], way: str = way) -> bool:
            return wrong(way, WAYS[way], rest, model) is not None

        left = shrunk(operations, fails)
        # What does not come again is told as it was found.
        truth, answer = wrong(way, WAYS[way], left, model) or found
        raise Disagreement(name, way, truth, answer, left)
    return "valid" if valid else "invalid"


def drawn(random: Random, subject: Subject, shape: Shape) -> list[Operation]:
    operations = draw(random, subject, shape)
    if subject.make().name not in VERSIONED and shape.versions:
        return [replace(o, version=None) for o in operations]
    return operations


def large(
    random: Random,
    name: str,
    subject: Subject,
    ways: Sequence[str],
    draw_shape: Callable[[Random], Shape] = Shape.large,
    time_limit_s: float = TIME_LIMIT_S,
) -> str:
    """Draw a large history and judge it in these ways, which must agree; return the verdict."""
    model, shape = subject.make(), draw_shape(random)
    operations = drawn(random, subject, shape)
    answers: dict[str, str] = {"construction": "valid"} if shape.way == CORRECT else {}
    for way in ways:
        result = judged(WAYS[way], operations, model, time_limit_s)
        if isinstance(result, str):
            raise Disagreement(name, way, "no exception is due", result, operations)
        if result.verdict is Verdict.UNKNOWN or result.algorithm == "versions":
            continue
        answers[way] = result.verdict.word
        if len(set(answers.values())) > 1:
            raise Disagreement(name, way, str(answers), result.verdict.word, operations)
    return next(iter(answers.values()), "unknown")


def busy(random: Random, name: str, subject: Subject, ways: Sequence[str]) -> str:
    """The same of a history like those of a simulated run, some of which are too hard to decide."""
    return large(random, name, subject, ways, Shape.busy, BUSY_S)


def campaign(
    count: int,
    seed: object,
    *,
    names: Sequence[str] = tuple(SUBJECTS),
    ways: Sequence[str] = tuple(WAYS),
    each: int = 1,
    large_every: int = 0,
    busy_every: int = 0,
    tell: Callable[[Disagreement], None] | None = None,
) -> Counter[str]:
    """Judge this many histories, each automatically and in `each` other ways; count the verdicts.

    One history in `large_every` is large, and one in `busy_every` busy, if that is not 0. Raises
    `Disagreement`, or goes on if there is someone to `tell`.
    """
    random = Random(f"fuzz {seed}")
    seen: Counter[str] = Counter()
    for number in range(count):
        name = names[number % len(names)]
        others = [
            way
            for way in ways
            if way != "auto" and WAYS[way].through in ("", *SUBJECTS[name].files)
        ]
        chosen = ["auto", *random.sample(others, min(each, len(others)))]
        judge = small
        if large_every and number % large_every == large_every - 1:
            judge = large
        elif busy_every and number % busy_every == busy_every - 1:
            judge = busy
        try:
            verdict = judge(random, name, SUBJECTS[name], chosen)
        except Disagreement as disagreement:
            if tell is None:
                raise
            tell(disagreement)
            verdict = "disagreement"
        seen[verdict] += 1
        seen[f"{name} {verdict}"] += 1
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--model", action="append", choices=list(SUBJECTS))
    parser.add_argument("--way", action="append", choices=list(WAYS))
    parser.add_argument("--each", type=int, default=1, help="other ways for each history")
    parser.add_argument("--large-every", type=int, default=0)
    parser.add_argument("--busy-every", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a folder for disagreements; goes on after each")
    options = parser.parse_args()
    started = time.monotonic()

    def tell(disagreement: Disagreement) -> None:
        print(disagreement, flush=True)
        if options.out is None:
            sys.exit(1)
        options.out.mkdir(parents=True, exist_ok=True)
        number = len(list(options.out.iterdir()))
        (options.out / f"{options.seed}-{number}.txt").write_text(str(disagreement))

    seen: Counter[str] = Counter()
    done = 0
    with contextlib.suppress(KeyboardInterrupt):
        while done < options.count:
            count = min(BATCH, options.count - done)
            seen += campaign(
                count, f"{options.seed} {done}", names=options.model or tuple(SUBJECTS),
                ways=options.way or tuple(WAYS), each=options.each,
                large_every=options.large_every, busy_every=options.busy_every, tell=tell,
            )  # fmt: skip
            done += count
            print(summary(done, time.monotonic() - started, seen), file=sys.stderr, flush=True)
    print(summary(done, time.monotonic() - started, seen))
    return 1 if seen["disagreement"] else 0


def summary(done: int, seconds: float, seen: Counter[str]) -> str:
    """How many histories were judged, and what was found."""
    words = ("valid", "invalid", "unknown", "disagreement")
    return f"{done} histories in {seconds:.0f} s: {', '.join(f'{seen[w]} {w}' for w in words)}"


if __name__ == "__main__":
    sys.exit(main())
