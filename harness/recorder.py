"""Writes the history down as it happens: an event a line, each handed to the kernel at once.

An invocation's line is written before its request is sent, and a completion is stamped before
anything else is done with the answer, so that intervals are as tight as is true. A killed harness
leaves a file that can still be judged: what was written is the kernel's already.
"""

import errno
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from checker.history import VERSION
from checker.online import Online
from checker.operation import Outcome
from harness.clock import Clock
from harness.errors import HarnessError
from workloads.workload import Call


@dataclass(frozen=True, slots=True)
class Completion:
    """How an operation ended.

    `node` answered it; `heard` are all the nodes that answered anything while it was tried, and
    `error` is the word of the refusal or of the reason for which no answer came.
    """

    outcome: Outcome
    result: Any = None
    node: str | None = None
    error: str | None = None
    heard: tuple[str, ...] = ()


class Recorder:
    """Appends events to one history file, in one total order: that of the calls to this object."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Create the file, which must not exist yet."""
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._begin(clock)

    def _begin(self, clock: Clock) -> None:
        self._clock = clock
        self._encode = msgspec.json.Encoder().encode
        self.outcomes: Counter[str] = Counter()
        self.active_faults: dict[int, str] = {}
        self.phase_name = ""
        self.online: Online | None = None
        self._write({"labrys": "history", "version": VERSION})

    def invoke(self, process: int, call: Call) -> None:
        event = {
            "type": "invoke",
            "process": process,
            "function": call.function,
            "key": call.key,
            "argument": call.argument,
            "time_ns": self._clock.now_ns(),
        }
        self._write(event)
        if self.online is not None:
            self.online.invoke(process, call.function, call.key, call.argument)

    def complete(self, process: int, completion: Completion) -> None:
        event: dict[str, Any] = {
            "type": completion.outcome.value,
            "process": process,
            "time_ns": self._clock.now_ns(),
        }
        if completion.outcome is Outcome.OK:
            event["result"] = completion.result
        if completion.node is not None:
            event["node"] = completion.node
        if completion.error is not None:
            event["error"] = completion.error
        self.outcomes[event["type"]] += 1
        self._write(event)
        if self.online is not None:
            self.online.complete(process, completion.outcome, completion.result)

    def inject(self, number: int, name: str, detail: str, since_ns: int) -> None:
        """A fault is now in force; its injection began at `since_ns`."""
        self.active_faults[number] = name
        event = {"type": "inject", "process": "nemesis", "fault": number, "name": name}
        self._write({**event, "detail": detail, "time_ns": since_ns})

    def heal(self, number: int) -> None:
        self.active_faults.pop(number, None)
        event = {"type": "heal", "process": "nemesis", "fault": number}
        self._write({**event, "time_ns": self._clock.now_ns()})

    def phase(self, name: str) -> None:
        self.phase_name = name
        self._write(
            {"type": "phase", "process": "harness", "name": name, "time_ns": self._clock.now_ns()}
        )

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, event: dict[str, Any]) -> None:
        self._put(self._encode(event) + b"\n")

    def _put(self, line: bytes) -> None:
        """Hand a line to the kernel."""
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise HarnessError(
                    f"the disk under {self._path.parent} is full; the history up to here is kept: "
                    "make room and run again"
                ) from error
            raise
