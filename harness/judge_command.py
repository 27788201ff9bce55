"""Judges a run and writes its page: what every command does with a run that has ended."""

from typing import Any

from harness.judge import judge
from harness.simulation.messages import keep_messages
from harness.store import RunDirectory
from reports.page import render


def judge_and_render(directory: RunDirectory, *, fresh: bool) -> dict[str, Any]:
    """Judge a run, write its page, and return what result.json says now.

    Of a `fresh` run that was simulated the messages around the violation are kept as well. Raises
    what `judge` and `render` raise.
    """
    result = judge(directory)
    if fresh:
        keep_messages(directory)
    render(directory.path)
    return result
