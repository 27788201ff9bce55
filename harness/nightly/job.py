"""One run of a night as a process of its own: the very command that a person would type.

So a run that is killed, or for which the memory does not suffice, takes nothing else with it, and
what it was is known from its status. The process leads a session of its own: Ctrl-C reaches the
night alone, which then ends the run as SIGTERM does, by letting it clean up.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from harness.config import RunConfig
from harness.environments.leftovers import remove_leftovers
from harness.nightly.plan import Cell
from harness.nightly.schedule import Job

MOST_SEEDS = 1_000_000
SCENARIO = "scenario.json"
"""The file in a job's folder that holds the scenario to carry out, where it is given."""

GRACE_S = 20.0
"""How long a run that is asked to end may take to clean up."""

SLACK_S = 300.0
"""Beyond its own limits a run may take so much longer (start, shrinking, page); then it ends."""

_VMSTAT = Path("/proc/vmstat")


@dataclass(frozen=True)
class Ended:
    """How a run's process ended. A negative `status` is the signal that killed it."""

    status: int
    output: str
    errors: str
    took_s: float
    timed_out: bool = False
    out_of_memory: bool = False


def arguments(job: Job, store: Path, jobs: int, executor: str | None) -> list[str]:
    """What follows `labrys` on the command line of a job."""
    if not job.cell.simulated:
        words = shlex.split(job.cell.config(job.seed).command)[1:]
        return [*words, "--store", str(store), "--json"]
    if job.scenario is not None:
        # The night that found it has shrunk it; the budget is for what is not known yet.
        words = ["replay", str(store / SCENARIO), "--trust", "--no-shrink"]
        return [*words, "--store", str(store), "--json"]
    seeds = 1 if job.corpus else MOST_SEEDS
    words = _explore(job.cell, job.seed, seeds)
    if executor is None:
        words += ["--jobs", str(1 if job.corpus else jobs)]
    else:
        words += ["--executor", executor]
    if not job.corpus:
        words += ["--until-found", "--seconds", f"{job.seconds:g}"]
    # Nobody needs the page of a canary that was caught, nor those of three seeds with one flaw.
    words += ["--no-shrink", "--keep", "0"] if job.cell.canary else ["--keep", "1"]
    return [*words, "--store", str(store), "--json"]


def again(cell: Cell, seed: int, seeds: int = 1) -> str:
    """The line that repeats a seed of a cell, or several."""
    if not cell.simulated:
        return cell.config(seed).command
    return shlex.join(["labrys", *_explore(cell, seed, seeds)])


def _explore(cell: Cell, first_seed: int, seeds: int) -> list[str]:
    words = ["explore", cell.system]
    if cell.workload != RunConfig.workload:
        words += ["--workload", cell.workload]
    for name, value in sorted(cell.pinned.items()):
        if name == "require":
            words += [word for one in value for word in ("--require", one)]
            continue
        text = ",".join(value) or "none" if name == "faults" else f"{value}"
        words += [f"--{name.replace('_', '-')}", text]
    return [*words, "--first-seed", str(first_seed), "--seeds", str(seeds)]


def limit_s(job: Job) -> float:
    """How long a job may take at the very most."""
    if job.cell.simulated:
        return job.seconds + SLACK_S
    return limit_of(job.cell.config(job.seed))


def limit_of(config: RunConfig) -> float:
    """How long one run of `labrys run` may take at the very most."""
    return config.time_limit + config.recovery_limit + config.check_time_limit + SLACK_S


def carry_out(
    words: list[str], folder: Path, most_s: float,
    within: tuple[Path, list[str]] | None = None,
) -> Ended:  # fmt: skip
    """Run `labrys` with these words to its end; what it says is kept in the folder.

    `within` is another working directory, and where modules are found from there.

    A `KeyboardInterrupt` passes through once the process is gone.
    """
    # The same modules as here, wherever they were found: a system of your own may be among them.
    here, paths = within or (None, sys.path)
    path = os.pathsep.join(part for part in paths if part)
    command = [sys.executable, "-m", "harness", *words]
    killed_before = _out_of_memory()
    began = time.monotonic()
    timed_out = False
    said, errors = folder / "output.json", folder / "output.txt"
    with said.open("wb") as stdout, errors.open("wb") as stderr:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=here,
            env={**os.environ, "PYTHONPATH": path}, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(most_s)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            _end(process)
    return Ended(
        status=process.returncode,
        output=said.read_text("utf-8", "replace"),
        errors=errors.read_text("utf-8", "replace")[-4_000:],
        took_s=time.monotonic() - began,
        timed_out=timed_out,
        out_of_memory=_out_of_memory() > killed_before,
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """See that the process is gone, and with it all that it started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.returncode < 0:
        remove_leftovers()


def _out_of_memory() -> int:
    """How often the kernel has killed a process for want of memory."""
    try:
        words = _VMSTAT.read_text().split()
        return int(words[words.index("oom_kill") + 1])
    except (OSError, ValueError):
        return 0
