"""The exit status tells the verdict whatever happens to the output: 1 is a violation, and only
that.

Each trouble meets a valid and an invalid history, and a stored run of each kind. What the status
must be is said beside the trouble; in no case is there a traceback.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checker.errors import InternalError
from harness.cli import main

ROOT = Path(__file__).parents[2]
STORED = ROOT / "tests" / "stored"
VALID, INVALID = STORED / "raft-local", STORED / "ring-simulated"

LABRYS = [sys.executable, "-m", "harness"]

as_root = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("unshare") is None, reason="mounting needs root"
)


@pytest.fixture
def runs(tmp_path: Path) -> dict[str, Path]:
    """Copies of two stored runs and their histories, by name, with the status each must have."""
    for name, source in (("valid", VALID), ("invalid", INVALID)):
        shutil.copytree(source, tmp_path / name)
    return {name: tmp_path / name for name in ("valid", "invalid")}


def shell(
    line: str, folder: Path, *, env: dict[str, str] | None = None, timeout: float = 120
) -> tuple[int, str, str]:
    """Run a line of shell in which $L is labrys; its status, output and errors."""
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, timeout=timeout, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "L": shlex.join(LABRYS), **(env or {})},
    )  # fmt: skip
    errors = done.stderr.decode(errors="replace")
    assert "Traceback" not in errors, errors
    return done.returncode, done.stdout.decode(errors="replace"), errors


STATUS = {"valid": 0, "invalid": 1}
WHAT = ["{0}/history.jsonl {0}", "{0}/history.jsonl {0} --json"]
"""What `labrys check` is given: a file and a run; for people and for programs."""


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("name", STATUS)
def test_nobody_reads_the_output(runs: dict[str, Path], name: str, what: str) -> None:
    line = f"$L check {what.format(name)} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    assert shell(line, runs[name].parent)[::2] == (STATUS[name], "")


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("name", STATUS)
def test_the_output_cannot_be_written(runs: dict[str, Path], name: str, what: str) -> None:
    """The answer is lost, so this is not a success; a violation stays one."""
    status, _, errors = shell(f"$L check {what.format(name)} > /dev/full", runs[name].parent)
    assert status == (1 if name == "invalid" else 255)
    assert errors == "labrys: cannot write the output: No space left on device; make room for it\n"


@pytest.mark.parametrize("command", ["list", "--help", "report valid"])
def test_other_commands_whose_output_is_lost(runs: dict[str, Path], command: str) -> None:
    folder = runs["valid"].parent
    status, _, errors = shell(f"$L {command} > /dev/full", folder)
    assert (status, errors.count("\n")) == (255, 1)
    assert shell(f"$L {command} | true; exit ${{PIPESTATUS[0]}}", folder)[::2] == (0, "")


@pytest.mark.parametrize("name", STATUS)
def test_neither_output_nor_errors_can_be_written(runs: dict[str, Path], name: str) -> None:
    status, *_ = shell(f"$L check {name} >/dev/full 2>/dev/full", runs[name].parent)
    assert status == (1 if name == "invalid" else 255)
    assert shell(f"$L check {name} >&- 2>&-", runs[name].parent)[0] == STATUS[name]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "koi8-r", "utf-16"])
def test_any_encoding(runs: dict[str, Path], encoding: str) -> None:
    """The signs of the verdicts are replaced, and not by "?", which means unknown."""
    for name, glyph in (("valid", "+✔"), ("invalid", "x✘")):
        status, output, _ = shell(
            f"$L check {WHAT[0].format(name)}", runs[name].parent,
            env={"PYTHONIOENCODING": encoding},
        )  # fmt: skip
        assert status == STATUS[name]
        if encoding != "utf-16":
            line = next(line for line in output.splitlines() if f" {name} " in line)
            assert line[0] in glyph


def test_names_of_files_that_are_not_utf8(runs: dict[str, Path]) -> None:
    folder = os.fsencode(runs["valid"].parent)
    os.rename(folder + b"/valid", folder + b"/v\xffalid")
    status, _, _ = shell("$L check v*alid v*alid/history.jsonl", runs["valid"].parent)
    assert status == 0
    status, _, errors = shell("$L check $'no\\xffthing'", runs["valid"].parent)
    assert (status, errors.count("\n")) == (254, 1)


@as_root
@pytest.mark.parametrize("name", STATUS)
def test_a_read_only_store(runs: dict[str, Path], name: str) -> None:
    """The verdict is known and printed; that it cannot be kept is a warning. A page that was asked
    for and could not be written is a failure."""
    bound = "mount --bind . . && mount -o remount,bind,ro . && cd $PWD"
    for command, wanted in ((f"check {name}", STATUS[name]), (f"report {name}", 255)):
        line = f"unshare -m bash -c '{bound} && $L {command}'"
        status, output, errors = shell(line, runs[name].parent)
        assert status == wanted
        assert "Read-only file system" in errors
        assert errors.count("\n") == 1
        assert (f" {name} " in output) == (command != f"report {name}")


@as_root
@pytest.mark.parametrize("name", STATUS)
def test_a_disk_that_is_full(runs: dict[str, Path], name: str) -> None:
    (runs[name].parent / "small").mkdir()
    for command, wanted in (("check small/run", STATUS[name]), ("report small/run", 255)):
        # Room for what is there and for no page, which has 50 KB or more.
        size = f"$(($(du -sk {name} | cut -f1) + 24))k"
        mounted = f"mount -t tmpfs -o size={size} tmpfs small"
        line = f"unshare -m bash -c '{mounted} && cp -r {name} small/run && $L {command}'"
        status, _, errors = shell(line, runs[name].parent)
        assert status == wanted
        assert "make room" in errors
        assert errors.count("\n") == 1


HOMELESS = "unshare -U --map-user=12345 --map-group=12345 env -u HOME"
"""As a number that is no user's, which is how containers start programs."""


@as_root
def test_a_user_without_a_home(runs: dict[str, Path]) -> None:
    for name, wanted in STATUS.items():
        assert shell(f"{HOMELESS} $L check {name}", runs[name].parent)[0] == wanted


@as_root
def test_nowhere_to_keep_machine_code(runs: dict[str, Path]) -> None:
    program = (
        "import sys; from checker.linearizability.registers import zones; zones.COMPILED_FROM = 0;"
        "sys.argv = ['labrys', 'check', '--engine', 'zones', *sys.argv[1:]];"
        "from harness.cli import main; main()"
    )
    bound = " && ".join(
        f"mount --bind {place} {place} && mount -o remount,bind,ro {place}"
        for place in (ROOT, runs["valid"].parent)
    )
    inside = f'{HOMELESS} {sys.executable} -c "{program}" valid/history.jsonl'
    line = f"{bound} && cd $PWD && {inside}"
    status, output, _ = shell(f"unshare -m bash -c {shlex.quote(line)}", runs["valid"].parent)
    assert (status, "valid" in output) == (0, True)


@pytest.mark.deep
def test_without_assertions(runs: dict[str, Path]) -> None:
    """What judges needs none, and goes on; what finds violations by them is refused."""
    folder = runs["valid"].parent
    env = {"PYTHONOPTIMIZE": "1"}
    for name, wanted in STATUS.items():
        assert shell(f"$L check {name} {name}/history.jsonl", folder, env=env)[0] == wanted
    for command in (
        "explore raft-forgets-vote --seeds 24 --no-shrink", "run raft --environment local",
        "replay invalid", "nightly --budget 30m", "compare raft paxos",
    ):  # fmt: skip
        status, output, errors = shell(f"$L {command}", folder, env=env)
        assert (status, output) == (254, ""), command
        assert errors.count("\n") == 1
        assert "assertions" in errors
    assert not (folder / "store").exists()
    test = "def test_it(simulate_seeds):\n    simulate_seeds('raft-forgets-vote')\n"
    (folder / "test_mine.py").write_text(test)
    line = f"{sys.executable} -m pytest -q -p no:cacheprovider"
    status, output, _ = shell(f"{line} test_mine.py 2>/dev/null", folder, env=env)
    assert status == 1
    assert "assertions" in output
    serve = "-m systems_under_test.serve --system systems_under_test.single:Single --node n1"
    line = f"{sys.executable} {serve} --listen 127.0.0.1:0 --journal j"
    status, _, errors = shell(line, folder, env=env)
    assert (status not in (0, 1), "assertions" in errors) == (True, True)


@pytest.mark.parametrize(
    "error",
    [
        "RuntimeError('two\\nlines')", "MemoryError()", "RecursionError('deep')", "SystemExit(1)",
        "SystemExit('bye')", "SystemExit(0)", "OSError(28, 'No space left')",
        "KeyError(1)",
        "UnicodeEncodeError('ascii', 'x', 0, 1, 'no')", "BrokenPipeError()", "StopIteration()",
        "AssertionError()", "Exception('\\udcff')",
    ],
)  # fmt: skip
def test_whatever_is_raised(
    error: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception anywhere is one sentence and 255, and -v shows where it came from."""

    def broken(*words: object, **named: object) -> None:
        raise eval(error)

    monkeypatch.setattr("harness.judge.judged", broken)
    for words in (["check"], ["check", "-v"], ["-v", "check"]):
        monkeypatch.setattr(sys, "argv", ["labrys", *words, str(VALID)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (255, "")
        assert said.err.splitlines()[-1].startswith("labrys: ")
        assert ("Traceback" in said.err) == ("-v" in words)
        assert said.err.count("\n") == 1 or "-v" in words


@pytest.mark.parametrize("name", STATUS)
def test_a_run_of_an_earlier_version_is_read_judged_and_reported(
    runs: dict[str, Path], name: str
) -> None:
    before = json.loads((runs[name] / "result.json").read_text())
    folder = runs[name].parent
    status, output, errors = shell(f"$L check {name} && $L report {name}", folder)
    assert (status, errors) == (STATUS[name], "")
    after = json.loads((runs[name] / "result.json").read_text())
    # Words may change: the reason begins with the anomaly's name since.
    for part in ("verdict", "liveness", "findings", "statistics"):
        assert after[part] == before[part], part
    gates = [{gate["name"]: gate["passed"] for gate in one["gates"]} for one in (before, after)]
    assert gates[1] == {**gates[1], **gates[0]}
    found, was = (
        [step["invoked"] for step in result["linearizability"]["counterexample"] or ()]
        for result in (after, before)
    )
    assert found == was
    page = (runs[name] / "report.html").read_text()
    assert before["linearizability"]["verdict"] in page
    assert name in output


@pytest.mark.parametrize("what", ["invalid", "invalid/history.jsonl"])
def test_a_certificate_that_fails_is_no_verdict(
    runs: dict[str, Path], what: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def refuted(*words: object) -> None:
        raise InternalError("two parts disagree")

    monkeypatch.setattr("checker.linearizability.check.certified.certify_violation", refuted)
    path = str(runs["invalid"].parent / what)
    for words, wanted in (([path], 255), ([path, "--no-certify"], 1)):
        monkeypatch.setattr(sys, "argv", ["labrys", "check", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == wanted
        assert ("keep the history" in capsys.readouterr().err) == (wanted == 255)
    assert (runs["invalid"] / "history.jsonl").exists()
