"""Whether the limits of time and memory hold: `python benchmarks/limits.py [--time-limit 2]`.

Judges hard histories of every bundled model, valid and not, and prints for each model how many were
decided, by how much the time limit was exceeded at most, and the most memory that was resident.
Each model has a process of its own. Ends with status 1 if a limit did not hold, or a verdict was
wrong.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.hard_histories import KINDS, hard
from checker import MODELS, check

MIB = 1 << 20
SLACK_S, SLACK = 0.3, 0.1
SLACK_MIB = 150


def peak_mib() -> float:
    """The most memory that was resident since `forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def forget_peak() -> None:
    """Start measuring again."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


def judge(
    name: str, histories: int, time_limit_s: float, memory_mib: int
) -> list[dict[str, object]]:
    """Judge some histories of a model here, each with what it took."""
    random = Random(f"hard {name}")
    rows = []
    # What is imported when it is first needed is no part of a check, nor is what Python keeps.
    first = hard(name, "first", 60, 5, 0, wrong=True)
    check(first, MODELS[name](), engine="search", memory_limit_bytes=memory_mib * MIB)
    for number in range(histories):
        wrong = number % 2 == 1
        shape = {
            "count": random.choice([60, 300, 1_000, 4_000]),
            "clients": random.choice([5, 10, 20, 50]),
            "crashed": random.choice([0, 0, 5, 20]),
        }
        operations = hard(name, f"{name} {number}", wrong=wrong, **shape)
        forget_peak()
        started, worked = time.monotonic(), time.process_time()
        result = check(
            operations,
            MODELS[name](),
            time_limit_s=time_limit_s,
            memory_limit_bytes=memory_mib * MIB,
        )
        rows.append(
            {
                **shape,
                "model": name,
                "wrong": wrong,
                "verdict": result.verdict.word,
                "seconds": time.monotonic() - started,
                "processor_seconds": time.process_time() - worked,
                "peak_mib": peak_mib(),
                "shown": len(result.counterexample),
                "reason": result.reason,
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--time-limit", type=float, default=2.0, help="seconds for each history")
    parser.add_argument("--memory-limit", type=int, default=256, help="MiB for each history")
    parser.add_argument("--histories", type=int, default=26, help="histories of each model")
    parser.add_argument("--model", choices=[*KINDS, "all"], default="all")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each history")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    limits = options.histories, options.time_limit, options.memory_limit
    if options.here:
        print(json.dumps(judge(options.model, *limits)))
        return
    longest = (1 + SLACK) * options.time_limit + SLACK_S
    held = True
    for name in KINDS if options.model == "all" else [options.model]:
        command = [sys.executable, __file__, "--model", name, "--here"]
        for option, value in zip(("histories", "time-limit", "memory-limit"), limits, strict=True):
            command += [f"--{option}", str(value)]
        rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        bad = [
            row
            for row in rows
            if row["verdict"] == ("valid" if row["wrong"] else "invalid")
            or row["seconds"] > longest
            or row["peak_mib"] > options.memory_limit + SLACK_MIB
        ]
        held &= not bad
        if options.json:
            print("\n".join(map(json.dumps, rows)), flush=True)
            continue
        verdicts = [row["verdict"] for row in rows]
        print(
            f"{name:16} {len(rows)} histories: {verdicts.count('valid')} valid, "
            f"{verdicts.count('invalid')} invalid, {verdicts.count('unknown')} unknown; at most "
            f"{max(row['seconds'] for row in rows):.2f} s (limit {options.time_limit:g}) and "
            f"{max(row['peak_mib'] for row in rows):.0f} MiB (limit {options.memory_limit})",
            flush=True,
        )
        for row in bad:
            print(f"   did not hold: {json.dumps(row)}", flush=True)
    sys.exit(not held)


if __name__ == "__main__":
    main()
