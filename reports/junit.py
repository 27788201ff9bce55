"""A night as JUnit XML: a suite for each environment, a test case for each cell.

What says something of a system is a failure; all else that is not green is an error, so that no
viewer shows it as passed or merely skipped.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from reports.argument import argument
from reports.failures import failure_of, memory, page_of, state
from reports.outcomes import BAD, DOUBT, look
from reports.stored import find, number
from reports.stored_night import cell_name, cells_of, row_name, runs_of
from reports.wording import plain


def junit(night: dict[str, Any], directory: Path | None = None) -> str:
    """The XML document of a night, from the values of its night.json; operations and sentences of
    counterexamples come from the runs in its directory."""
    runs = {run.get("number"): run for run in runs_of(night)}
    cases: dict[str, list[tuple[dict[str, Any], list[dict[str, Any]]]]] = {}
    for cell in cells_of(night):
        own = [runs[n] for n in find(cell, list, "runs") or () if n in runs]
        cases.setdefault(plain(cell.get("environment"), 80), []).append((cell, own))
    before = [run for run in runs.values() if run.get("corpus")]
    if before:
        cases["seeds that failed before"] = [(run, [run]) for run in before]
    root = ElementTree.Element("testsuites", name="labrys nightly")
    for name, entries in cases.items():
        suite = ElementTree.SubElement(root, "testsuite", name=_clean(name))
        suite.set("timestamp", _clean(str(night.get("began", ""))[:19]))
        suite.set("hostname", "localhost")
        for cell, own in entries:
            _case(suite, cell, own, (night, directory))
        _sum(suite, suite)
    _sum(root, root)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _case(
    suite: ElementTree.Element, cell: dict[str, Any], runs: list[dict[str, Any]],
    within: tuple[dict[str, Any], Path | None],
) -> None:  # fmt: skip
    """A test case; `within` is the night and its directory."""
    seconds = sum(number(run, "seconds") or 0.0 for run in runs)
    name = f"{row_name(cell)} · {plain(cell.get('faults'), 80)}"
    if cell.get("corpus"):
        name = f"{cell_name(cell)} · seed {cell.get('seed')}"
    case = ElementTree.SubElement(
        suite, "testcase", name=_clean(name), classname=_clean(f"labrys.{suite.get('name')}"),
        time=f"{seconds:.3f}",
    )  # fmt: skip
    outcome = str(cell.get("outcome"))
    kind = {BAD: "failure", DOUBT: "error"}.get(look(outcome).tone)
    shown = next((run for run in runs if run.get("outcome") == outcome), runs[0] if runs else {})
    failure = failure_of(within[0], cell) if kind is not None else None
    text = "\n".join(_lines(shown, failure, within))
    if kind is not None:
        anomaly = plain(shown.get("anomaly") or "", 60)
        told = ElementTree.SubElement(case, kind, type=_clean(anomaly or outcome))
        reason = plain(shown.get("reason") or outcome, 300)
        told.set("message", _clean(f"{state(failure)}: {reason}" if state(failure) else reason))
        told.text = _clean(text)
    elif text:
        ElementTree.SubElement(case, "system-out").text = _clean(text)


def _lines(
    run: dict[str, Any], failure: dict[str, Any] | None, within: tuple[dict[str, Any], Path | None]
) -> list[str]:
    """What is told of a case: why, since when, the operations, where its page is, how to repeat
    it."""
    night, directory = within
    left = find(run, str, "run")
    page = page_of(night, left)
    shown = argument(directory, left if page else None)
    lines = [plain(run.get("reason") or "", 1000), memory(failure)]
    lines += [f"{place}. {step}" for place, step in enumerate(shown["steps"], 1)]
    lines += [f"- {sentence}" for sentence in shown["sentences"]]
    lines.append(f"page: {page}" if page else "")
    lines.append(f"again: {plain(run.get('again') or '', 2000)}" if run.get("again") else "")
    return [line for line in lines if line]


def _sum(element: ElementTree.Element, within: ElementTree.Element) -> None:
    """Set the totals of a suite, or of all of them."""
    cases = list(within.iter("testcase"))
    element.set("tests", str(len(cases)))
    element.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    element.set("errors", str(sum(case.find("error") is not None for case in cases)))
    if element.tag == "testsuite":
        element.set("skipped", "0")
    element.set("time", f"{sum(float(case.get('time', 0)) for case in cases):.3f}")


def _clean(text: str) -> str:
    """The text without what XML 1.0 cannot hold."""
    return "".join(
        sign if sign in "\t\n\r" or " " <= sign <= "\ud7ff" or "\ue000" <= sign <= "\ufffd"
        or sign > "\uffff" else "�"
        for sign in text
    )  # fmt: skip
