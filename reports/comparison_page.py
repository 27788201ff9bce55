"""The page of a comparison, and comparison.json beside it: one self-contained file of HTML.

As on a run's page, names and reasons come from runs and are texts to this page, whatever they hold.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from checker.files import write_whole
from checker.wording import plural
from reports.assets import environment, policy, source
from reports.comparison import (
    Compared,
    ComparedRun,
    Comparison,
    caveats,
    chance,
    headline,
    listed,
    unpromised,
)
from reports.comparison_charts import (
    REPEATS_MAX,
    OverTime,
    over_time,
    page_of,
    recoveries,
)
from reports.comparison_picture import csv_rows, distributions, sentence, silences
from reports.conditions import Judgement
from reports.differences import DECIDED, Spread
from reports.figures import GROUPS, NOTES
from reports.measures import MeasuredFault
from reports.sections import GLYPHS
from reports.series import series
from reports.setting import value_of
from reports.stored import find
from reports.wording import duration, percent, plain

VERSION = 1
TONES = {"valid": "good", "invalid": "bad"}


@dataclass(frozen=True)
class Occasion:
    """How a comparison came about: the line that repeats it, when, and what went wrong.

    `failed` are sentences about runs that ended without a history to judge, `notes` about what is
    missing of the others; `interrupted` says that the comparison was interrupted; `judged` is what
    came of the conditions for which it was to fail.
    """

    command: str
    began: str
    failed: Sequence[str] = ()
    notes: Sequence[str] = ()
    interrupted: str = ""
    judged: Sequence[Judgement] = ()


def render_comparison(comparison: Comparison, occasion: Occasion, directory: Path) -> Path:
    """Write `comparison.html`, `.json` and `.csv` into a directory; the path of the page."""
    write_whole(directory / "comparison.json", comparison_json(comparison, occasion, directory))
    write_whole(directory / "comparison.csv", csv_rows(comparison).encode("utf-8", "replace"))
    path = directory / "comparison.html"
    write_whole(path, _page(comparison, occasion, directory))
    return path


def comparison_json(comparison: Comparison, occasion: Occasion, directory: Path) -> bytes:
    """All figures, as JSON."""
    values = to_json(comparison, occasion, directory)
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8", "replace")


def to_json(comparison: Comparison, occasion: Occasion, directory: Path) -> dict[str, Any]:
    return {
        "labrys": "comparison",
        "version": VERSION,
        "verdict": comparison.verdict,
        "headline": headline(comparison),
        "began": occasion.began,
        "reproduce": occasion.command,
        "interrupted": bool(occasion.interrupted),
        "failed": list(occasion.failed),
        "notes": list(occasion.notes),
        "virtual_time": comparison.virtual,
        "systems": [
            {"name": label, "promises_linearizability": comparison.promises[label]}
            for label in comparison.labels
        ],
        "caveats": caveats(comparison),
        "decided": DECIDED,
        "sentence": sentence(comparison),
        "conditions": [one.to_json() for one in occasion.judged],
        "runs": [_run_json(run, directory) for run in comparison.runs],
        "figures": [compared.to_json() for compared in comparison.compared],
    }


def _run_json(run: ComparedRun, directory: Path) -> dict[str, Any]:
    measured = run.measured
    return {
        "system": run.label,
        "repeat": run.repeat,
        "seed": measured.seed,
        "path": os.path.relpath(measured.directory, directory),
        "verdict": measured.verdict,
        "linearizable": measured.linearizable,
        "reason": measured.reason,
        "operations": measured.operations,
        "figures": measured.figures,
        "faults": [fault.to_json() for fault in measured.faults],
    }


def _page(comparison: Comparison, occasion: Occasion, directory: Path) -> bytes:
    script = source("shared.js") + source("comparison.js")
    page = environment().get_template("comparison.html.j2").render(
        title=f"{GLYPHS[comparison.verdict]} {' · '.join(comparison.labels)} · comparison",
        word=comparison.verdict,
        glyph=GLYPHS[comparison.verdict],
        headline=headline(comparison),
        unpromised=unpromised(comparison),
        began=occasion.began.replace("T", " ").replace("+00:00", " UTC"),
        setting=_setting(comparison),
        basis=_basis(comparison),
        problems=[*filter(None, [occasion.interrupted]), *occasion.failed, *occasion.notes],
        caveats=caveats(comparison),
        reproduce=plain(occasion.command, 4000),
        judged=[_judged(one) for one in occasion.judged],
        sentence=sentence(comparison),
        picture=_rows(comparison.picture, comparison.labels),
        distributions=distributions(comparison),
        silences=silences(comparison),
        differences=_differences(comparison, main=True),
        more=_differences(comparison, main=False),
        same=_same(comparison),
        decided=DECIDED,
        chance=chance(comparison),
        labels=comparison.labels,
        marks=list(series(comparison.labels).values()),
        verdicts=_verdicts(comparison, directory),
        groups=_groups(comparison),
        repeats=_repeats(comparison, over_time(comparison)),
        undrawn=max(len(comparison.repeats) - REPEATS_MAX, 0),
        recoveries=recoveries(comparison, directory),
        faults=_faults(comparison),
        tables=_tables(comparison),
        styles=Markup(source("page.css") + source("series.css") + source("comparison.css")),
        script=Markup(script),
        policy=policy([script]),
    )  # fmt: skip
    return page.encode("utf-8", "replace")


def _setting(comparison: Comparison) -> list[str]:
    """What all runs share, in a few words."""
    if not comparison.runs:
        return []
    run, config = comparison.runs[0].measured.run, comparison.runs[0].measured.config
    faults = find(config, list, "faults")
    parts = [
        plain(run.get("environment", ""), 40),
        *(
            plural(config[f"{word}s"], word)
            for word in ("node", "client")
            if isinstance(config.get(f"{word}s"), int)
        ),
        plain(run.get("workload", ""), 60),
        ",".join(plain(fault, 40) for fault in faults or ()) or "no faults",
        f"{config['time_limit']:g} s" if isinstance(config.get("time_limit"), int | float) else "",
    ]
    return [part for part in parts if part]


def _basis(comparison: Comparison) -> str:
    operations = sum(run.measured.operations for run in comparison.runs)
    faults = sum(len(run.measured.faults) for run in comparison.runs)
    seeds = list(dict.fromkeys(run.measured.seed for run in comparison.runs))
    told = f"{plural(len(seeds), 'seed')}: {', '.join(map(str, seeds[:10]))}"
    return (
        f"{plural(len(comparison.runs), 'run')} of {plural(len(comparison.labels), 'system')}: "
        f"{plural(operations, 'operation')} under {plural(faults, 'fault')}; {told}"
    )


def _differences(comparison: Comparison, *, main: bool) -> list[dict[str, Any]]:
    return [
        {"label": compared.figure.label, "better": compared.figure.better, "best": compared.best,
         "sentences": [difference.sentence for difference in compared.clear]}
        for compared in comparison.compared
        if compared.clear and compared.figure.main is main
    ]  # fmt: skip


def _same(comparison: Comparison) -> str:
    """The figures in which no difference is larger than noise."""
    labels = [c.figure.label for c in comparison.compared if c.differences and not c.clear]
    return "; ".join(labels)


def _verdicts(comparison: Comparison, directory: Path) -> list[dict[str, Any]]:
    """A row for each repeat, a cell for each system."""
    rows = []
    for repeat in comparison.repeats:
        cells = []
        seeds = []
        for label in comparison.labels:
            run = next((r for r in comparison.of(label) if r.repeat == repeat), None)
            cells.append(None if run is None else _verdict(comparison, run, directory))
            seeds += [run.measured.seed] if run else []
        rows.append({"repeat": repeat, "seed": seeds[0] if seeds else "", "cells": cells})
    return rows


def _verdict(comparison: Comparison, run: ComparedRun, directory: Path) -> dict[str, Any]:
    measured = run.measured
    bad = comparison.counts_against(run)
    allowed = measured.verdict == "invalid" and not bad
    return {
        "tone": "doubt" if allowed else TONES.get(measured.verdict, "doubt"),
        "glyph": GLYPHS.get(measured.verdict, "?"),
        "word": measured.verdict + (", not promised" if allowed else ""),
        "reason": "" if measured.verdict == "valid" else measured.reason,
        "operations": plural(measured.operations, "operation"),
        "href": page_of(run, directory),
    }


def _judged(one: Judgement) -> dict[str, str]:
    glyph, tone = {True: ("✘", "bad"), False: ("✔", "good"), None: ("?", "doubt")}[one.fails]
    return {"glyph": glyph, "tone": tone, "sentence": one.sentence}


def _rows(figures: Sequence[Compared], labels: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"label": compared.figure.label, "better": compared.figure.better,
         "cells": _cells(compared, labels)}
        for compared in figures
    ]  # fmt: skip


def _groups(comparison: Comparison) -> list[dict[str, Any]]:
    groups = []
    for name in GROUPS:
        own = [one for one in comparison.compared if one.figure.group == name]
        rows = _rows(own, comparison.labels)
        if rows:
            groups.append({"name": name, "note": NOTES[name], "rows": rows})
    return groups


def _cells(compared: Compared, labels: Sequence[str]) -> list[dict[str, Any] | None]:
    """A cell for each system: the mean, its interval, and both drawn on the row's common scale."""
    bounds = [bound for spread in compared.spreads.values() for bound in _extent(spread)]
    most = max(bounds, default=1.0) or 1.0
    spreads = [compared.spreads.get(label) for label in labels]
    return [None if spread is None else _cell(compared, spread, most) for spread in spreads]


def _cell(compared: Compared, spread: Spread, most: float) -> dict[str, Any]:
    told, interval = compared.figure.in_words, spread.interval
    places = [round(100 * bound / most, 2) for bound in _extent(spread)]
    return {
        "mean": told(spread.mean),
        "spread": f"{told(interval.low)} to {told(interval.high)}" if interval else "one run",
        "best": compared.spreads.get(compared.best) is spread,
        "at": round(100 * spread.mean / most, 2),
        "low": places[-2] if interval else None,
        "high": places[-1] if interval else None,
        "dots": places[: len(spread.values)],
    }


def _extent(spread: Spread) -> list[float]:
    """All that is drawn of a figure: the values, and the interval, cut at twice the largest."""
    values = list(spread.values.values())
    if spread.interval is None:
        return values
    return [*values, spread.interval.low, min(spread.interval.high, 2 * max(values))]


def _repeats(comparison: Comparison, charts: Mapping[int, OverTime]) -> list[dict[str, Any]]:
    """The repeats that have charts, with their faults in a sentence."""
    shown = []
    for repeat, drawn in charts.items():
        run = next(run for run in comparison.runs if run.repeat == repeat)
        faults = [f"{name} at {at:.1f} s" for name, at, _ in run.measured.schedule[:40]]
        shown.append({"number": repeat, "seed": run.measured.seed, "drawn": drawn,
                      "faults": listed(faults) or "none"})  # fmt: skip
    return shown


def _faults(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each fault by name: what it did to each system, over all repeats."""
    by_name: dict[str, dict[str, list[MeasuredFault]]] = {}
    for run in comparison.runs:
        for fault in run.measured.faults:
            by_name.setdefault(fault.name, {}).setdefault(run.label, []).append(fault)
    return [
        {"name": name, "count": plural(max(map(len, systems.values())), "time"),
         "cells": [_suffered(systems.get(label, [])) for label in comparison.labels]}
        for name, systems in sorted(by_name.items())
    ]  # fmt: skip


def _suffered(faults: Sequence[MeasuredFault]) -> dict[str, str] | None:
    if not faults:
        return None
    known = [fault.recovery_ns for fault in faults if fault.recovery_ns is not None]
    lost = len(faults) - len(known)
    invoked = sum(fault.invoked for fault in faults)
    answered = sum(fault.answered for fault in faults)
    return {
        "recovery": duration(sum(known) / len(known)) if known else "–",
        "slowest": duration(max(known)) if len(known) > 1 else "",
        "lost": f"no answer after {plural(lost, 'fault')}" if lost else "",
        "silence": duration(sum(fault.silence_ns for fault in faults) / len(faults)),
        "answered": percent(answered / invoked if invoked else None),
    }


def _tables(comparison: Comparison) -> list[tuple[str, list[tuple[str, str]]]]:
    """What all runs share; where they differ in it, the caveats say so."""
    if not comparison.runs:
        return []
    run = comparison.runs[0].measured
    config = {k: v for k, v in run.config.items() if k not in ("system", "seed")}
    named: list[tuple[str, Mapping[str, Any]]] = [
        ("Configuration", config),
        ("Versions", find(run.run, dict, "versions") or {}),
        ("Machine", find(run.run, dict, "machine") or {}),
    ]
    return [
        (name, [(plain(key, 120), value_of(value)) for key, value in items.items()])
        for name, items in named
        if items
    ]
