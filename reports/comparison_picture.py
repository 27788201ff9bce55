"""What a comparison shows first: a dot and an interval for each of six figures and each system, and
one sentence; and below, latencies as curves and silence as bars. All of it is static SVG.

Distributions: what is drawn for a system is the mean over its runs, quantile by quantile
(Vincentizing; Ratcliff, Psychological Bulletin 86, 1979), so that each run has the same weight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from checker.wording import joined
from reports.comparison import Comparison
from reports.measures import QUANTILES
from reports.plot import Canvas, Scale
from reports.series import series
from reports.wording import duration, tick

NUMBERS = {0: "none", 1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def sentence(comparison: Comparison) -> str:
    """Who is best in which of the six figures: the comparison in one sentence."""
    six = comparison.picture
    if len(comparison.labels) < 2 or not any(one.differences for one in six):
        return "One repeat shows no difference; give --repeat 5."
    best: dict[str, list[str]] = {}
    for one in six:
        if one.best:
            name = one.figure.label
            best.setdefault(one.best, []).append(name[:1].lower() + name[1:])
    rest = len(six) - sum(map(len, best.values()))
    if not best:
        apart = sum(bool(one.clear) for one in six)
        some = f"; some differ in {NUMBERS[apart]}" if apart else ""
        of = f"these {NUMBERS[len(six)]} figures" if len(six) > 1 else "these figures"
        return f"In none of {of} is one system shown to be best{some}."
    told = [f"{label} is best in {joined(names)}" for label, names in best.items()]
    end = f"; in the other {NUMBERS[rest]} no system is shown to be best" if rest else ""
    return f"{'; '.join(told)}{end}."


def distributions(comparison: Comparison) -> list[dict[str, Any]]:
    """For each kind of operation the curves of all systems: which share of calls took no longer."""
    functions = sorted({name for run in comparison.runs for name in run.measured.quantiles_ns})
    return [chart for name in functions if (chart := _distribution(comparison, name))]


def _distribution(comparison: Comparison, function: str) -> dict[str, Any] | None:
    means = {
        label: _mean([run.measured.quantiles_ns[function] for run in comparison.of(label)
                      if function in run.measured.quantiles_ns])
        for label in comparison.labels
    }  # fmt: skip
    shown = [max(ns, 1.0) for values in means.values() for ns in values]
    if not shown:
        return None
    scale = Scale(min(shown) * 0.9, max(shown) * 1.1, logarithmic=True)
    named = tuple((ns, tick(ns)) for ns in scale.ticks())
    shares = tuple((share, f"{share:.0%}".replace("%", "\u00a0%")) for share in (0, 0.5, 0.9, 1))
    canvas = Canvas(replace(scale, named=named), Scale(0.0, 1.0, named=shares), 200)
    for label, values in means.items():
        mark = series(comparison.labels)[label]
        canvas.line(mark.role, zip(values, QUANTILES, strict=False), mark.dash)
    told = "; ".join(
        f"{label}: half within {duration(values[_place(0.5)])}, "
        f"99 % within {duration(values[_place(0.99)])}"
        for label, values in means.items()
        if values
    )
    return {"function": function, "drawn": canvas.finish(f"{function}. {told}"), "told": told}


def _place(share: float) -> int:
    return min(range(len(QUANTILES)), key=lambda n: abs(QUANTILES[n] - share))


def _mean(runs: Sequence[Sequence[float]]) -> list[float]:
    return [sum(values) / len(values) for values in zip(*runs, strict=True)]


def silences(comparison: Comparison) -> list[dict[str, Any]]:
    """For each fault by name a bar a system: the longest time without an answer, on average."""
    found: dict[str, dict[str, list[int]]] = {}
    for run in comparison.runs:
        for fault in run.measured.faults:
            found.setdefault(fault.name, {}).setdefault(run.label, []).append(fault.silence_ns)
    means = {name: _means(by_label) for name, by_label in sorted(found.items())}
    most = max((ns for own in means.values() for ns in own.values()), default=0.0) or 1.0
    return [
        {"name": name,
         "bars": [None if label not in own else
                  {"width": round(100 * own[label] / most, 2), "told": duration(own[label])}
                  for label in comparison.labels]}
        for name, own in means.items()
    ]  # fmt: skip


def _means(by_label: Mapping[str, Sequence[int]]) -> dict[str, float]:
    return {label: sum(values) / len(values) for label, values in by_label.items()}


def csv_rows(comparison: Comparison) -> str:
    """All figures as comma-separated values: a line for each run and figure."""
    lines = ["system,repeat,seed,figure,unit,value"]
    for run in comparison.runs:
        for compared in comparison.compared:
            value = run.measured.figures.get(compared.figure.key)
            if value is not None:
                names = (run.label, run.repeat, run.measured.seed, compared.figure.key)
                lines.append(",".join(map(_cell, (*names, compared.figure.unit, value))))
    return "\r\n".join(lines) + "\r\n"


def _cell(value: Any) -> str:
    """A value as RFC 4180 has it. A text that a spreadsheet would take for a formula is one to no
    other reader, so it is given an apostrophe."""
    text = repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t"):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if any(s in text for s in ',"\r\n') else text
