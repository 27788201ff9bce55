"""What a person sees while a run goes on; nothing where standard error is not a terminal."""

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.config import RunConfig
from harness.recorder import Recorder

WINDOW_S = 2.0
"""Operations a second are counted over so long."""


class _Line:
    """One line, redrawn several times a second from the recorder's counters."""

    def __init__(self, config: RunConfig, recorder: Recorder) -> None:
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
        faults = ", ".join(self._recorder.active_faults.values()) or "none"
        return Text.assemble(
            (f"{self._config.system} · {self._config.environment} ", "bold"),
            f"{now - self._began:4.0f} s  {self._recorder.phase_name or 'prepare':<11} ",
            f"{rate:6,.0f} ok/s ",
            *(f" {counts[outcome]:,} {outcome}" for outcome in ("ok", "fail", "info")),
            ("  faults: " + faults, "yellow" if faults != "none" else "dim"),
        )


@contextlib.contextmanager
def shown(config: RunConfig, recorder: Recorder) -> Iterator[None]:
    """Show the run's progress on standard error, if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    line = _Line(config, recorder)
    with Live(get_renderable=line.draw, console=console, refresh_per_second=5, transient=True):
        yield
