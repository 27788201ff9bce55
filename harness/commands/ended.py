"""What every command does with a run that has ended: judge it, write its page, tell of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.commands.output import say, talks
from harness.errors import STATUS, HarnessError, UsageError

if TYPE_CHECKING:
    from harness.simulation.simulate import Simulated
    from harness.store import RunDirectory


def judge_and_render(directory: "RunDirectory", *, fresh: bool) -> dict[str, Any]:
    """Judge a run, write its page, and return what result.json says now.

    Of a `fresh` run the messages around the violation are kept as well, where they are known: of a
    simulated one and of one in maelstrom. Raises what `judged` raises, and `HarnessError` where
    something cannot be written.
    """
    from harness.judge import judged

    result = judged(directory)
    _keep(directory, result, fresh)
    return result


def _keep(directory: "RunDirectory", result: dict[str, Any], fresh: bool) -> None:
    """Write what was found into a run's directory, and its page."""
    from harness.logged_messages import keep_logged_messages
    from harness.simulation.messages import keep_messages
    from harness.store import unwritten
    from reports.page import render

    directory.write_json("result.json", result)
    if fresh:
        keep_messages(directory)
        keep_logged_messages(directory)
    try:
        render(directory.path)
    except OSError as error:
        raise unwritten(directory.report, error) from error


def store_and_render(
    store: Path, simulated: "Simulated", label: str, origin: Path | None = None
) -> Path:
    """Keep a simulated run, its verdict and its page; `origin` is what it was shrunk from."""
    from harness.simulation.stored import store_run

    beside = {} if origin is None else {"shrunk_from": str(origin)}
    safe = label.replace(":", ".").replace("/", ".")
    directory = store_run(store, simulated, safe, beside=beside)
    judge_and_render(directory, fresh=True)
    return directory.path


def judge_and_tell(
    path: Path, as_json: bool, *, fresh: bool = False, certify: bool = True, jobs: int = 1
) -> int:
    """Judge a stored run, write its page, print the outcome, and return the exit status.

    The verdict stands where it cannot be written down, which is a warning.
    """
    from checker.history import MalformedHistory
    from harness.judge import judged
    from harness.store import RunDirectory

    directory = RunDirectory(path)
    try:
        result = judged(directory, certify=certify, jobs=jobs)
    except MalformedHistory as error:
        if fresh:
            raise HarnessError(
                f"the harness recorded what is no history, {path / 'history.jsonl'}: {error}; "
                "report this error of the harness"
            ) from error
        raise UsageError(f"{path / 'history.jsonl'}: {error}") from error
    try:
        _keep(directory, result, fresh)
    except HarnessError as error:
        say(f"the verdict stands, and is not kept: {error}")
    if as_json:
        print(json.dumps(_outcome(path, result)))
    else:
        _tell(path, result)
    return STATUS[result["verdict"]]


def _outcome(path: Path, result: dict[str, Any]) -> dict[str, Any]:
    """What a run's JSON holds."""
    from harness.judge import read_json

    described = read_json(path / "run.json")
    return {
        "verdict": result["verdict"],
        "reason": result["reason"],
        **{name: described[name] for name in ("name", "system", "workload", "environment", "seed")},
        "reproduce": described["reproduce"],
        "anomaly": result["anomaly"],
        "algorithm": result["linearizability"]["algorithm"],
        "statistics": result["statistics"],
        "gates": result["gates"],
        "requirements": result["requirements"],
        "liveness": result["liveness"],
        "findings": result["findings"],
        "faults": sorted({fault["name"] for fault in described["schedule"]}),
        "seconds": result["seconds"],
        "paths": {
            "run": str(path),
            "history": str(path / "history.jsonl"),
            "report": str(path / "report.html"),
        },
    }


def _tell(path: Path, result: dict[str, Any]) -> None:
    """Print what a run says last, in colour on a terminal."""
    from rich.console import Console
    from rich.text import Text

    from reports.summary import summarize_run

    colours = {"✔": "green", "✘": "red", "?": "yellow"}
    console = Console(highlight=False, soft_wrap=True)
    lines = summarize_run(path, result).splitlines()
    if not talks():
        lines = [line for line in lines if line[:1] in (*colours, "–")][:1]
    for line in lines:
        console.print(Text(line, style=colours.get(line[:1], "")))
