"""The page of a night: what failed and how to repeat it first, then the matrix, then every run.

Written to be read on a phone in a minute. Names, reasons and seeds come from plans and runs: they
are texts to this page, whatever they hold.
"""

import shlex
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from checker.files import write_whole
from checker.wording import plural
from reports.argument import argument
from reports.assets import environment, policy, source
from reports.failures import failure_of, failures_of, inside, memory, rank, state
from reports.outcomes import DOUBT, GOOD, NIGHTS, bad_first, look
from reports.stored import find, number
from reports.stored_night import amount, cell_name, cells_of, read_night, row_name, runs_of
from reports.wording import count, duration, plain

TROUBLES_MAX = 12

RUNS_MAX = 12
"""This many runs of a cell are listed; all are in night.json."""


def rewrite(directory: Path) -> Path:
    """Write a stored night's page again and return its path.

    Raises `NotARun` where there is no night, and `OSError` where the page cannot be written.
    """
    path = directory / "index.html"
    write_whole(path, render_night(directory))
    return path


def render_night(directory: Path) -> bytes:
    """The page of the night that a directory holds; raises `reports.stored.NotARun` for none."""
    night = read_night(directory)
    runs = {run.get("number"): run for run in runs_of(night)}
    status = night.get("status")
    glyph, tone = NIGHTS.get(status, ("?", DOUBT)) if isinstance(status, int) else ("?", DOUBT)
    if night.get("ended") != "whole" and tone == GOOD:
        glyph, tone = "…", DOUBT
    cells = [_cell(cell, runs, position) for position, cell in enumerate(cells_of(night), 1)]
    for cell in cells:
        cell |= _memory(night, cell["stored"])
    before = [_run(run) | _memory(night, run) for run in runs.values() if run.get("corpus")]
    red = [item for item in [*before, *cells] if item["tone"] != GOOD]
    troubles = sorted(red, key=lambda item: rank(item["outcome"], item["state"]))
    sentence = plain(night.get("sentence") or "", 1000)
    script = source("shared.js") + source("night.js")
    page = environment().get_template("night.html.j2").render(
        title=f"{glyph} {sentence}"[:120],
        glyph=glyph,
        tone=tone,
        sentence=sentence,
        again=plain(night.get("again") or "", 2000),
        exact=night.get("exact") is not False,
        facts=_facts(night, cells),
        troubles=[item | argument(directory, item["run"]) for item in troubles[:TROUBLES_MAX]],
        more=len(troubles) - TROUBLES_MAX if len(troubles) > TROUBLES_MAX else 0,
        tables=[*_tables([cell for cell in cells if not cell["canary"]]), *_canaries(cells)],
        before=before,
        left_out=len(find(night, list, "left_out") or ()),
        notes=[plain(note, 1000) for note in find(night, list, "notes") or ()],
        cells=bad_first(cells),
        setting=_setting(night),
        styles=Markup(source("page.css") + source("night.css")),
        script=Markup(script),
        policy=policy([script]),
    )  # fmt: skip
    return page.encode("utf-8", "replace")


def _cell(cell: dict[str, Any], runs: dict[Any, dict[str, Any]], anchor: int) -> dict[str, Any]:
    """A cell with all that is shown of it; its reason is that of the run that decided it."""
    own = [runs[n] for n in find(cell, list, "runs") or () if n in runs]
    outcome = cell.get("outcome")
    wanted = ("failed otherwise", "pass") if outcome == "canary missed" else (outcome,)
    shown = next((_run(run) for one in wanted for run in own if run.get("outcome") == one), None)
    total = sum(map(amount, own))
    found_s = [s for run in own if (s := number(run, "found_s")) is not None]
    listed = [_run(run) for run in bad_first(own)[:RUNS_MAX]]
    return {
        **_look(outcome),
        "name": cell_name(cell),
        "row": row_name(cell),
        "column": plain(cell.get("faults"), 60),
        "environment": plain(cell.get("environment"), 60),
        "canary": bool(cell.get("canary")),
        "anchor": anchor,
        "text": f"in {duration(found_s[0] * 1e9)}" if found_s else count(total) if own else "",
        "stored": cell,
        "reason": _reason(shown, outcome),
        "run": shown["run"] if shown else None,
        "recorded": shown["recorded"] if shown and cell.get("environment") != "simulated" else "",
        "again": shown["again"] if shown else "",
        "links": shown["links"] if shown else [],
        "runs": listed,
        "cut": max(len(own) - RUNS_MAX, 0),
    }


def _memory(night: dict[str, Any], stored: dict[str, Any]) -> dict[str, str]:
    """What earlier nights knew of a cell's failure, or a run's."""
    failure = failure_of(night, stored) if look(stored.get("outcome")).tone != GOOD else None
    return {"state": state(failure), "memory": memory(failure)}


def _reason(shown: dict[str, Any] | None, outcome: Any) -> str:
    reason = str(shown["reason"]) if shown else ""
    if outcome == "canary missed" and reason:
        return f"It failed, but by none of what its flaw is declared to show: {reason}"
    return reason or _why(outcome)


def _why(outcome: Any) -> str:
    """What is to be said where no run says it."""
    return {
        "not run": "The budget, or the night, ended before its turn.",
        "canary missed": "It is flawed on purpose, and no run of tonight has shown it: "
        "either its flaw is gone, or the harness no longer sees it.",
    }.get(str(outcome), "")


def _run(run: dict[str, Any]) -> dict[str, Any]:
    outcome = run.get("outcome")
    name = cell_name(run) + (f" · seed {plain(run.get('seed'), 40)}" if run.get("corpus") else "")
    return {
        **_look(outcome),
        "name": name,
        "reason": plain(run.get("reason") or "", 600),
        "run": run["run"] if inside(run.get("run")) else None,
        "recorded": f"labrys check {shlex.quote(run['run'])}" if inside(run.get("run")) else "",
        "again": plain(run.get("again") or "", 2000),
        "seed": plain(run.get("seed"), 40),
        "amount": plural(amount(run), "seed") if amount(run) != 1 else "",
        "took": duration((number(run, "seconds") or 0.0) * 1e9),
        "links": _links(run),
    }


def _look(outcome: Any) -> dict[str, str]:
    shown = look(outcome)
    return {"outcome": plain(outcome, 60), "glyph": shown.glyph, "tone": shown.tone}


def _links(run: dict[str, Any]) -> list[tuple[str, str]]:
    """The files that a run left, by addresses relative to this page and below it."""
    if not inside(run.get("run")):
        return []
    return [
        (name, f"{quote(run['run'])}/{file}")
        for name, file in (("page", "report.html"), ("history", "history.jsonl"))
    ]


def _facts(night: dict[str, Any], cells: list[dict[str, Any]]) -> list[str]:
    minutes, seconds = divmod(round(number(night, "seconds") or 0.0), 60)
    took = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    began = plain(night.get("began") or "", 40).replace("T", " ").replace("+00:00", " UTC")
    canaries = [cell for cell in cells if cell["canary"]]
    caught = sum(cell["outcome"] == "caught" for cell in canaries)
    good = sum(cell["tone"] == GOOD for cell in cells)
    states = Counter(word for failure in failures_of(night) if (word := state(failure)))
    failed = ", ".join(f"{states[word]} {word}" for word in ("new", "flaky", "known")
                       if states[word])  # fmt: skip
    return [
        f"{began}, {took}",
        f"{good} of {plural(len(cells), 'cell')} green",
        *([f"{plural(states.total(), 'failure')}: {failed}"] if failed else []),
        f"{caught} of {len(canaries)} {'canary' if len(canaries) == 1 else 'canaries'} caught",
        plural(sum(map(amount, runs_of(night))), "run"),
    ]


def _tables(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A table for each environment, with a row for each system; what is red comes first."""
    tables = []
    for environment_name in dict.fromkeys(cell["environment"] for cell in bad_first(cells)):
        own = [cell for cell in cells if cell["environment"] == environment_name]
        columns = list(dict.fromkeys(cell["column"] for cell in own))
        rows = [
            {
                "name": name,
                "cells": [
                    next((c for c in own if (c["row"], c["column"]) == (name, column)), None)
                    for column in columns
                ],
            }
            for name in dict.fromkeys(cell["row"] for cell in bad_first(own))
        ]
        tables.append(
            {"name": environment_name, "corner": "system", "columns": columns, "rows": rows}
        )
    return tables


def _canaries(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One table of the canaries, with a column for each environment."""
    own = [cell for cell in cells if cell["canary"]]
    columns = list(dict.fromkeys(cell["environment"] for cell in own))
    places = Counter((cell["row"], cell["environment"]) for cell in own)
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for cell in bad_first(own):
        twice = places[cell["row"], cell["environment"]] > 1
        name = f"{cell['row']}, {cell['column']}" if twice else cell["row"]
        rows.setdefault(name, {})[cell["environment"]] = cell
    table = {
        "name": "Canaries: flawed on purpose, to be caught",
        "corner": "canary",
        "columns": columns,
        "rows": [
            {"name": name, "cells": [row.get(column) for column in columns]}
            for name, row in rows.items()
        ],
    }
    return [table] if own else []


def _setting(night: dict[str, Any]) -> list[tuple[str, str]]:
    budget = duration((number(night, "budget_s") or 0.0) * 1e9)
    rows = [("plan", night.get("plan")), ("budget", budget), ("seed", night.get("seed"))]
    rows += sorted((find(night, dict, "versions") or {}).items())
    rows += sorted((find(night, dict, "machine") or {}).items())
    return [(plain(name, 60), plain(value, 200)) for name, value in rows]
