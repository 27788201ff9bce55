"""The example of docs/checker.md prints what it says, and needs no package but the checker."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import checker

ROOT = Path(__file__).parents[2]


def test_the_example_runs_where_there_is_only_the_checker(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "checker.md").read_text()
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    printed = re.search(r"It prints\n\n```\n(.*?)```", text, re.DOTALL)
    assert program is not None
    assert printed is not None
    assert len([line for line in program[1].splitlines() if line]) <= 10
    shutil.copytree(ROOT / "checker", tmp_path / "checker")
    (tmp_path / "example.py").write_text(
        f"{program[1]}\nimport sys\n"
        "others = {'harness', 'reports', 'workloads', 'systems_under_test'} & set(sys.modules)\n"
        "assert not others, others\n"
        f"assert sys.modules['checker'].__file__.startswith({str(tmp_path)!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout == printed[1]


def test_every_name_of_the_package_leads_somewhere() -> None:
    for name in checker.__all__:
        assert getattr(checker, name) is not None
    assert not hasattr(checker, "nothing")
