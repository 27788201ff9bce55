"""Plants mistakes in the engines, one at a time, and tells which are found, and by what.

    python -m tests.checker.fuzz.mutants [--histories 3000]

Each mistake is made in a copy of the checker, and the fuzzer runs against that. A mistake is found
by a *certificate*, where a verdict did not stand, or by the *fuzzer*, where it was another than the
truth or an exception.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
ENGINES = Path("checker/linearizability")
SECONDS = 150
WAYS = (
    "auto", "graph", "zones", "search", "auto in zones", "auto on columns", "search quick",
    "search whole", "search narrow",
)  # fmt: skip
"""Those that need nothing compiled, since each copy would have to be compiled again."""


LARGE = 100
LARGE_WAYS = ("auto", "search", "search quick", "auto on columns")
"""How many large histories, and how they are judged: those whose every order is not tried."""

CERTIFIED = re.compile("was not certified|there is no place for")
"""What is said where a verdict does not stand."""

REGISTERS = ("register", "cas-register", "etcd")
QUEUES = ("queue", "unordered-queue")

SUBJECTS = {
    "registers": REGISTERS,
    "objects": (
        *QUEUES, "list", "grow-only set", "set of elements", "counter", "mutex",
    ),
    "objects/queue.py": QUEUES,
    "search": (
        *REGISTERS, "kv", "multi-register", "stack of a user", "recorder of a user",
    ),
    "search/narrow.py": REGISTERS,
}  # fmt: skip
"""Of which histories are drawn, for each wing of the engines, or for a file that judges few."""

AIMED_WAYS = {"search/narrow.py": ("auto", "search quick")}
"""How these are judged, where few of the ways come to a file."""


@dataclass(frozen=True)
class Mutant:
    """One piece of text in a file of the engines is replaced by another, wherever it stands."""

    file: str
    right: str
    wrong: str

    @property
    def name(self) -> str:
        return f"{self.file}: {' '.join(self.right.split())} -> {' '.join(self.wrong.split())}"

    def plant(self, copy: Path) -> None:
        """Make the mistake in a copy."""
        path = copy / ENGINES / self.file
        text = path.read_text(encoding="utf-8")
        if self.right not in text:
            raise ValueError(f"{self.file} no longer holds {self.right!r}: choose another mistake")
        path.write_text(text.replace(self.right, self.wrong), encoding="utf-8")


MUTANTS = [
    Mutant(**planted)
    for planted in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["mutants"]
]


def run(mutant: Mutant, histories: int, seed: str) -> str:
    """How the mistake was found: "certificate", "fuzzer" or "not at all".

    By small histories or, where these do not, by a few large ones. What takes too long is not a
    find.
    """
    with tempfile.TemporaryDirectory(prefix="mutant") as name:
        copy = Path(name)
        for folder in ("checker", "tests/checker/fuzz"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
        mutant.plant(copy)
        small = [str(histories), "--each", "2"]
        large = [str(LARGE), "--each", "1", "--large-every", "1"]
        wing = mutant.file.partition("/")[0]
        subjects = SUBJECTS.get(mutant.file, SUBJECTS[wing])
        for size, ways in ((small, AIMED_WAYS.get(mutant.file, WAYS)), (large, LARGE_WAYS)):
            words = [*size, "--seed", seed]
            words += [word for way in ways for word in ("--way", way)]
            words += [word for subject in subjects for word in ("--model", subject)]
            found = _fuzzed(copy, words)
            if found:
                return "certificate" if CERTIFIED.search(found) else "fuzzer"
    return "not at all"


def _fuzzed(copy: Path, words: list[str]) -> str:
    """What the fuzzer says of a disagreement that it finds in this copy, if it does in time."""
    command = [sys.executable, "-m", "tests.checker.fuzz.campaign", *words]
    try:
        done = subprocess.run(
            command, cwd=copy, capture_output=True, text=True, timeout=SECONDS, check=False,
            env={"PYTHONPATH": str(copy)},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ""
    if done.returncode == 0:
        return ""
    if " of these " not in done.stdout:
        raise RuntimeError(f"the fuzzer does not run: {done.stderr[-500:]}")
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=6_000)
    parser.add_argument("--seed", default="mutants")
    options = parser.parse_args()
    found = 0
    for mutant in MUTANTS:
        how = run(mutant, options.histories, options.seed)
        found += how != "not at all"
        print(f"{how:12} {mutant.name}", flush=True)
    print(f"{found} of {len(MUTANTS)} mistakes were found")
    return 0 if found >= 0.9 * len(MUTANTS) else 1


if __name__ == "__main__":
    sys.exit(main())
