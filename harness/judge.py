"""Judges a stored run from its files alone, now or a year later, and writes result.json.

The verdict is the worst of these: whether the history is linearizable; whether every node served
again after healing, and none ended of itself; and whether the run could have failed at all.
"""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

from checker.anomalies.naming import told
from checker.anomalies.refusals import only_error
from checker.coverage import coverage, in_force
from checker.files import regular
from checker.history import History
from checker.memory import MIB
from checker.needs import Requirement
from checker.requirements import Met, judge_requirements, missed_requirement
from checker.statistics import summarize
from checker.strength import Gate
from checker.verdict import Result, Verdict
from harness import names
from harness.config import MOST_MUTATIONS, RunConfig
from harness.errors import UsageError
from harness.standstill import endless_calls_end
from harness.store import FORMAT_VERSION, RunDirectory
from harness.strength import families_of, judge_strength, trial_of
from harness.trust import trust_gates
from workloads.workload import Workload

_LIMITS = {
    "check_time_limit": RunConfig.check_time_limit,
    "check_memory_limit": RunConfig.check_memory_limit,
}

LIMIT_MAX = 1e9
"""In seconds, and in MiB: more means no limit."""

_OBSERVED: dict[str, type] = {
    "liveness": dict, "findings": list, "counters": dict, "leaders": list, "seconds": dict,
    "recorded": dict, "stalls": list, "arrivals": dict,
}  # fmt: skip
"""What observations.json holds, where it holds it."""


def judge(directory: RunDirectory) -> dict[str, Any]:
    """Check a run, write its result.json, and return what was written.

    Raises what `judged` raises, and `HarnessError` where the file cannot be written.
    """
    result = judged(directory)
    directory.write_json("result.json", result)
    return result


def judged(directory: RunDirectory, *, certify: bool = True, jobs: int = 1) -> dict[str, Any]:
    """Check a run, in `jobs` processes, and return what its result.json should say.

    Raises `MalformedHistory` where the history is none, and `UsageError` where the directory holds
    no run.
    """
    run = _described(directory)
    observed = _observations(directory)
    history = _history(directory.history)
    began = time.monotonic()
    work = names.workload(run["workload"])
    limits = {**_LIMITS, **run["config"]}
    with endless_calls_end():
        linearizability = work.check(
            history,
            time_limit_s=limits["check_time_limit"],
            memory_limit_bytes=limits["check_memory_limit"] * MIB,
            certify=certify,
            jobs=jobs,
        )
    check_s = time.monotonic() - began
    instead = linearizability.weaker() if linearizability.weaker else None
    anomaly = told(linearizability, history)
    planned = [(fault["family"], fault["name"]) for fault in run["schedule"]]
    gates, strength = _strength(directory, history, planned, work, run, linearizability)
    covered = coverage(history, planned, _node_count(run), _leaders(observed))
    gates += in_force(covered, _asked(run))
    try:
        gates += trust_gates(history, observed, linearizability, work.functions)
    except ValueError as error:
        raise _damaged(directory.path / "observations.json", "recorded or liveness") from error
    required = judge_requirements(history, _required(directory, run), families_of(planned))
    verdict, reason = _verdict(linearizability, gates, observed, required)
    if anomaly is not None:
        reason = anomaly["headline"]
    elif not observed.get("findings") and (refused := only_error(history)):
        reason = f"{refused}; {reason}"
    return {
        "labrys": "result",
        "version": FORMAT_VERSION,
        "verdict": verdict.word,
        "reason": reason,
        "anomaly": anomaly,
        "cut": history.torn,
        "linearizability": linearizability.to_json(),
        "instead": None if instead is None else instead.to_json(),
        "gates": [gate.to_json() for gate in gates],
        "strength": strength,
        "requirements": [one.to_json() for one in required],
        "coverage": [one.to_json() for one in covered],
        "liveness": observed.get("liveness", {}),
        "stalls": observed.get("stalls", []),
        "arrivals": observed.get("arrivals", {}),
        "findings": observed.get("findings", []),
        "counters": observed.get("counters", {}),
        "leaders": observed.get("leaders", []),
        "statistics": summarize(history).to_json(),
        "seconds": {**observed.get("seconds", {}), "check": round(check_s, 3)},
    }


def _history(path: Path) -> History:
    try:
        return History.read(regular(path))
    except (OSError, ArithmeticError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {path}: {why}; name another run") from error


def read_json(path: Path) -> dict[str, Any]:
    """Read one of a run's files; `UsageError` where it is missing, damaged or too new."""
    try:
        values = json.loads(regular(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{path.parent} holds no {path.name}, so it is not a run's directory; name another"
        ) from None
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply; name another run") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}; name another run") from error
    if not isinstance(values, dict) or not isinstance(values.get("version"), int):
        raise UsageError(f"{path} is not a file of a run; name another run")
    if values["version"] > FORMAT_VERSION:
        raise UsageError(
            f"{path} has format version {values['version']}, and this Labrys knows "
            f"{FORMAT_VERSION}; use the newer Labrys that wrote it"
        )
    return values


def _described(directory: RunDirectory) -> dict[str, Any]:
    """The run's description, with all that judging it takes."""
    path = directory.path / "run.json"
    run = read_json(path)
    for name, kind in {"workload": str, "schedule": list, "config": dict}.items():
        if not isinstance(run.get(name), kind):
            raise _damaged(path, name)
    for fault in run["schedule"]:
        named = (fault.get("family"), fault.get("name")) if isinstance(fault, dict) else ()
        if not (named and all(isinstance(name, str) for name in named)):
            raise _damaged(path, "schedule")
    for name in _LIMITS:
        limit = run["config"].get(name, 1)
        if not isinstance(limit, (int, float)) or not 0 < limit < LIMIT_MAX:
            raise _damaged(path, name)
    if not _is_count(run["config"].get("mutations", 0)):
        raise _damaged(path, "mutations")
    return run


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST_MUTATIONS


def _observations(directory: RunDirectory) -> dict[str, Any]:
    """What the run noted beside its history; nothing for a run that was killed."""
    path = directory.path / "observations.json"
    observed = read_json(path) if os.path.lexists(path) else {}
    for name, kind in _OBSERVED.items():
        if not isinstance(observed.get(name, kind()), kind):
            raise _damaged(path, name)
    liveness = observed.get("liveness", {})
    words = [*observed.get("findings", []), liveness.get("detail", "")]
    if (liveness and "passed" not in liveness) or not all(isinstance(word, str) for word in words):
        raise _damaged(path, "liveness or findings")
    return observed


def _damaged(path: Path, name: str) -> UsageError:
    return UsageError(
        f"{path} is damaged: it has no {name!r} that makes sense; check history.jsonl alone"
    )


def _node_count(run: dict[str, Any]) -> int:
    """How many nodes the run had, spares and all."""
    counts = [run["config"].get(name, 0) for name in ("nodes", "spares")]
    return sum(count for count in counts if isinstance(count, int))


def _asked(run: dict[str, Any]) -> list[str]:
    """The names that the options ask for; a schedule names all its faults, if not by family."""
    faults = run["config"].get("faults")
    words = re.findall(r"[\w.:-]+", str(run["config"].get("schedule", "")))
    return words or [str(name) for name in faults] if isinstance(faults, list) else words


def _leaders(observed: dict[str, Any]) -> list[tuple[int, str]]:
    """Who was seen to lead, and since when."""
    return [
        (seen["time_ns"], seen["node"])
        for seen in observed.get("leaders", [])
        if isinstance(seen, dict) and isinstance(seen.get("time_ns"), int) and "node" in seen
    ]


def _strength(
    directory: RunDirectory,
    history: History,
    planned: list[tuple[str, str]],
    work: Workload,
    run: dict[str, Any],
    judged: Result,
) -> tuple[list[Gate], dict[str, Any]]:
    """The gates and figures of the history's strength; copies are of valid histories alone."""
    config = run["config"]
    copies = config.get("mutations", RunConfig.mutations)
    trial = None
    if copies and judged.verdict is Verdict.VALID:
        memory = config.get("check_memory_limit", RunConfig.check_memory_limit)
        trial = trial_of(history, work, run.get("seed"), copies, int(memory))
    try:
        return judge_strength(history, planned, work, config, trial)
    except ValueError as error:
        raise _damaged(directory.path / "run.json", "strength") from error


def _required(directory: RunDirectory, run: dict[str, Any]) -> list[Requirement]:
    texts = run["config"].get("require", [])
    try:
        return [Requirement.read(text) for text in texts]
    except (TypeError, AttributeError, ValueError) as error:
        raise _damaged(directory.path / "run.json", "require") from error


def _verdict(
    linearizability: Result, gates: list[Gate], observed: dict[str, Any], required: list[Met]
) -> tuple[Verdict, str]:
    """The worst of all that was found, and the sentence that says why."""
    if linearizability.verdict is Verdict.INVALID:
        return Verdict.INVALID, linearizability.reason or "the history is not linearizable"
    if observed.get("findings"):
        return Verdict.INVALID, observed["findings"][0]
    liveness = observed.get("liveness", {})
    if liveness and not liveness["passed"]:
        return _not_live(liveness)
    missed = missed_requirement(linearizability, required)
    if missed:
        return Verdict.INVALID, missed
    if linearizability.verdict is Verdict.UNKNOWN:
        return Verdict.UNKNOWN, linearizability.reason
    shut = [gate for gate in gates if not gate.passed]
    if shut:
        names = "; ".join(f"{gate.name}: {gate.detail}" for gate in shut)
        return Verdict.UNKNOWN, f"the run could not have shown a violation ({names})"
    open_ = [f"{one.requirement}: {one.detail}" for one in required if one.met is None]
    if open_:
        return Verdict.UNKNOWN, f"what was required could not be measured ({'; '.join(open_)})"
    if not liveness:
        return Verdict.UNKNOWN, "the run ended before every node could be asked to serve again"
    return Verdict.VALID, linearizability.reason


def _not_live(liveness: dict[str, Any]) -> tuple[Verdict, str]:
    """Nodes that did not serve convict the system, unless the harness could not have heard them."""
    stalled_ns = liveness.get("stalled_ns", 0)
    if not stalled_ns:
        return Verdict.INVALID, liveness["detail"]
    return Verdict.UNKNOWN, (
        f"{liveness['detail']}, but the harness itself stood still for {stalled_ns / 1e9:.1f} s "
        "of that time: give it more of the machine and run again"
    )
