"""Commits of a repository in worktrees: the code of each is run by a process of its own.

Neither the user's checkout nor this process sees that code. Worktrees are registered with the
repository, so each is removed whatever happens.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import HarnessError, UsageError
from harness.nightly.job import Ended, carry_out
from harness.provenance import git


class Repository:
    """The repository in which a folder lies."""

    def __init__(self, folder: Path) -> None:
        """Raises `UsageError` where the folder lies in none."""
        top = git(folder, "rev-parse", "--show-toplevel")
        if not top:
            raise UsageError(f"{folder} is not in a git repository; name another --repository")
        self._root = Path(top).resolve()

    def commit(self, revision: str) -> str:
        """The whole name of a commit, "" where there is none."""
        return git(self._root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")

    def between(self, good: str, bad: str) -> list[str]:
        """The commits after `good` up to `bad`, the oldest first, along first parents, so that a
        branch that was merged is one; none where the one does not lead to the other."""
        if git(self._root, "merge-base", good, bad) != self.commit(good):
            return []
        return git(self._root, "rev-list", "--reverse", "--first-parent", f"{good}..{bad}").split()

    def told(self, commit: str) -> str:
        """ "1a2b3c4d 2026-11-23 Ada: An empty log wins no election"."""
        form = "--format=%h %ad %an: %s"
        return git(self._root, "show", "--no-patch", "--abbrev=12", "--date=short", form, commit)

    @contextlib.contextmanager
    def checked_out(self, commit: str, worktree: Path) -> Iterator[Path]:
        """A worktree of a commit, removed at the end."""
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
            for words in (["remove", "--force", str(worktree)], ["prune"]):
                subprocess.run([*command, *words], capture_output=True, check=False)

    def labrys(self, words: Sequence[str], folder: Path, most_s: float, worktree: Path) -> Ended:
        """Run `labrys` with the code of a worktree; what it says is kept in `folder`. Modules are
        found as in this process, with those of the repository in the worktree."""
        # An installed package that leads back into the repository must not win over the worktree.
        moved = [self._moved(path, worktree) or path for path in map(Path, filter(None, sys.path))]
        paths = list(dict.fromkeys(map(str, [worktree, *moved])))
        here = self._moved(Path.cwd(), worktree) or worktree
        return carry_out(list(words), folder, most_s, within=(here, paths))

    def _moved(self, path: Path, worktree: Path) -> Path | None:
        """A place in the repository as a place in its worktree; None for others, and for what is
        not versioned, such as a virtual environment."""
        path = path.resolve()
        if path != self._root and self._root not in path.parents:
            return None
        moved = worktree / os.path.relpath(path, self._root)
        return moved if moved.is_dir() else None
