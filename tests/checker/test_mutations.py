"""Damaged files of every format: a sentence or a verdict, and never less judged than was there."""

import re
from pathlib import Path
from random import Random

import pytest

from checker.errors import ModelError
from checker.formats import Taking, read_content
from checker.formats.meaning import Meaning
from checker.history import MalformedHistory
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.verdict import Verdict

HISTORIES = Path(__file__).parents[1] / "histories"
CASES = HISTORIES / "cases"

SOURCES = [
    *(
        (CASES / name, next(iter(re.findall(r"--model (\S+)", options)), "register"))
        for name, options, *_ in (
            line.split("\t") for line in (CASES / "cases.tsv").read_text().splitlines()[1:]
        )
    ),
    *(
        (HISTORIES / "foreign" / name, model)
        for name, model, _ in (
            line.split("\t")
            for line in (HISTORIES / "foreign" / "verdicts.tsv").read_text().splitlines()
        )
    ),
]

_CALLS = re.compile(
    r":invoke\b|\"type\"\s*:\s*\"invoke\"|\"Call\"\s*:\s*\d|\"invoked_ns\"\s*:\s*\d"
)
_NEMESIS = re.compile(r":nemesis\b|\"nemesis\"")


def strict_count(text: str) -> int:
    """How many calls of clients the text has, by other means than the readers'."""
    return sum(len(_CALLS.findall(line)) for line in text.split("\n") if not _NEMESIS.search(line))


def damaged(random: Random, data: bytes) -> bytes:
    """The bytes with a few mistakes: cut, lines doubled, lost or swapped, bytes changed."""
    for _ in range(random.choice([1, 1, 2, 3])):
        if not data:
            return data
        lines = data.split(b"\n")
        place = random.randrange(len(lines))
        match random.randrange(7):
            case 0:
                data = data[: random.randrange(len(data))]
            case 1:
                data = b"\n".join([*lines[: place + 1], *lines[place:]])
            case 2:
                data = b"\n".join([*lines[:place], *lines[place + 1 :]])
            case 3:
                other = random.randrange(len(lines))
                lines[place], lines[other] = lines[other], lines[place]
                data = b"\n".join(lines)
            case _:
                at = random.randrange(len(data))
                byte = random.choice([random.randrange(256), *b'()[]{}";:#\\ 0a\n\t,'])
                data = data[:at] + bytes([byte]) + data[at + 1 :]
    return data


def judged(data: bytes, model: str) -> tuple[Verdict | None, int]:
    """The verdict and the number of operations, or None where the file is refused."""
    try:
        history = read_content(data, taking=Taking(Meaning(model)))
        result = check(history, MODELS.get(model, MODELS["register"])(), time_limit_s=5)
    except (MalformedHistory, ModelError):
        return None, 0
    return result.verdict, len(history)


def mutate(random: Random, count: int) -> dict[Verdict | None, int]:
    """Judge this many damaged files; how each ended."""
    seen: dict[Verdict | None, int] = {}
    contents = [(path.read_bytes(), model) for path, model in SOURCES]
    for _ in range(count):
        data, model = random.choice(contents)
        data = damaged(random, data)
        verdict, operations = judged(data, model)
        seen[verdict] = seen.get(verdict, 0) + 1
        if verdict is Verdict.VALID:
            assert operations >= strict_count(data.decode()), (model, data[:2000])
            assert operations > 0
    return seen


@pytest.mark.slow
def test_damaged_files() -> None:
    seen = mutate(Random(17), 600)
    assert seen[None] > 200
    assert seen[Verdict.VALID] > 30


@pytest.mark.deep
def test_many_damaged_files() -> None:
    for seed in range(20):
        mutate(Random(seed), 1_000)
