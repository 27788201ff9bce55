"""Ways in which the files of a run can be damaged, drawn from a generator."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

FILES = ("run.json", "result.json", "history.jsonl", "observations.json", "config.toml",
         "scenario.json", "messages.json", "failed.txt", "nodes")  # fmt: skip

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, -(10**30), 1e308, -0.0, "", "x", "\ud800", "\u2028\x00\x1b[31m", [],
    [[]], [None], {}, {"": {}}, {"x": [1]}, [1, "2", {"3": 4}], "9" * 400, 2**62, 2**63, 1.5,
)  # fmt: skip


def damage(directory: Path, random: Random) -> str:
    """Damage one or two files, and say how."""
    return "; ".join(_one(directory, random) for _ in range(random.choice((1, 1, 2))))


def _one(directory: Path, random: Random) -> str:
    name = random.choice(FILES)
    path = directory / name
    way = random.choice(_WAYS)
    if not path.exists() or path.is_dir():
        way = random.choice((_garbage, _directory))
    if path.is_dir():
        for log in path.iterdir():
            log.unlink() if log.is_file() else log.rmdir()
        path.rmdir()
    way(path, random)
    return f"{way.__name__} {name}"


def _remove(path: Path, random: Random) -> None:
    path.unlink(missing_ok=True)


def _empty(path: Path, random: Random) -> None:
    path.write_bytes(b"")


def _cut(path: Path, random: Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: random.randrange(len(data) + 1)])


def _garbage(path: Path, random: Random) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(random.randbytes(random.randrange(500)))


def _flip(path: Path, random: Random) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(random.randrange(1, 20) if data else 0):
        data[random.randrange(len(data))] = random.randrange(256)
    path.write_bytes(bytes(data))


def _directory(path: Path, random: Random) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def _deep(path: Path, random: Random) -> None:
    path.write_bytes(random.choice((b"[", b'{"a":')) * 200_000)


def _other_version(path: Path, random: Random) -> None:
    version = random.choice((b'"version": 2', b'"version": "x"', b'"version": 1e9', b'"v": 1'))
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"version": 1', version).replace(b'"version":1', version))


def _odd_value(path: Path, random: Random) -> None:
    """Put something of another type in the place of one value, of a line or of the whole file."""
    lines = path.read_text("utf-8", "replace").splitlines() if path.suffix == ".jsonl" else []
    number = random.randrange(len(lines)) if lines else 0
    try:
        data = json.loads(lines[number] if lines else path.read_bytes())
    except ValueError:
        return _garbage(path, random)
    changed = json.dumps(_replaced(data, random))
    if lines:
        lines[number] = changed
        changed = "\n".join(lines) + "\n"
    path.write_text(changed)
    return None


def _replaced(data: Any, random: Random) -> Any:
    if isinstance(data, dict) and data and random.random() < 0.9:
        name = random.choice(list(data))
        if random.random() < 0.1:
            return {key: value for key, value in data.items() if key != name}
        return {**data, name: _replaced(data[name], random)}
    if isinstance(data, list) and data and random.random() < 0.8:
        at = random.randrange(len(data))
        return [*data[:at], _replaced(data[at], random), *data[at + 1 :]]
    return random.choice(ODD)


def _lines_mixed(path: Path, random: Random) -> None:
    """Lines lost, doubled and in another order."""
    lines = path.read_bytes().splitlines(keepends=True)
    for _ in range(random.randrange(1, 6) if lines else 0):
        at = random.randrange(len(lines))
        lines[at : at + 1] = random.choice(([], [lines[at]] * 2, [random.choice(lines)]))
        if not lines:
            break
    path.write_bytes(b"".join(lines))


_WAYS: tuple[Callable[[Path, Random], None], ...] = (
    _remove, _empty, _cut, _garbage, _flip, _directory, _deep, _other_version, _odd_value,
    _odd_value, _odd_value, _odd_value, _odd_value, _lines_mixed,
)  # fmt: skip
