"""The example of docs/checker.md prints what it says."""

import contextlib
import io
import re
from pathlib import Path


def test_the_example_of_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "checker.md").read_text()
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    printed = re.search(r"It prints\n\n```\n(.*?)```", text, re.DOTALL)
    assert program is not None
    assert printed is not None
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(program[1], {})
    assert output.getvalue() == printed[1]
