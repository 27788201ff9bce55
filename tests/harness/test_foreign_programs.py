"""Programs of others are started, cut, killed and judged as our own systems are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.environments.lab import namespaces_work
from tests.processes import ROOT, labrys

PAGE = ROOT / "docs" / "testing-your-system.md"

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(not namespaces_work(), reason="network namespaces cannot be made here"),
]

KEPT = '''
#!{python}
"""A store in memory: a read or a write a line."""
import asyncio, json, sys

values = {{}}


async def serve(reader, writer):
    while line := await reader.readline():
        function, key, argument = json.loads(line)
        if function == "write":
            values[key] = argument
        writer.write(json.dumps({{"result": values.get(key)}}).encode() + b"\\n")


async def main():
    host, port = sys.argv[2].split(":")
    server = await asyncio.start_server(serve, host, int(port))
    await server.serve_forever()

asyncio.run(main())
'''

READS_AND_WRITES = """
from dataclasses import replace
from checker.models.catalogue import MODELS
from workloads.register import REGISTER, RegisterCalls


class Calls(RegisterCalls):
    def next(self):
        while (call := super().next()).function == "cas":
            pass
        return call


WORK = replace(REGISTER, name="reads-and-writes", functions=("read", "write"), calls=Calls)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's class as printed, and a program for it."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "kept.py").write_text(code)
    (tmp_path / "kept").write_text(KEPT.format(python=sys.executable).lstrip())
    (tmp_path / "kept").chmod(0o755)
    (tmp_path / "work.py").write_text(READS_AND_WRITES)
    return tmp_path


def test_three_stores_that_know_nothing_of_each_other_are_convicted(folder: Path) -> None:
    done = labrys(
        "run kept:Kept --environment namespaces --nodes 3 --workload work:WORK --faults partition "
        "--time-limit 3 --seed 1",
        folder,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no order explains these" in done.stdout


def test_one_store_is_not(folder: Path) -> None:
    line = "run kept:Kept --nodes 1 --workload work:WORK --faults none --time-limit 2 --seed 1"
    for environment in ("namespaces", "local"):
        done = labrys(f"{line} --environment {environment}", folder)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_a_program_does_not_serve_is_refused_at_once(folder: Path) -> None:
    done = labrys("run kept:Kept --environment namespaces", folder)
    assert done.returncode == 254
    assert "calls cas: the system 'kept:Kept' serves read, write" in done.stderr
    assert not (folder / "store").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.unlink(), "No such file or directory"),
        (lambda file: file.write_text("#!/bin/sh\necho I am not well; exit 3\n"), "I am not well"),
        (lambda file: file.write_text("#!/bin/sh\nsleep 60\n"), "was not ready within 0.5 s"),
    ],
)
def test_a_program_that_does_not_start_is_one_sentence(
    folder: Path, change: object, words: str
) -> None:
    change(folder / "kept")  # type: ignore[operator]
    kept = folder / "kept.py"
    ports = "ports = (4000,)"
    kept.write_text(kept.read_text().replace(ports, f"{ports}\n    start_limit_s = 0.5"))
    done = labrys(
        "run kept:Kept --environment namespaces --workload work:WORK --faults none --seed 1", folder
    )
    assert done.returncode == 255, done.stdout + done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, check=False)
    assert left.stdout == b""
