"""What was run, where, and by what: the page's tables of names and values.

Of a program that is not ours they say what it is: its version, as asked of it, and its command
line.
"""

import shlex
from collections.abc import Iterable
from typing import Any

from reports.sections import ROWS_MAX
from reports.stored import StoredRun, find, number
from reports.wording import count, duration, plain, size

DOUBTS_MAX = 20


def tables(stored: StoredRun) -> list[tuple[str, list[tuple[str, str]]]]:
    """Configuration, versions, machine, cluster and times, each as rows of name and value."""
    run = stored.run
    identity = {name: run[name] for name in ("name", "began", "seed") if name in run}
    seconds = find(stored.result, dict, "seconds") or {}
    machine = dict(find(run, dict, "machine") or {})
    memory = number(machine, "memory_bytes")
    if memory is not None:
        machine = {**machine, "memory_bytes": f"{size(memory)} ({count(memory)} bytes)"}
    named = [
        ("Run", identity.items()),
        ("Configuration", stored.config.items()),
        ("Versions", (find(run, dict, "versions") or {}).items()),
        ("Machine", machine.items()),
        ("Cluster", _cluster(find(run, dict, "cluster") or {})),
        ("Time taken", _times(seconds)),
    ]
    return [(name, _rows(items)) for name, items in named if items]


def doubts(stored: StoredRun) -> list[tuple[str, str]]:
    """Why operations stayed in doubt, in the words of the driver, and how often."""
    found = find(stored.run, dict, "cluster", "doubts") or {}
    counted = [(why, n) for why, n in found.items() if isinstance(n, int)]
    counted.sort(key=lambda item: -item[1])
    return [(plain(why, 200), count(n)) for why, n in counted[:DOUBTS_MAX]]


def _cluster(cluster: dict[str, Any]) -> list[tuple[str, Any]]:
    """The cluster's description, with the command lines as one types them."""
    rows = [(name, data) for name, data in cluster.items() if name not in ("commands", "doubts")]
    rows.sort(key=lambda row: row[0] != "version")
    commands = find(cluster, dict, "commands") or {}
    for node, programs in commands.items():
        rows += [(f"command of {node}", _line(words)) for words in _lists(programs)]
    return rows


def _lists(programs: Any) -> list[list[Any]]:
    return [words for words in programs if isinstance(words, list)] if programs else []


def _line(words: list[Any]) -> str:
    return shlex.join(str(word) for word in words)


def _times(seconds: dict[str, Any]) -> list[tuple[str, str]]:
    known = {name: number(seconds, name) for name in seconds}
    return [(name, duration(s * 1e9)) for name, s in known.items() if s is not None]


def _rows(items: Iterable[tuple[str, Any]]) -> list[tuple[str, str]]:
    return [(plain(name, 120), value_of(data)) for name, data in list(items)[:ROWS_MAX]]


def value_of(data: Any) -> str:
    if data is None:
        return "none"
    if isinstance(data, bool):
        return "yes" if data else "no"
    if isinstance(data, list):
        return ", ".join(plain(item, 200) for item in data[:50])
    if isinstance(data, dict):
        return ", ".join(f"{name}: {plain(item, 200)}" for name, item in list(data.items())[:50])
    return plain(data, 1000)
