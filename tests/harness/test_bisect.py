"""`labrys bisect`: the commit that brought a failure, by replays in worktrees."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.bisect import BAD, GOOD, SKIPPED, JudgedCommit, commits, search
from harness.errors import UsageError
from harness.worktrees import Repository
from tests.processes import interrupted, labrys, start

SOUND = '''
"""A store of its own: Raft under another name. Version {number}."""

from systems_under_test.raft.node import Raft
from systems_under_test.raft.state import Role


class Store(Raft):
    def append_to_own_log(self, command):
        super().append_to_own_log(command)
'''
PLANTED = """
        if self.role is Role.LEADER and self.log.last_index > self.commit_index:
            self.commit(self.log.last_index)
"""
COMMITS, PLANTED_IN, BROKEN = 16, 11, 8


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@localhost", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first commit and 16 more: a violation is planted in one, and one does not import."""
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "--quiet")
    for number in range(COMMITS + 1):
        text = SOUND.format(number=number) + PLANTED * (number >= PLANTED_IN)
        text = "import nothing_of_that_name\n" * (number == BROKEN) + text
        (folder / "store.py").write_text(text)
        git(folder, "add", "store.py")
        git(folder, "commit", "--quiet", "--message", f"Version {number}")
    return folder


@pytest.fixture(scope="module")
def corpus(repository: Path) -> Path:
    """A corpus as a night writes it, whose last line is a failure of the newest commit."""
    line = "explore store:Store --seeds 60 --until-found --no-shrink --keep 1 --jobs 1 --json"
    found = json.loads(labrys(f"{line} --store ../found", repository).stdout)
    kept = next(one["run"] for one in found["kept"])
    scenario = json.loads((repository / kept / "scenario.json").read_text())
    entry = {
        "system": "store:Store", "workload": "register", "faults": "drawn",
        "environment": "simulated", "options": {}, "seed": 1, "scenario": scenario,
    }  # fmt: skip
    path = repository.parent / "corpus.jsonl"
    path.write_text(json.dumps({**entry, "scenario": None}) + "\n" + json.dumps(entry) + "\n")
    return path


def left_behind(repository: Path) -> list[str]:
    return git(repository, "worktree", "list").splitlines()[1:]


@pytest.mark.deep
def test_the_commit_of_a_planted_violation_is_named(repository: Path, corpus: Path) -> None:
    line = f"bisect {corpus} --good HEAD~{COMMITS} --trust"
    done = labrys(line, repository, seconds=500)
    assert done.returncode == 0, done.stdout + done.stderr
    *told, last = done.stdout.splitlines()
    assert "the first bad commit" in last
    assert last.endswith(f"Ada: Version {PLANTED_IN}")
    assert f"for {COMMITS} commits" in last
    (skipped,) = [one for one in told if one.startswith("?")]
    assert "nothing_of_that_name" in skipped, "a commit that cannot be judged says why"
    assert len(told) <= 8
    assert not left_behind(repository)


@pytest.mark.slow
def test_ctrl_c_leaves_no_worktree(repository: Path, corpus: Path) -> None:
    words = ["bisect", str(corpus), "--good", f"HEAD~{COMMITS}", "--trust"]
    process = start(words, repository)
    until = time.monotonic() + 60
    while not left_behind(repository) and time.monotonic() < until:
        time.sleep(0.05)
    assert left_behind(repository)
    _, errors = interrupted(process)
    assert "interrupted" in errors
    assert not left_behind(repository)


def made(words: str) -> Callable[[str], JudgedCommit]:
    """A judge of commits named by their number, of which the string tells: g, b or s."""
    names = {"g": GOOD, "b": BAD, "s": SKIPPED}
    return lambda commit: JudgedCommit(commit, names[words[int(commit)]])


def found_in(words: str) -> Any:
    """The search over commits 1 and later; the commit 0 is the good one."""
    listed = [str(number) for number in range(1, len(words))]
    return search("0", listed, made(words), lambda judged: None)


@pytest.mark.parametrize("length", [1, 2, 3, 16, 33])
def test_every_place_is_found_in_few_steps(length: int) -> None:
    for place in range(1, length + 1):
        found = found_in("g" * place + "b" * (length + 1 - place))
        assert (found.bad, found.good, found.between) == (str(place), str(place - 1), [])
        assert len(found.judged) <= length.bit_length() + 2


def test_what_cannot_be_judged_is_passed_over() -> None:
    found = found_in("ggsgsbsbb")
    assert (found.good, found.bad, found.between) == ("3", "5", ["4"])
    found = found_in("gsssssb")
    assert (found.good, found.bad, found.between) == ("0", "6", ["1", "2", "3", "4", "5"])
    assert found_in("gsggggb").between == []


@pytest.mark.parametrize(
    ("words", "told"),
    [("ggg", "--bad"), ("bbb", "--good"), ("sgb", "--good"), ("ggs", "--bad")],
)
def test_ends_of_the_range_are_what_they_must_be(words: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        found_in(words)


def test_ranges_that_are_none(repository: Path, tmp_path: Path) -> None:
    within = Repository(repository)
    assert len(commits(within, f"HEAD~{COMMITS}", "HEAD")) == COMMITS
    for good, bad, told in (
        ("HEAD", "HEAD~2", "does not come before"),
        ("HEAD", "HEAD", "does not come before"),
        ("nothing", "HEAD", "--good 'nothing' is not a commit"),
        ("HEAD~1", "nothing", "--bad 'nothing' is not a commit"),
    ):
        with pytest.raises(UsageError, match=told):
            commits(within, good, bad)
    with pytest.raises(UsageError, match="not in a git repository"):
        Repository(tmp_path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("bisect missing.jsonl --good HEAD~1", "cannot read missing.jsonl"),
        ("bisect corpus.jsonl --good HEAD~1 --line 9", "corpus.jsonl has no line 9; it has 2"),
        ("bisect corpus.jsonl --good HEAD~1 --line 1", "holds no scenario"),
        ("bisect corpus.jsonl --good HEAD~1 --line 2", "is not JSON"),
        ("bisect here.json --good HEAD~1 --line 2", "--line cannot be said of here.json"),
        ("bisect here.json --good HEAD~1", "here.json"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"system": "raft"}\n{\n')
    (tmp_path / "here.json").write_text("[]")
    done = labrys(line, tmp_path)
    assert done.returncode == 254
    assert told in done.stderr
