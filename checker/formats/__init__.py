"""Histories of this and other tools: tells from the content what a file is, and reads it."""

import gc
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from checker.formats.contents import HISTORIES, is_packed, read_path, unpacked
from checker.formats.keys import Keyed
from checker.formats.meaning import Meaning
from checker.history import History, MalformedHistory, Source

FORMATS = (
    "labrys", "edn", "jepsen-log", "jepsen-txt", "jepsen-store", "json", "operations", "porcupine",
)  # fmt: skip

LABRYS = "a history of Labrys"
LABRYS_EXAMPLE = '{"labrys":"history","version":1}, and then one event a line'
NOTHING = "an empty file"

BEGINNING_BYTES = 1 << 20
"""How much of a file must tell what it is; a log may have much else before its first event."""

LOG_BEGINNING_BYTES = 32 << 20


@dataclass(frozen=True)
class Taking:
    """How a history is to be taken: what its calls mean, and whether its values name keys."""

    meaning: Meaning = field(default_factory=Meaning)
    keyed: Keyed = Keyed.AUTO


def read(
    path: str | Path,
    format: str = "auto",  # noqa: A002
    model: str | None = None,
    taking: Taking | None = None,
) -> History:
    """Read a history, or that of a directory; raises `MalformedHistory` or `OSError`.

    `format` is one of `FORMATS`, or "auto" to tell it from the content. `model` is the name of the
    model that the history will be judged by: it decides what some calls of other tools mean (see
    `checker.formats.meaning`). A directory is one of a run, or one in which Jepsen stored a test.
    """
    if format != "auto" and format not in FORMATS:
        raise MalformedHistory(f"{format!r} is not a format; choose one of {', '.join(FORMATS)}")
    taking = taking or Taking(Meaning(model=model))
    history = _read_path(Path(path), format, taking)
    if taking.meaning.of_one_object:
        from checker.formats.one_object import as_one_object

        return as_one_object(history)
    return history


def _read_path(path: Path, format: str, taking: Taking) -> History:  # noqa: A002
    if path.is_dir():
        return _read_directory(path, format, taking)
    with path.open("rb") as file:
        beginning = file.read(4096) if file.seekable() else b""
    if format in ("auto", "labrys") and _is_labrys(beginning):
        # Our own format is read by the line, since it may be longer than all others.
        with path.open("rb") as lines:
            return _labrys(lines, taking)
    return read_content(read_path(path), format, taking)


def read_content(data: bytes, format: str = "auto", taking: Taking | None = None) -> History:  # noqa: A002
    """The history in these bytes, as of a file; they may be compressed."""
    taking = taking or Taking()
    data = unpacked(data) if is_packed(data) else data
    data = data.removeprefix(b"\xef\xbb\xbf")
    if format == "auto" and not data.strip():
        return History(source=Source(NOTHING))
    with _no_collections():
        if format == "labrys" or (format == "auto" and _is_labrys(data[:4096])):
            return _labrys(io.BytesIO(data), taking)
        if format == "jepsen-store" or (format == "auto" and data.startswith(b"JEPSEN")):
            return _foreign("jepsen-store", data, taking)
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise MalformedHistory(_not_text(data, error)) from None
        return _foreign(_recognised(text) if format == "auto" else format, text, taking)


def _is_labrys(beginning: bytes) -> bool:
    line = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    return line.startswith(b"{") and b'"labrys"' in line and line.rstrip().endswith(b"}")


def _labrys(lines: BinaryIO, taking: Taking) -> History:
    from checker.formats.renaming import retaken

    history = History.from_lines(lines)
    return retaken(history, taking.meaning, Source(LABRYS))


def _read_directory(path: Path, format: str, taking: Taking) -> History:  # noqa: A002
    """The history of a run, or of a directory in which Jepsen stored a test."""
    from checker.formats.jepsen_results import stored_verdict

    names = [name for name in HISTORIES if (path / name).is_file()]
    if not names:
        raise MalformedHistory(
            f"the directory holds no history; one of {', '.join(HISTORIES)} must be in it"
        )
    if names[0] == "history.jsonl":
        return read(path / names[0], format, taking=taking)
    refused: list[str] = []
    for name in names:
        try:
            history = read(path / name, format, taking=taking)
        except MalformedHistory as error:
            refused.append(f"{name}: {error}")
            continue
        source = history.source or Source(name)
        valid = source.valid if source.valid is not None else stored_verdict(path)
        notes = (f"{name} of the directory was read", *(f"not {r}" for r in refused), *source.notes)
        history.source = replace(source, valid=valid, notes=notes)
        return history
    raise MalformedHistory("; ".join(refused))


def _recognised(text: str) -> str:
    """The format of a text; raises `MalformedHistory` with all that there are."""
    from checker.formats import console, jepsen_edn, tabbed

    beginning = text[:BEGINNING_BYTES]
    first = _first_json(text)
    if isinstance(first, dict):
        from checker.formats import json_events, operations, porcupine

        if json_events.recognises(first):
            return "json"
        if operations.recognises(first):
            return "operations"
        if porcupine.recognises(first):
            return "porcupine"
    if tabbed.recognises(beginning):
        return "jepsen-txt"
    if jepsen_edn.recognises(beginning) and not isinstance(first, dict):
        return "edn"
    if console.recognises(text[:LOG_BEGINNING_BYTES]):
        return "jepsen-log"
    raise MalformedHistory(_unknown(text))


def _first_json(text: str) -> Any:
    """The first value of a text that begins as JSON does, or the first in its array, else None."""
    start = text[:64].lstrip()
    if start[:1] not in ("{", "["):
        return None
    from checker.formats.json_values import first_value

    return first_value(text)


def _foreign(form: str, content: Any, taking: Taking) -> History:
    """Read what another tool wrote."""
    meaning = taking.meaning
    if form == "operations":
        from checker.formats import operations

        return operations.read(content, meaning)
    if form == "porcupine":
        from checker.formats import porcupine

        return porcupine.read(content, meaning)
    from checker.formats import console, jepsen_edn, jepsen_store, joining, json_events, tabbed

    readers: dict[str, Any] = {
        "edn": jepsen_edn, "jepsen-log": console, "jepsen-txt": tabbed, "json": json_events,
        "jepsen-store": jepsen_store,
    }  # fmt: skip
    reader = readers[form]
    return joining.join(reader.read(content), reader.NAME, meaning, taking.keyed)


def _unknown(text: str) -> str:
    """That a text is nothing that can be read, with an example of all that is."""
    first = next((line.strip() for line in text[:4096].splitlines() if line.strip()), "")
    listed = "".join(f"\n  {name}: {example}" for name, example in examples())
    return (
        f"this is not a history that can be read; it begins with {first[:80]!r}. "
        f"What can be read:{listed}"
    )


def examples() -> Iterator[tuple[str, str]]:
    """Every format with an example of its lines."""
    from checker.formats import (
        console,
        etcd_robustness,
        jepsen_edn,
        jepsen_store,
        json_events,
        operations,
        porcupine,
        tabbed,
    )

    yield LABRYS, LABRYS_EXAMPLE
    modules = (
        jepsen_edn, tabbed, console, jepsen_store, json_events, operations, porcupine,
        etcd_robustness,
    )  # fmt: skip
    for module in modules:
        yield module.NAME, module.EXAMPLE


def _not_text(data: bytes, error: UnicodeDecodeError) -> str:
    line = data.count(b"\n", 0, error.start) + 1
    return f"line {line}: the file is not text in UTF-8: {error.reason} at byte {error.start}"


@contextmanager
def _no_collections() -> Iterator[None]:
    """Without Python's search for circles, which a million new events would set off again and
    again, and which finds none among them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
