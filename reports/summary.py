"""What a run says last on the terminal: verdict, reasons, report, and the line to repeat it.

Plain text from the files of a run directory; colour is the caller's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checker.files import is_regular
from checker.statistics import summarize
from checker.wording import plural
from reports import convincing, sections
from reports.diagram import Counterexample, counterexample
from reports.steps import Step
from reports.stored import StoredRun, find, number, objects, read_run
from reports.wording import count, duration, percent, plain

WORD = 13
"""The width of the first column: a glyph or two blanks, and a word."""


def summarize_run(run_directory: Path, result: dict[str, Any] | None = None) -> str:
    """The last words of a run, without a newline at the end; raises `reports.stored.NotARun`.

    A `result` takes the place of the one that is stored.
    """
    stored = read_run(run_directory, result)
    statistics = find(stored.result, dict, "statistics")
    if statistics is None:
        statistics = summarize(stored.history).to_json()
    lines = [" · ".join(sections.subtitle(stored))] if sections.subtitle(stored) else []
    lines += _verdict(stored, statistics)
    lines += [_line("", "problem", problem) for problem in stored.problems if stored.result]
    lines += _checks(stored)
    lines += [_required(one) for one in convincing.requirements(stored)]
    came = convincing.arrivals(stored)
    lines += [_line("", "open loop", f"{came[0]} from due to answered, {came[1]}")] if came else []
    strength = convincing.strength(stored)
    lines += [_line("", "strength", f"{strength[1]} convicted")] if strength else []
    faults = _faults(stored, statistics)
    lines += [_line("", "faults", faults)] if faults else []
    report = run_directory / "report.html"
    lines += [_line("", "report", str(report))] if is_regular(report) else []
    again = find(stored.run, str, "reproduce")
    lines += [_line("", "again", plain(again, 2000))] if again else []
    return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    """Texts come from logs and histories: no control sequence in them may reach a terminal."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line
    )


def _line(glyph: str, word: str, text: str) -> str:
    return f"{glyph:<2}{word:<{WORD - 2}}{text}"


def _verdict(stored: StoredRun, statistics: dict[str, Any]) -> Iterator[str]:
    """The verdict with what it rests on, or with the counterexample and why it is one."""
    word = stored.verdict
    judged = find(stored.result, dict, "linearizability") or {}
    shown = counterexample(judged)
    reason = plain(stored.result.get("reason") or judged.get("reason") or "", 1000)
    if not word:
        yield _line("–", "unjudged", _operations(statistics))
        for problem in stored.problems:
            yield " " * WORD + problem
        return
    if word == "valid":
        yield _line("✔", word, _operations(statistics) + _judged(stored, judged))
        return
    yield _line(sections.GLYPHS[word], word, reason or _operations(statistics))
    of_key = plain(judged.get("reason") or "", 1000)
    if shown is not None and of_key != reason:
        yield " " * WORD + of_key
    if shown is not None:
        yield from (" " * WORD + line for line in _block(shown))
    yield from (_line("", "instead", sentence) for sentence in sections.instead(stored))
    if reason:
        yield " " * WORD + _operations(statistics) + _judged(stored, judged)


def _operations(statistics: dict[str, Any]) -> str:
    """ "12,431 operations on 40 keys (11,902 ok, 310 fail, 219 info)"."""
    total = find(statistics, int, "operations") or 0
    keys = find(statistics, int, "keys") or 0
    outcomes = find(statistics, dict, "outcomes") or {}
    told = ", ".join(f"{count(n)} {word}" for word, n in outcomes.items() if isinstance(n, int))
    counted = f"{plural(total, 'operation')} on {plural(keys, 'key')}"
    return f"{counted} ({told})" if told and total else counted


def _judged(stored: StoredRun, judged: dict[str, Any]) -> str:
    seconds = number(stored.result, "seconds", "check")
    algorithm = find(judged, str, "algorithm")
    took = f" in {duration(seconds * 1e9)}" if seconds is not None else ""
    by = f" by {plain(algorithm, 60)}" if algorithm else ""
    return f", judged{took}{by}" if took or by else ""


def _block(shown: Counterexample) -> Iterator[str]:
    """The operations in columns, then the sentences."""
    names = [f"process {step.process} {step.predicate}" for step in shown.steps]
    name_width = max(map(len, names))
    when_width = max(len(_when(step)) for step in shown.steps)
    for name, step in zip(names, shown.steps, strict=True):
        node = f"   (node {step.node})" if step.node else ""
        yield f"{step.number:<3}{name:<{name_width}}   {_when(step):<{when_width}}{node}"
    if shown.left_out:
        yield f"   and {plural(shown.left_out, 'more operation')}"
    for sentence in shown.sentences:
        yield sentence.text


def _when(step: Step) -> str:
    return f"{step.told}, {step.outcome}"


def _required(one: dict[str, Any]) -> str:
    """A requirement, and what was measured."""
    glyph = {"met": "✔", "missed": "✘"}.get(one["outcome"], "?")
    return _line(glyph, "required", f"{one['text']}: {one['outcome']}, {one['detail']}")


def _checks(stored: StoredRun) -> Iterator[str]:
    """Gates that were missed, liveness that failed, and what else was found."""
    for gate in sections.gates(stored):
        if not gate["passed"]:
            detail = f": {gate['detail']}" if gate["detail"] else ""
            yield _line("✘", "missed", f"{gate['name']}{detail}")
    for finding in sections.findings(stored):
        node = f"{finding['node']}: " if finding["node"] else ""
        yield _line("✘", "found", f"{node}{finding['detail']}")


NOUNS = {name: f"{name} fault" for name in ("clock", "disk", "membership", "packet", "power")}
"""Families whose name is no word for one of their faults."""


def _faults(stored: StoredRun, statistics: dict[str, Any]) -> str:
    """ "6 partitions (2 around the leader), 5 kills; 94.1 % of operations served; …"."""
    families = {
        fault.get("number"): fault.get("family") for fault in objects(stored.run, "schedule")
    }
    counts: dict[str, int] = {}
    leaders: dict[str, int] = {}
    for span in stored.history.faults:
        family = plain(families.get(span.number) or span.name, 40)
        counts[family] = counts.get(family, 0) + 1
        leaders[family] = leaders.get(family, 0) + ("leader" in f"{span.name} {span.detail}")
    if not counts:
        return ""
    told = ", ".join(
        plural(n, NOUNS.get(family, family))
        + (f" ({leaders[family]} around the leader)" if leaders[family] else "")
        for family, n in counts.items()
    )
    share = number(statistics, "availability", "overall", "share")
    recovery = number(statistics, "availability", "recovery_ns")
    if share is not None:
        told += f"; {percent(share)} of operations served"
    if recovery is not None:
        told += f"; slowest recovery {duration(recovery)}"
    return told
