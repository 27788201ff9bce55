"""How soon real runs convict each flaw: `python benchmarks/flaws_in_processes.py [NAME ...]`.

Up to ten runs of each flawed system as local processes, each of another seed, until one is invalid.
Printed is the second table of docs/flaws.md; with `--write` it is put there.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.registry import SYSTEMS

PAGE = Path(__file__).parents[1] / "docs" / "flaws.md"
BEGIN, END = "<!-- measured by benchmarks/flaws_in_processes.py -->", "<!-- end -->"

USUAL = "--faults partition,kill,pause"
OPTIONS: dict[str, str] = {}
"""What else than the usual options shows a flaw."""


def row(name: str, runs: int, environment: str, store: str) -> str:
    """One line of the table."""
    options = OPTIONS.get(name, USUAL)
    for seed in range(1, runs + 1):
        words = [
            sys.executable, "-m", "harness", "run", name, "--environment", environment,
            "--time-limit", "20", *options.split(), "--seed", str(seed), "--json",
            "--store", store,
        ]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1, 2):
            raise SystemExit(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
        print(f"  {name} seed {seed}: {done.returncode}", file=sys.stderr, flush=True)
        if done.returncode == 1:
            told = json.loads(done.stdout)
            return f"| `{name}` | {seed} | {reason(told)} | `{options}` |"
    return f"| `{name}` | not in {runs} | – | `{options}` |"


def reason(told: dict[str, object]) -> str:
    return str(told["reason"])[:120]
