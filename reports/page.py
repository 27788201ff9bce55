"""A run's page: one self-contained file of HTML, made from the files of its directory alone.

The page asks nothing of any host: styles, scripts and data stand in it, and its content security
policy forbids everything else. Texts from histories, logs and configurations are not trusted:
Jinja escapes them, and the scripts show them as text only.
"""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from checker.eventual import ALGORITHM
from checker.files import write_whole
from checker.linearizability.registers.points import Points, points
from checker.statistics import summarize
from reports import convincing, sections, setting, wording
from reports.assets import environment, pack, policy, source
from reports.charts import charts
from reports.diagram import Counterexample, counterexample
from reports.lamport import Lamport, lamport
from reports.logs import around, logs
from reports.stored import StoredRun, find, objects, read_run
from reports.timeline import DRAWN_MAX, timeline

PAGE_BYTES_MAX = 5_000_000


def render(run_directory: Path) -> Path:
    """Write `report.html` into a run directory and return its path.

    Raises `reports.stored.NotARun` for a directory that holds no run, and `OSError` where the page
    cannot be written. A run that is incomplete or damaged makes a page that says so.
    """
    path = run_directory / "report.html"
    write_whole(path, page_of(read_run(run_directory)))
    return path


def page_of(stored: StoredRun) -> bytes:
    """The page of what was read."""
    context = _context(stored)
    drawn_max = DRAWN_MAX
    witness = points(stored.history.columns) if _linearizable(stored) else None
    page = _fill(stored, context, drawn_max, witness)
    while len(page) > PAGE_BYTES_MAX and drawn_max > 100:
        drawn_max //= 2
        page = _fill(stored, context, drawn_max, witness)
    return page


def _context(stored: StoredRun) -> dict[str, Any]:
    """What the template shows, but for the timeline."""
    statistics = summarize(stored.history)
    shown = counterexample(
        find(stored.result, dict, "linearizability") or {}, stored.history.faults
    )
    findings = sections.findings(stored)
    return {
        "title": sections.title(stored),
        "name": wording.plain(stored.run.get("name", ""), 80),
        "subtitle": sections.subtitle(stored),
        "began": sections.began(stored),
        "verdict": sections.verdict(stored, statistics),
        "problems": stored.problems,
        "reproduce": wording.plain(stored.run.get("reproduce", ""), 2000),
        "counterexample": shown,
        "eventual": _algorithm(stored) == ALGORITHM,
        "figures": sections.figures(stored, statistics),
        "instead": sections.instead(stored),
        "gates": sections.gates(stored),
        "requirements": convincing.requirements(stored),
        "findings": findings,
        "faults": sections.faults(stored, statistics),
        "coverage": sections.coverage(stored),
        "refused": sections.refused(stored),
        "unapplied": sections.unapplied(stored),
        "operations": sections.operations(statistics),
        "errors": sections.errors(statistics),
        "doubts": setting.doubts(stored),
        "timed": stored.timed,
        "stored": stored.directory is not None,
        "latencies": sections.latencies(statistics),
        "rates": sections.rates(statistics),
        "charts": charts(stored.history) if stored.timed else {},
        "lamport": _messages(stored, shown),
        "counters": sections.counters(stored),
        "logs": logs(stored, [finding["node"] for finding in findings], sections.ROWS_MAX),
        "around": around(stored, _moments(shown)),
        "tables": setting.tables(stored) if stored.directory else [],
    }


def _messages(stored: StoredRun, shown: Counterexample | None) -> Lamport | None:
    if stored.directory is None:
        return None
    processes = list(dict.fromkeys(step.process for step in shown.steps)) if shown else []
    return lamport(stored.directory, stored.history, processes)


def _moments(shown: Counterexample | None) -> list[int]:
    """Where the operations of the counterexample begin and end, in nanoseconds of the run."""
    steps = shown.steps if shown else ()
    return [at for step in steps for at in (step.from_ns, step.until_ns) if at is not None]


def _linearizable(stored: StoredRun) -> bool:
    valid = find(stored.result, str, "linearizability", "verdict") == "valid"
    return valid and _algorithm(stored) != ALGORITHM


def _algorithm(stored: StoredRun) -> str | None:
    return find(stored.result, str, "linearizability", "algorithm")


def _fill(
    stored: StoredRun, context: dict[str, Any], drawn_max: int, witness: Points | None
) -> bytes:
    """The page, with at most this many operations drawn one by one."""
    found = objects(stored.result, "linearizability", "counterexample")
    marked = [
        (position, number)
        for number, item in enumerate(found, start=1)
        if (position := find(item, int, "invoked")) is not None
    ]
    leaders = sections.leaders(stored)
    drawn = (
        timeline(stored.history, marked, drawn_max, leaders, witness, timed=stored.timed)
        if len(stored.history)
        else None
    )
    scripts = [
        "".join(map(source, ("operations.js", "rows.js", "controls.js", "timeline.js"))),
        source("shared.js") + source("page.js"),
    ]
    template = environment().get_template("page.html.j2")
    page = template.render(
        **context,
        timeline=drawn,
        data={"timeline": _packed(drawn.data) if drawn else None},
        styles=Markup(source("page.css") + source("lamport.css") + source("print.css")),
        scripts=[Markup(script) for script in scripts],
        policy=policy(scripts),
    )
    # A lone surrogate, which JSON may hold, has no form in UTF-8.
    return page.encode("utf-8", "replace")


def _packed(data: dict[str, Any]) -> dict[str, Any]:
    """The timeline's data with what is long in it made small."""
    long = {name: data[name] for name in ("operations", "density")}
    return {**{name: part for name, part in data.items() if name not in long}, "packed": pack(long)}
