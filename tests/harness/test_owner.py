"""A run that may be alive is never taken for dead, and its things are never removed."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.environments import owner
from harness.environments.local import LocalCluster
from harness.environments.owner import Owner, this_process
from tests.harness.deployments import deployment

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.getuid() != 0, reason="namespaces and mounts need root")

LOOK = (
    "import sys; from harness.environments.owner import Owner; "
    "sys.exit(0 if Owner.parse(sys.argv[1]).alive() else 3)"
)


def seen_alive(mark: str, *prefix: str) -> bool:
    """Whether another process, started with this prefix, takes the owner of a mark for alive."""
    command = [*prefix, sys.executable, "-c", LOOK, mark]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    status = subprocess.run(command, env=environment, check=False).returncode
    assert status in (0, 3)
    return status == 0


def test_the_mark_of_a_living_and_of_a_dead_process() -> None:
    mine = this_process("abc")
    assert Owner.parse(mine.text()) == mine
    assert Owner.parse("something else") is None
    assert seen_alive(mine.text())
    dead = subprocess.Popen(["true"])
    dead.wait()
    for pid, began in ((dead.pid, mine.began), (mine.pid, "1"), (dead.pid, "")):
        assert not seen_alive(replace(mine, pid=pid, began=began).text())
    assert not seen_alive(replace(mine, boot="another").text())
    assert seen_alive(replace(mine, host="another").text())


@as_root
@pytest.mark.parametrize("options", ["--pid --fork --mount-proc", "--pid --fork"])
def test_in_another_namespace_it_may_be_alive(options: str) -> None:
    """Whether /proc shows that namespace or still ours, in which the numbers are others."""
    assert seen_alive(this_process("abc").text(), "unshare", *options.split())


def test_a_process_that_is_hidden_may_be_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under hidepid: /proc has no entry, and a signal is not allowed."""
    mine = replace(this_process("abc"), pid=2**22 + 1)
    assert not mine.alive()

    def refused(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(owner.os, "kill", refused)
    assert mine.alive()


class _Proxy:
    """A proxy in whose last moments somebody presses Ctrl-C."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    def kill(self) -> None:
        pass

    async def communicate(self) -> None:
        raise self._error


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt])
def test_an_interrupted_closing_leaves_no_journals(
    tmp_path: Path, error: type[BaseException]
) -> None:
    cluster = LocalCluster(deployment("single", ["n1"], tmp_path))
    (tmp_path / "data" / "n1").mkdir(parents=True)
    (tmp_path / "data" / "n1" / "journal").write_bytes(b"record")
    cluster._proxy = _Proxy(error)  # type: ignore[assignment]
    with pytest.raises(error):
        cluster.close().send(None)
    assert not (tmp_path / "data").exists()
