"""What nodes are given to find modules by: what is the user's, and nothing of our Python's own."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from harness.environments.processes import import_path

PRINT = "import json, checker, msgspec, harness; print(json.__file__)"


def test_the_users_folders_are_there_and_our_library_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    found = import_path()
    assert found[0] == str(tmp_path)
    library = sysconfig.get_path("stdlib")
    for path in found:
        assert not Path(path, "asyncio").is_dir(), path
        assert not Path(path, "msgspec").is_dir(), path
        assert not path.startswith(library + "/lib-dynload"), path


def test_our_own_nodes_still_find_all_they_need(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": ":".join(import_path())}
    done = subprocess.run(
        [sys.executable, "-c", PRINT], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
