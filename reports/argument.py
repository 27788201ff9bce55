"""Why a stored run is invalid, in lines of text: its operations, and the sentences about them."""

import contextlib
import json
from pathlib import Path

from checker.files import regular
from reports.diagram import counterexample
from reports.stored import find

LINES_MAX = 8
"""How many operations, and how many sentences, are given; the run's page has all."""


def argument(directory: Path | None, run: str | None) -> dict[str, list[str]]:
    """The `steps` and `sentences` of a run below a night's directory; none where it holds none."""
    shown = None
    if directory is not None and run is not None:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            result = json.loads(regular(directory / run / "result.json").read_bytes())
            shown = counterexample(find(result, dict, "linearizability") or {})
    if shown is None:
        return {"steps": [], "sentences": []}
    node = {step.number: f", node {step.node}" if step.node else "" for step in shown.steps}
    return {
        "steps": [
            f"process {step.process} {step.predicate}, {step.told}, {step.outcome}"
            f"{node[step.number]}"
            for step in shown.steps[:LINES_MAX]
        ],
        "sentences": [sentence.text for sentence in shown.sentences[:LINES_MAX]],
    }
