"""Which commit brought a failure: a binary search over commits, one replay of a scenario each.

Every commit is checked out into a worktree of its own, in a temporary folder, and judged there by a
process of its own, so that neither the user's checkout nor this process sees its code. A commit
that cannot be judged, since its code does not import or it fails in another way, is passed over;
where only such commits are left, the answer is that it is one of them.

Limits: a scenario holds faults and the world, and the calls are drawn as the system answers. Where
a commit changes what is drawn, the failure may not show in it though its cause is there.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checker.anomalies.anomaly import AnomalyKind
from harness.errors import UsageError
from harness.nightly.finding import answer_of, no_answer
from harness.nightly.job import SCENARIO
from harness.nightly.symptom import symptom_of
from harness.worktrees import Repository

GOOD, BAD, SKIPPED = "good", "bad", "skipped"
_HISTORY = "the history"


@dataclass(frozen=True)
class JudgedCommit:
    """What came of one commit: `word` is good, bad or skipped, `reason` why it is not good, and
    `symptom` what its failure is known by."""

    commit: str
    word: str
    reason: str = ""
    symptom: str = ""


@dataclass
class Bisection:
    """A search that ended: its last good commit, the first bad one, and what was passed over
    between them, which may as well have brought the failure."""

    good: str
    bad: str
    between: list[str] = field(default_factory=list)
    judged: list[JudgedCommit] = field(default_factory=list)


def commits(repository: Repository, good: str, bad: str) -> list[str]:
    """The commits from `good`, itself left out, to `bad`, the oldest first.

    Raises `UsageError` where there is no such commit, or no way from the one to the other.
    """
    for name, revision in (("--good", good), ("--bad", bad)):
        if not repository.commit(revision):
            raise UsageError(f"{name} {revision!r} is not a commit there; name another")
    listed = repository.between(good, bad)
    if not listed:
        raise UsageError(f"{good} does not come before {bad}; name an earlier commit with --good")
    return listed


def search(
    good: str,
    listed: Sequence[str],
    judge: Callable[[str], JudgedCommit],
    tell: Callable[[JudgedCommit], None],
) -> Bisection:
    """The first bad commit of `listed`, whose last one must be bad; `good` comes before them.

    Raises `UsageError` where an end of the range is not what it must be.
    """
    seen: dict[str, JudgedCommit] = {}

    def ask(commit: str) -> JudgedCommit:
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
    return Bisection(good if low < 0 else listed[low], listed[high], between, list(seen.values()))


class Commits:
    """Judges commits of a repository by a scenario, each in a worktree that is gone afterwards."""

    def __init__(self, repository: Repository, scenario: dict[str, Any], seconds: float) -> None:
        """`seconds` is how long one commit may take."""
        self._repository = repository
        self._scenario = scenario
        self._seconds = seconds
        self._wanted = ""

    def judge(self, commit: str, folder: Path) -> JudgedCommit:
        """What comes of the scenario at a commit; `folder` is empty, and for this commit alone.

        The first failure that is found is the one that is looked for in all other commits.
        """
        folder.mkdir()
        (folder / SCENARIO).write_text(json.dumps(self._scenario))
        with self._repository.checked_out(commit, folder / "worktree") as worktree:
            words = ["replay", str(folder / SCENARIO), "--trust", "--no-shrink"]
            words += ["--store", str(folder / "store"), "--json"]
            ended = self._repository.labrys(words, folder, self._seconds, worktree)
        answer = answer_of(ended)
        if answer is None:
            return JudgedCommit(commit, SKIPPED, no_answer(ended)[1])
        if not answer["failed"]:
            valid = answer["verdict"] == "valid"
            return (
                JudgedCommit(commit, GOOD)
                if valid
                else JudgedCommit(commit, SKIPPED, "it is undecided")
            )
        return self._failed(commit, answer["failed"][0])

    def _failed(self, commit: str, failed: dict[str, Any]) -> JudgedCommit:
        config = self._scenario.get("config") or {}
        names = {name: config.get(name) for name in ("system", "workload")}
        anomaly = failed.get("anomaly") or failed["kind"]
        symptom = symptom_of({**names, "anomaly": anomaly, "reason": failed["reason"]})
        # What a client sees of one flaw depends on who asked when, so it may have several names.
        known = _HISTORY if anomaly in set(AnomalyKind) else symptom.fingerprint
        if not self._wanted:
            self._wanted = known
        if known != self._wanted:
            return JudgedCommit(commit, SKIPPED, f"it fails otherwise: {failed['reason']}", known)
        return JudgedCommit(commit, BAD, failed["reason"], known)
