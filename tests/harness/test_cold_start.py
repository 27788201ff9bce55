"""How soon `labrys check` answers of a small history, in a process of its own."""

import os
import resource
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from checker import History, write
from tests.checker.objects import OBJECTS, draw, linearizable

ROOT = Path(__file__).parents[2]

HEAVY = {
    "asyncio", "docker", "faker", "harness.config", "harness.nemesis",
    "jinja2", "multiprocessing", "networkx", "numba", "reports", "rich.console", "workloads",
}  # fmt: skip
"""What takes long to import, and a small history does without."""


def small(model: str, folder: Path) -> list[Path]:
    """Files of some small histories that are valid; values repeat in some of them."""
    random = Random(f"small {model}")
    parts = [draw(random, OBJECTS[model], most=12) for _ in range(40)]
    right = [own for own in parts if linearizable(own, OBJECTS[model])]
    paths = [folder / f"{number}.jsonl" for number in range(3)]
    for path, own in zip(paths, sorted(right, key=len)[-3:], strict=True):
        write(History(own), path)
    return paths


@pytest.mark.parametrize("model", ["cas-register", "queue", "mutex", "set", "counter", "stack"])
def test_a_small_history_is_judged_without_anything_heavy(model: str, tmp_path: Path) -> None:
    program = (
        "import sys, harness.cli\n"
        "try: harness.cli.main()\n"
        "except SystemExit as ended: status = ended.code\n"
        "print(*sorted(sys.modules)); sys.exit(status)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "check", "--model", model, *small(model, tmp_path)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    heavy = HEAVY & set(ended.stdout.splitlines()[-1].split())
    assert not heavy


@pytest.mark.timed
def test_a_small_history_is_judged_at_once(tmp_path: Path) -> None:
    """Four times the intended 0.5 s of a processor, so that a busy machine passes."""
    path = small("cas-register", tmp_path)[0]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "harness", "check", path], check=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 2


COMPILES = """
from pathlib import Path
from checker.linearizability import machine_code
machine_code._beside = lambda: False

from checker.linearizability.objects import lock_loop
from checker.linearizability.machine_code import indices
from checker.linearizability.search.compiling import compiled_before
print(compiled_before(lock_loop))
lock_loop.COMPILED_FROM = 1
from checker import MODELS, History, Operation, Outcome
from checker.linearizability.objects import rules
rules.COLUMNS_FROM = 1
held = Operation(0, "acquire", "k", None, None, Outcome.OK, 1, 2, 0, 0)
from checker import check
print(check([held], MODELS["mutex"]()).verdict.word)
print(compiled_before(lock_loop), *{path.parent for path in indices(lock_loop)})
"""


def compile_with(home: str) -> list[str]:
    """What a process says that cannot write beside the source."""
    program = COMPILES
    environment = {**os.environ, "HOME": home, "XDG_CACHE_HOME": ""}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT,
        env=environment,
    )  # fmt: skip
    return ended.stdout.split()


def test_machine_code_is_kept_for_the_user(tmp_path: Path) -> None:
    first, verdict, then, folder = compile_with(str(tmp_path))
    assert (first, verdict, then) == ("False", "valid", "True")
    assert Path(folder).is_relative_to(tmp_path / ".cache" / "labrys")
    assert compile_with(str(tmp_path))[:2] == ["True", "valid"]


@pytest.mark.parametrize("home", ["/dev/null", "/proc", "", "/" + 300 * "x"])
def test_a_home_that_cannot_be_written_changes_no_verdict(home: str) -> None:
    assert "valid" in compile_with(home)
