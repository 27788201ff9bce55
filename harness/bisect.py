"""Which commit brought a failure: a binary search over commits, one replay of a scenario each.

Every commit is checked out into a worktree of its own, in a temporary folder, and judged there by a
process of its own, so that neither the user's checkout nor this process sees its code. A commit
that cannot be judged, since its code does not import or it fails in another way, is passed over;
where only such commits are left, the answer is that it is one of them.

Limits: a scenario holds faults and the world, and the calls are drawn as the system answers. Where
a commit changes what is drawn, the failure may not show in it though its cause is there.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checker.anomalies.anomaly import AnomalyKind
from harness.errors import HarnessError, UsageError
from harness.nightly.finding import answer_of, no_answer
from harness.nightly.job import SCENARIO, carry_out
from harness.nightly.symptom import symptom_of
from harness.provenance import git

GOOD, BAD, SKIPPED = "good", "bad", "skipped"
_HISTORY = "the history"


@dataclass(frozen=True)
class Judged:
    """What came of one commit: `word` is good, bad or skipped, `reason` why it is not good, and
    `symptom` what its failure is known by."""

    commit: str
    word: str
    reason: str = ""
    symptom: str = ""


@dataclass
class Search:
    """A search that ended: its last good commit, the first bad one, and what was passed over
    between them, which may as well have brought the failure."""

    good: str
    bad: str
    between: list[str] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)


def commits(repository: Path, good: str, bad: str) -> list[str]:
    """The commits from `good`, itself left out, to `bad`, the oldest first.

    Along first parents, so that a branch that was merged is one commit. Raises `UsageError` where
    there is no repository, no such commit, or no way from the one to the other.
    """
    if not git(repository, "rev-parse", "--git-dir"):
        raise UsageError(f"{repository} is not a git repository; name another with --repository")
    for name, revision in (("--good", good), ("--bad", bad)):
        if not full(repository, revision):
            raise UsageError(f"{name} {revision!r} is not a commit of {repository}; name another")
    listed = git(repository, "rev-list", "--reverse", "--first-parent", f"{good}..{bad}").split()
    base = git(repository, "merge-base", good, bad)
    if not listed or base != full(repository, good):
        raise UsageError(f"{good} does not come before {bad}; name an earlier commit with --good")
    return listed


def full(repository: Path, revision: str) -> str:
    """The whole name of a commit, "" where there is none."""
    return git(repository, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")


def subject(repository: Path, commit: str) -> str:
    """ "1a2b3c4d 2026-11-23 Ada: An empty log wins no election"."""
    return git(repository, "show", "--no-patch", "--abbrev=12", "--date=short",
               "--format=%h %ad %an: %s", commit)  # fmt: skip


def search(
    good: str, listed: Sequence[str], judge: Callable[[str], Judged], tell: Callable[[Judged], None]
) -> Search:
    """The first bad commit of `listed`, whose last one must be bad; `good` comes before them.

    Raises `UsageError` where an end of the range is not what it must be.
    """
    seen: dict[str, Judged] = {}

    def ask(commit: str) -> Judged:
        if commit not in seen:
            seen[commit] = judge(commit)
            tell(seen[commit])
        return seen[commit]

    for commit, word, option in ((listed[-1], BAD, "--bad"), (good, GOOD, "--good")):
        found = ask(commit)
        if found.word != word:
            raise UsageError(
                f"{commit[:12]} should be {word} and is {found.word}"
                + (f": {found.reason}" if found.reason else "")
                + f"; name another commit with {option}"
            )
    low, high = -1, len(listed) - 1
    while open_ := [n for n in range(low + 1, high) if listed[n] not in seen]:
        middle = (low + high) // 2
        number = min(open_, key=lambda n: abs(n - middle))
        word = ask(listed[number]).word
        if word == BAD:
            high = number
        elif word == GOOD:
            low = number
    between = list(listed[low + 1 : high])
    return Search(good if low < 0 else listed[low], listed[high], between, list(seen.values()))


class Commits:
    """Judges commits of a repository by a scenario, each in a worktree that is gone afterwards."""

    def __init__(self, repository: Path, scenario: dict[str, Any], seconds: float) -> None:
        """`seconds` is how long one commit may take."""
        self._root = Path(git(repository, "rev-parse", "--show-toplevel")).resolve()
        self._scenario = scenario
        self._seconds = seconds
        self._wanted = ""

    def judge(self, commit: str, folder: Path) -> Judged:
        """What comes of the scenario at a commit; `folder` is empty, and for this commit alone.

        The first failure that is found is the one that is looked for in all other commits.
        """
        folder.mkdir()
        (folder / SCENARIO).write_text(json.dumps(self._scenario))
        with self._checked_out(commit, folder / "worktree") as worktree:
            words = ["replay", str(folder / SCENARIO), "--trust", "--no-shrink"]
            ended = carry_out(
                [*words, "--store", str(folder / "store"), "--json"], folder, self._seconds,
                within=(self._moved(Path.cwd(), worktree) or worktree, self._paths(worktree)),
            )  # fmt: skip
        answer = answer_of(ended)
        if answer is None:
            return Judged(commit, SKIPPED, no_answer(ended)[1])
        if not answer["failed"]:
            valid = answer["verdict"] == "valid"
            return Judged(commit, GOOD) if valid else Judged(commit, SKIPPED, "it is undecided")
        return self._failed(commit, answer["failed"][0])

    def _failed(self, commit: str, failed: dict[str, Any]) -> Judged:
        config = self._scenario.get("config") or {}
        names = {name: config.get(name) for name in ("system", "workload")}
        anomaly = failed.get("anomaly") or failed["kind"]
        symptom = symptom_of({**names, "anomaly": anomaly, "reason": failed["reason"]})
        # What a client sees of one flaw depends on who asked when, so it may have several names.
        known = _HISTORY if anomaly in set(AnomalyKind) else symptom.fingerprint
        if not self._wanted:
            self._wanted = known
        if known != self._wanted:
            return Judged(commit, SKIPPED, f"it fails otherwise: {failed['reason']}", known)
        return Judged(commit, BAD, failed["reason"], known)

    @contextlib.contextmanager
    def _checked_out(self, commit: str, worktree: Path) -> Iterator[Path]:
        """A worktree of a commit, removed whatever happens."""
        command = ["git", "-C", str(self._root), "worktree"]
        try:
            made = subprocess.run(
                [*command, "add", "--detach", "--quiet", str(worktree), commit],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if made.returncode:
                said = " ".join(made.stderr.split())
                raise HarnessError(f"git cannot check out {commit[:12]}: {said}; see git worktree")
            yield worktree
        finally:
            subprocess.run([*command, "remove", "--force", str(worktree)], capture_output=True,
                           check=False)  # fmt: skip
            subprocess.run([*command, "prune"], capture_output=True, check=False)

    def _paths(self, worktree: Path) -> list[str]:
        """Where modules are found: as here, but those of the repository in the worktree."""
        # An installed package that leads back into the repository must not win over the worktree.
        paths = [Path(part) for part in sys.path if part]
        moved = [self._moved(part, worktree) or part for part in paths]
        return list(dict.fromkeys(map(str, [worktree, *moved])))

    def _moved(self, path: Path, worktree: Path) -> Path | None:
        """A place in the repository as a place in its worktree; None for others, and for what is
        not versioned, such as a virtual environment."""
        path = path.resolve()
        if path != self._root and self._root not in path.parents:
            return None
        moved = worktree / os.path.relpath(path, self._root)
        return moved if moved.is_dir() else None
