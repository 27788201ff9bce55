"""Print what CHANGELOG.md says of the version of a tag, such as v0.1.0.

Ends with 1 where the tag, pyproject.toml, CITATION.cff and the first section do not agree, or that
section says that it is not yet released.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def notes(tag: str, root: Path = ROOT) -> str:
    """The notes; raises `ValueError` with what is wrong."""
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, and pyproject.toml has {version}")
    cited = re.search(r"^version: (\S+)$", (root / "CITATION.cff").read_text("utf-8"), re.M)
    if cited is None or cited[1] != version:
        raise ValueError(f"CITATION.cff does not say version: {version}")
    _, title, text, *_ = re.split(
        r"^## (.+)\n", (root / "CHANGELOG.md").read_text("utf-8"), flags=re.M
    )
    if not re.fullmatch(rf"{re.escape(version)}, \d{{4}}-\d\d-\d\d", title):
        raise ValueError(f"CHANGELOG.md begins with {title!r}; write '{version}, YYYY-MM-DD'")
    return text.strip() + "\n"


if __name__ == "__main__":
    try:
        print(notes(sys.argv[1]), end="")
    except ValueError as error:
        sys.exit(f"no release: {error}")
