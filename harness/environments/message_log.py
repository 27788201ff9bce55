"""The messages of a run as they went, in a file of bounded size beside the history.

A line is a message once its fate is known, or a mark: something that happened to a node. The file
has two halves; when the newer one is full, the older one is thrown away.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from checker.files import regular

MESSAGES = "messages.jsonl"
HALF_BYTES = 16 << 20
TEXT_MAX = 160


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message, as messages.json has it. It `matters` where it is no repetition."""

    source: str
    target: str
    sent_ns: int
    arrived_ns: int | None
    lost: str
    matters: bool
    kind: str
    text: str


class MessageLog:
    """Writes messages and marks down until it is closed; what comes later is not wanted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closed = False
        self._file: IO[bytes] | None = None
        self._bytes = 0
        self._last: dict[tuple[str, str, str], str] = {}

    def message(
        self, ends: tuple[str, str], body: Any, kind: str, times: tuple[int, int | None], lost: str
    ) -> None:
        """A message of this body went from one of the ends to the other, or was lost."""
        text = msgspec.json.encode(body).decode("utf-8", "replace")[: TEXT_MAX * 2]
        text = text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"
        said = {name: body[name] for name in body if name not in ("msg_id", "in_reply_to")}
        before, now = self._last.get((*ends, kind)), repr(said)[:1000]
        self._last[*ends, kind] = now
        self._write(SentMessage(*ends, *times, lost, now != before, kind, text))

    def mark(self, node: str, text: str, time_ns: int) -> None:
        """Something changed in a node."""
        self._write({"node": node, "time_ns": time_ns, "text": text})

    def close(self) -> None:
        self._closed = True
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, entry: Any) -> None:
        if self._closed:
            return
        if self._file is None:
            self._file = self._path.open("wb")
        line = msgspec.json.encode(entry) + b"\n"
        self._bytes += len(line)
        if self._bytes > HALF_BYTES:
            self._file.close()
            os.replace(self._path, _older(self._path))
            self._file = self._path.open("wb")
            self._bytes = len(line)
        self._file.write(line)


def read_messages(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log, the older half first; what is damaged is passed over."""
    for half in (_older(path), path):
        try:
            lines = regular(half).read_bytes().splitlines()
        except OSError:
            continue
        for line in lines:
            try:
                entry = msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError):
                continue
            if isinstance(entry, dict):
                yield entry


def _older(path: Path) -> Path:
    return path.with_name(path.name + ".1")
