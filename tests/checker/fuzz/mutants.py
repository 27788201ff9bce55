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


MUTANTS = (
    Mutant(
        "registers/chains.py", "late[w] = max(late[w], call[i])", "late[w] = min(late[w], call[i])"
    ),
    Mutant("registers/chains.py", "if ret[node] < begun or early", "if ret[node] > begun or early"),
    Mutant(
        "registers/chains.py",
        "ends = max(ends, call[node], late[node])",
        "ends = max(ends, call[node])",
    ),
    Mutant(
        "registers/chains.py", "if last[rival] > first[root]:", "if last[rival] > first[root] + 2:"
    ),
    Mutant("registers/zones.py", "hit = cas & happened & (", "hit = cas & ("),
    Mutant(
        "registers/zones.py",
        "np.arange(2 * count) >= count, both",
        "np.arange(2 * count) < count, both",
    ),
    Mutant("registers/graph.py", "ended(early) < began(latest)", "ended(early) <= began(latest)"),
    Mutant(
        "registers/graph.py",
        "sorted(cluster.reads, key=began)",
        "sorted(cluster.reads, key=began, reverse=True)",
    ),
    Mutant(
        "objects/queue.py",
        "if ended(later.dequeue) < first.leaves:",
        "if ended(later.dequeue) < first.inside:",
    ),
    Mutant(
        "objects/ordered.py",
        "ended(operation) < began(latest)",
        "ended(operation) <= began(latest)",
    ),
    Mutant("objects/elements.py", "if began(o) > comes]", "if ended(o) > comes]"),
    Mutant("objects/columnar.py", "gots > 1) | (left < begun)", "gots > 2) | (left < begun)"),
    Mutant(
        "search/of_columns.py",
        "np.maximum.reduceat(open_[1:], bounds[some])",
        "np.maximum.reduceat(open_[:-1], bounds[some])",
    ),
    Mutant(
        "search/of_columns.py",
        "(kind == window.CAS) & (result != expected)",
        "(kind == window.CAS) & (result == expected)",
    ),
    Mutant("search/frontier.py", "if (g | differ) & ~f:", "if g & ~f:"),
    Mutant("search/frontier.py", "if front[c * size] == only:", "if front[c * size] >= only:"),
    Mutant("search/frontier.py", "if ops[op + RESETS]:", "if not ops[op + RESETS]:"),
    Mutant("search/narrow.py", "if resets:", "if not resets:"),
    Mutant(
        "search/depth.py",
        "if not (free | (used ^ other_used)) & ~other_free:",
        "if not free & ~other_free:",
    ),
    Mutant(
        "search/shrink.py",
        "gone = {id(o) for o in taken if o.function in observers}",
        "gone = {id(o) for o in taken}",
    ),
)
"""Twenty: comparisons, indices and signs in zones, graph, rules, columns and searches."""


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
