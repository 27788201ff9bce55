"""What a person sees while something goes on: a line on standard error.

On a terminal the line is redrawn in its place. Elsewhere, as in CI, it is printed now and then, so
that a log shows that something goes on, and what. With --quiet there is none, and with --json none
but on a terminal.
"""

import contextlib
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.commands import output

if TYPE_CHECKING:
    from harness.config import RunConfig
    from harness.recorder import Recorder

PAUSES_S = (15.0, 15.0, 30.0, 60.0)
"""Between lines in a log; the last of them again and again."""

WINDOW_S = 2.0
"""Operations a second are counted over so long."""


@contextlib.contextmanager
def telling(line: Callable[[], Text], *, live: bool = True) -> Iterator[None]:
    """Tell how far something has come while the context is open.

    `line` is asked from a thread of its own. Without `live` there is nothing on a terminal.
    """
    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        if console.is_terminal and live and not output.asked.quiet:
            stack.enter_context(
                Live(get_renderable=line, console=console, refresh_per_second=5, transient=True)
            )
        elif not console.is_terminal and output.talks():
            stack.enter_context(_in_a_log(line))
        yield


@contextlib.contextmanager
def _in_a_log(line: Callable[[], Text]) -> Iterator[None]:
    over = threading.Event()

    def tell() -> None:
        for pause_s in itertools.chain(PAUSES_S, itertools.repeat(PAUSES_S[-1])):
            if over.wait(pause_s):
                return
            print(line().plain, file=sys.stderr, flush=True)

    teller = threading.Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


@contextlib.contextmanager
def shown(config: "RunConfig", recorder: "Recorder") -> Iterator[None]:
    """Tell how far a run has come."""
    with telling(_Run(config, recorder).draw):
        yield


class _Run:
    """The line of a run, from the recorder's counters."""

    def __init__(self, config: "RunConfig", recorder: "Recorder") -> None:
        self._config = config
        self._recorder = recorder
        self._began = time.monotonic()
        self._seen: list[tuple[float, int]] = []

    def draw(self) -> Text:
        now = time.monotonic()
        counts = self._recorder.outcomes
        self._seen.append((now, counts["ok"]))
        while now - self._seen[0][0] > WINDOW_S:
            self._seen.pop(0)
        since, before = self._seen[0]
        rate = (counts["ok"] - before) / (now - since) if now > since else 0.0
        faults = ", ".join(tuple(self._recorder.active_faults.values())) or "none"
        return Text.assemble(
            (f"{self._config.system} · {self._config.environment} ", "bold"),
            f"{now - self._began:4.0f} s  {self._recorder.phase_name or 'prepare':<11} ",
            f"{rate:6,.0f} ok/s ",
            *(f" {counts[outcome]:,} {outcome}" for outcome in ("ok", "fail", "info")),
            ("  faults: " + faults, "yellow" if faults != "none" else "dim"),
        )
