"""Reads from the end of a run's process what came of the run."""

import json
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from checker.requirements import MISSED
from checker.wording import plural
from harness.errors import FAILED
from harness.executors import WORKERS_DIED
from harness.names import replay_line
from harness.nightly.job import SCENARIO, Ended, again
from harness.nightly.outcome import FAILURES, Ending
from harness.nightly.schedule import Job
from harness.nightly.symptom import NOT_REPEATABLE, is_own
from harness.simulation.simulate import NOT_LIVE, REQUIREMENT, kind_of_finding

STRONG_SHARE = 0.1
"""A campaign in which fewer seeds than this could have shown a violation is none."""


_KINDS = {NOT_LIVE: Ending.LIVENESS, REQUIREMENT: Ending.REQUIREMENT}
"""The outcomes of kinds of failing seeds; all others are violations."""


@dataclass(frozen=True)
class Finding:
    """What came of one run. `run` is its directory, where one is left; `facts` are its figures;
    `anomaly` is what failed by its usual name, "" where nothing did."""

    outcome: Ending
    reason: str
    seed: int
    again: str
    run: Path | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    anomaly: str = ""


def finding(job: Job, ended: Ended, folder: Path) -> Finding:
    """What came of a job. A process that gave no answer was killed, or its environment failed."""
    answer = answer_of(ended)
    if answer is None:
        outcome, reason = no_answer(ended)
        return Finding(outcome, reason, job.seed, again(job.cell, job.seed), _directory_in(folder))
    if job.scenario is not None:
        line = replay_line(folder / SCENARIO, job.cell.config(job.seed).names)
        return replace(_campaign(job, answer), again=line)
    if job.cell.simulated:
        return _campaign(job, answer)
    return _single(job, answer)


def answer_of(ended: Ended) -> dict[str, Any] | None:
    """What a run's process said with --json; None where it ended without a verdict."""
    if ended.timed_out or ended.status not in (0, 1, 2):
        return None
    try:
        answer = json.loads(ended.output.splitlines()[-1])
    except (ValueError, IndexError):
        return None
    return answer if isinstance(answer, dict) and "verdict" in answer else None


def no_answer(ended: Ended) -> tuple[Ending, str]:
    """Why there is no verdict, in a sentence."""
    lines = [line for line in ended.errors.splitlines() if line.strip()]
    last = lines[-1].removeprefix("labrys: ") if lines else "it said nothing"
    if ended.timed_out:
        return Ending.KILLED, f"did not end by itself, and was ended after {ended.took_s:.0f} s"
    if ended.status < 0:
        name = signal.Signals(-ended.status).name
        if ended.out_of_memory or "MemoryError" in last:
            return Ending.KILLED, f"killed by {name}: the machine was out of memory"
        return Ending.KILLED, f"killed by {name} after {ended.took_s:.0f} s"
    if last.startswith(WORKERS_DIED):
        return Ending.KILLED, last
    if ended.status == FAILED:
        return Ending.ENVIRONMENT, last
    memory = "out of memory: " if "MemoryError" in last else ""
    return Ending.KILLED, f"{memory}ended without a verdict, with status {ended.status}: {last}"


def _single(job: Job, answer: dict[str, Any]) -> Finding:
    """The outcome of a real run, from what `labrys run --json` says."""
    run = Path(answer["paths"]["run"])
    statistics = answer["statistics"]
    liveness = answer["liveness"]
    reason = answer["reason"]
    anomaly = ""
    outcome = {"valid": Ending.PASS, "unknown": Ending.UNKNOWN}.get(answer["verdict"])
    if outcome is None:
        stuck = liveness and not liveness["passed"] and reason.endswith(liveness["detail"])
        missed = REQUIREMENT if reason.startswith(MISSED) else kind_of_finding(reason)
        named = answer.get("anomaly") or {}
        anomaly = named.get("kind") or (NOT_LIVE if stuck else missed)
        outcome = _KINDS.get(anomaly, Ending.VIOLATION)
    facts = {
        "runs": 1,
        "unknown": int(outcome is Ending.UNKNOWN),
        "operations": statistics["operations"],
        "latency_ns": {name: statistics["overall_latency_ns"].get(name) for name in ("p50", "p99")},
        "calls_s": answer["seconds"].get("calls"),
    }
    shown = _canary(job, outcome, anomaly, reason)
    return Finding(shown, reason, job.seed, answer["reproduce"], run, facts, anomaly)


def _campaign(job: Job, answer: dict[str, Any]) -> Finding:
    """The outcome of a campaign, from what `labrys explore --json` says."""
    seeds, strong, unknown = answer["seeds"], answer["strong"], answer["kinds"].get("unknown", 0)
    facts = {
        "runs": seeds,
        "unknown": unknown,
        "strong": strong,
        "twice": answer["twice"],
        "calls_s": answer["seconds"],
        "virtual_s": answer["virtual_seconds"],
    }
    if answer["failed"]:
        first = answer["failed"][0]
        outcome = _KINDS.get(first["kind"], Ending.VIOLATION)
        run = _kept(answer["kept"], first["seed"])
        line = again(job.cell, first["seed"])
        anomaly = first.get("anomaly") or first["kind"]
        shown = _canary(job, outcome, anomaly, first["reason"])
        return Finding(shown, first["reason"], first["seed"], line, run, facts, anomaly)
    if answer["differs"]:
        first = answer["differs"][0]
        reason = f"seed {first['seed']} did not repeat itself: {first['reason']}"
        line = again(job.cell, first["seed"])
        return Finding(
            Ending.VIOLATION, reason, first["seed"], line, facts=facts, anomaly=NOT_REPEATABLE
        )
    outcome, reason = Ending.PASS, ""
    if not seeds:
        outcome, reason = Ending.UNKNOWN, f"no seed ended within {job.seconds:g} s"
    elif strong < STRONG_SHARE * seeds and not job.corpus:
        outcome = Ending.UNKNOWN
        reason = f"only {strong} of {plural(seeds, 'seed')} could have shown a violation"
    elif unknown:
        outcome, reason = Ending.UNKNOWN, f"{unknown} of {seeds} undecided; {answer['unknown']}"
    line = again(job.cell, job.seed, max(seeds, 1))
    return Finding(outcome, reason, job.seed, line, facts=facts)


def _canary(job: Job, outcome: Ending, anomaly: str, reason: str) -> Ending:
    """What a failure means: of a canary, that it was caught, if it is its own."""
    if not job.cell.canary or outcome not in FAILURES:
        return outcome
    own = is_own(job.cell.shows, anomaly, reason)
    return Ending.CAUGHT if own else Ending.OTHERWISE


def _kept(kept: list[dict[str, Any]], seed: int) -> Path | None:
    """The directory to look at first: the shrunk form of the seed, or of another, or the seed's."""
    ranked = sorted(kept, key=lambda one: (not one["shrunk"], one["seed"] != seed))
    return Path(ranked[0]["run"]) if ranked else None


def _directory_in(folder: Path) -> Path | None:
    """The directory of a run that did not live to tell of it."""
    found = sorted(path.parent for path in folder.rglob("run.json"))
    return found[-1] if found else None
