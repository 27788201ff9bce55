"""A night in Markdown, for the page of a CI job: under 60 lines, however many cells there are."""

from typing import Any

from checker.wording import plural
from reports.failures import failure_of, memory, page_of, rank, state
from reports.outcomes import GOOD, NIGHTS, bad_first, look
from reports.stored import find
from reports.stored_night import amount, cell_name, cells_of, row_name, runs_of
from reports.wording import count, plain

LINES_MAX = 55
TROUBLES_MAX = 10
ROWS_MAX = 26

_SPECIAL = "\\`*_{}[]<>()#+-.!|~&@$:"


def markdown(night: dict[str, Any]) -> str:
    """The summary of a night, from the values of its night.json."""
    status = night.get("status")
    glyph, _ = NIGHTS.get(status, ("?", "")) if isinstance(status, int) else ("?", "")
    runs = {run.get("number"): run for run in runs_of(night)}
    lines = [f"## {glyph} {escaped(night.get('sentence'), 600)}", ""]
    if night.get("again"):
        lines += [*fenced(night["again"]), ""]
    before = [run for run in runs.values() if run.get("corpus")]
    troubles = [item for item in [*cells_of(night), *before]
                if look(item.get("outcome")).tone != GOOD]  # fmt: skip
    troubles.sort(key=lambda item: rank(item.get("outcome"), state(failure_of(night, item))))
    lines += [_trouble(night, item, runs) for item in troubles[:TROUBLES_MAX]]
    if len(troubles) > TROUBLES_MAX:
        lines.append(f"- and {len(troubles) - TROUBLES_MAX} more that are not green")
    lines += ["", *_matrix(cells_of(night), runs)]
    if before:
        passed = sum(look(run.get("outcome")).tone == GOOD for run in before)
        lines += ["", f"Seeds that failed before: {passed} of {len(before)} pass now."]
    assert len(lines) <= LINES_MAX
    return "\n".join(lines) + "\n"


def _trouble(night: dict[str, Any], item: dict[str, Any], runs: dict[Any, dict[str, Any]]) -> str:
    """A cell or a seed that is not green, with what earlier nights knew of its failure."""
    failure = failure_of(night, item)
    reason = _reason(item, runs)
    said = f"- {look(item.get('outcome')).glyph} **{escaped(item.get('outcome'), 40)}** "
    said += escaped(cell_name(item)) + (f": {escaped(reason, 300)}" if reason else "")
    page = page_of(night, find(failure, str, "run"))
    if page.startswith("http"):
        said += f" ([page]({page}))"
    return said + (f" **{escaped(memory(failure), 300)}**" if memory(failure) else "")


def fenced(text: Any) -> list[str]:
    """A command as a block of code, which nothing in it can end."""
    return ["```", " ".join(plain(text, 1000).replace("```", "'''").split()), "```"]


def escaped(data: Any, limit: int = 200) -> str:
    """A text in which no sign means anything to Markdown or HTML."""
    text = " ".join(plain(data or "", limit).split())
    return "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in text).replace(
        "\\<", "&lt;"
    )


def _reason(item: dict[str, Any], runs: dict[Any, dict[str, Any]]) -> str:
    """Why a cell is as it is: its own reason, or that of the run that made it so."""
    own = [runs[n] for n in find(item, list, "runs") or () if n in runs]
    shown = next((run for run in own if run.get("outcome") == item.get("outcome")), item)
    return plain(shown.get("reason") or "", 300)


def _matrix(cells: list[dict[str, Any]], runs: dict[Any, dict[str, Any]]) -> list[str]:
    """One table: a row for each system, a column for each environment."""
    columns = list(dict.fromkeys(plain(cell.get("environment"), 40) for cell in cells))[:8]
    rows: dict[str, dict[str, list[str]]] = {}
    for cell in bad_first(cells):
        name = row_name(cell) + " (canary)" * bool(cell.get("canary"))
        row = rows.setdefault(name, {})
        own = [runs[n] for n in find(cell, list, "runs") or () if n in runs]
        total = count(sum(map(amount, own)))
        shown = f"{look(cell.get('outcome')).glyph} {escaped(cell.get('faults'), 60)} ({total})"
        row.setdefault(plain(cell.get("environment"), 40), []).append(shown)
    head = " | ".join(escaped(name) for name in columns)
    lines = [f"| system | {head} |", "|---|" + "---|" * len(columns)]
    for name, row in list(rows.items())[:ROWS_MAX]:
        told = " | ".join("<br>".join(row.get(column, ["–"])) for column in columns)
        lines.append(f"| {escaped(name)} | {told} |")
    if len(rows) > ROWS_MAX:
        lines += ["", f"and {plural(len(rows) - ROWS_MAX, 'more system')}, on the night's page"]
    return lines
