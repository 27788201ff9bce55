"""What once failed, one JSON line each: the first to be run, every night.

A line of a simulated cell holds the scenario that was drawn from its seed, so that it still means
the same when the code draws another one; older lines hold the seed alone, which repeats what it
showed only as long as the code draws the same from it. A seed of a real cell asks for the same run
again, which may end otherwise. The file may be kept in the repository or on a branch; a line goes
when somebody removes it.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, UsageError
from harness.nightly.plan import Cell
from harness.nightly.schedule import Job
from harness.simulation.scenario import Scenario, swarm

_CELL = ("system", "workload", "faults", "environment")


@dataclass
class Corpus:
    """The jobs of a corpus, in the file's order, and what there is to say of its other lines."""

    jobs: list[Job] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_corpus(path: Path) -> Corpus:
    """What once failed; nothing where there is no file.

    What the code cannot run any more, a system or a fault that is gone, is a note instead of a job.
    Raises `UsageError`, with the line's number, for what no night has written.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return Corpus()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the corpus {path}: {error}; name another file") from error
    corpus = Corpus()
    seeds_alone = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            job = _job(line, path)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{where}, is not a corpus ({error!r}); remove the line") from error
        except UsageError as error:
            corpus.notes.append(f"{where}, can no longer be replayed: {error}; or remove the line")
            continue
        corpus.jobs.append(job)
        seeds_alone += job.cell.simulated and job.scenario is None
    if seeds_alone:
        corpus.notes.append(
            f"{path}: {seeds_alone} of the simulated lines {_hold(seeds_alone)} no scenario, so "
            "the code may draw other runs from their seeds than those that failed"
        )
    return corpus


def _hold(count: int) -> str:
    return "holds" if count == 1 else "hold"


def _job(line: str, path: Path) -> Job:
    """The job of a line. Raises `UsageError` for what cannot be run, others for what is not a
    job."""
    values = json.loads(line)
    names = {name: values[name] for name in _CELL}
    cell = Cell(**names, options=tuple(sorted(values["options"].items())))
    seed, scenario = values["seed"], values.get("scenario")
    if scenario is None:
        cell.config(seed)
    else:
        Scenario.from_json(scenario, path)
    return Job(cell, seed, 0.0, corpus=True, scenario=scenario)


def add_to_corpus(
    path: Path, cell: Cell, seed: int, beside: dict[str, Any], scenario: Any = None
) -> None:
    """Append a seed that failed, unless it is there; `beside` says when and why.

    A simulated seed is kept with its scenario, the one given or the one that is drawn from it now.
    """
    known = {(job.cell, job.seed) for job in read_corpus(path).jobs}
    kept = Cell(cell.system, cell.workload, cell.faults, cell.environment, options=cell.options)
    if (kept, seed) in known:
        return
    values = {name: value for name, value in asdict(kept).items() if name in _CELL}
    values |= {"options": dict(kept.options), "seed": seed, **beside}
    if cell.simulated:
        drawn = swarm(cell.config(seed), frozenset(cell.pinned), seed)
        values["scenario"] = drawn.to_json() if scenario is None else scenario
    append(path, values)


def append(path: Path, record: dict[str, Any]) -> None:
    """Append one record to a file of JSON lines."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write((json.dumps(record, ensure_ascii=True) + "\n").encode())
    except OSError as error:
        raise HarnessError(f"cannot append to {path}: {error.strerror}; free it") from error
