"""Writes the history down as it happens: an event a line, each handed to the kernel at once.

An invocation's line is written before its request is sent, and a completion is stamped before
anything else is done with the answer, so that intervals are as tight as is true. A killed harness
leaves a file that can still be judged: what was written is the kernel's already.

The recorder trusts no caller. It refuses a clock that goes back, and a process that calls out of
turn or again after an `info`; it counts what it wrote, which completions came late, and which nodes
were asked, so that the judge can compare (`harness.trust`).
"""

import errno
import os
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from checker.history import VERSION
from checker.online import Online
from checker.operation import Outcome
from harness.clock import MILLISECOND_NS, Clock
from harness.errors import HarnessError
from workloads.workload import Call

LATE_NS = 20 * MILLISECOND_NS
"""A completion that is recorded so long after its answer came is late. What holds up an event loop
that is not overloaded is much less."""


@dataclass(frozen=True, slots=True)
class Completion:
    """How an operation ended.

    `node` answered it; `asked` are the nodes that it was sent to, in order, and `heard` those of
    them that answered anything. `error` is the word of the refusal or of the reason for which no
    answer came. `answered_ns` is the moment at which the answer was there, or given up.
    """

    outcome: Outcome
    result: Any = None
    node: str | None = None
    error: str | None = None
    heard: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    answered_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Struck:
    """What came of the injection of a fault.

    `detail` says what was done. `applied` is whether the environment showed an effect, None where
    it was not asked; `nodes` are those that it struck, and `seen` is how it was seen.
    """

    detail: str
    applied: bool | None = None
    nodes: tuple[str, ...] = ()
    seen: str = ""


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
        self.invoked = self.late = 0
        """How many operations were begun, and how many were recorded late (`LATE_NS`)."""

        self.asked: dict[str, Counter[str]] = {}
        """How often each node was asked, by phase."""

        self._latest_ns = 0
        self._open: set[int] = set()
        self._ended: set[int] = set()
        self._write({"labrys": "history", "version": VERSION})

    def invoke(self, process: int, call: Call) -> None:
        """A process is about to make a call. It must have none open, and no `info` behind it."""
        if process in self._open or process in self._ended:
            before = "has one open" if process in self._open else "does not know how its last ended"
            raise HarnessError(
                f"process {process} began an operation while it {before}, which no process may: "
                "report this error of the harness"
            )
        self._open.add(process)
        self.invoked += 1
        event = {
            "type": "invoke",
            "process": process,
            "function": call.function,
            "key": call.key,
            "argument": call.argument,
            "time_ns": self._stamp(),
        }
        self._write(event)
        if self.online is not None:
            self.online.invoke(process, call.function, call.key, call.argument)

    def complete(self, process: int, completion: Completion) -> None:
        """The open operation of a process ended."""
        if process not in self._open:
            raise HarnessError(
                f"process {process} completed an operation that it never began: "
                "report this error of the harness"
            )
        self._open.discard(process)
        if completion.outcome is Outcome.INFO:
            self._ended.add(process)
        now_ns = self._stamp()
        answered_ns = completion.answered_ns
        self.late += answered_ns is not None and now_ns - answered_ns > LATE_NS
        asked = self.asked.get(self.phase_name)
        if asked is None:
            asked = self.asked[self.phase_name] = Counter()
        for node in completion.asked:
            asked[node] += 1
        event: dict[str, Any] = {
            "type": completion.outcome.value,
            "process": process,
            "time_ns": now_ns,
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

    def inject(self, number: int, name: str, since_ns: int, struck: Struck) -> None:
        """A fault is now in force; its injection began at `since_ns`."""
        self.active_faults[number] = name
        event = {"type": "inject", "process": "nemesis", "fault": number, "name": name}
        known = {name: value for name, value in asdict(struck).items() if value is False or value}
        self._stamp()
        self._write({**event, **known, "time_ns": since_ns})

    def heal(
        self, number: int, met: int | None = None, nodes: tuple[str, ...] = (), seen: str = ""
    ) -> None:
        """A fault is healed; `met` is how often it met something, as the environment counted.

        `nodes` are those whose effect showed only after the injection, and `seen` is how."""
        self.active_faults.pop(number, None)
        event = {"type": "heal", "process": "nemesis", "fault": number}
        known: dict[str, Any] = {} if met is None else {"met": met}
        known |= {"nodes": nodes, "seen": seen} if seen else {}
        self._write({**event, **known, "time_ns": self._stamp()})

    def phase(self, name: str) -> None:
        self.phase_name = name
        self._write({"type": "phase", "process": "harness", "name": name, "time_ns": self._stamp()})

    def counted(self) -> dict[str, Any]:
        """What the judge compares the history with."""
        return {
            "operations": self.invoked,
            "completions": self.outcomes.total(),
            "outcomes": dict(self.outcomes),
            "late": self.late,
            "asked": {phase: dict(asked) for phase, asked in self.asked.items()},
        }

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _stamp(self) -> int:
        """Now; never before an earlier stamp."""
        now_ns = self._clock.now_ns()
        if now_ns < self._latest_ns:
            raise HarnessError(
                f"the run's clock went back by {self._latest_ns - now_ns} ns, so the order of "
                "events is not known: see to the clock of this machine, then run again"
            )
        self._latest_ns = now_ns
        return now_ns

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
            raise HarnessError(
                f"cannot write to {self._path}: {error.strerror or error}; the history up to here "
                "is kept: see to that, then run again"
            ) from error
