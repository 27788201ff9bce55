"""Options in a TOML file: the one that is named, or the one that the working directory holds.

`labrys.toml` holds options as `RunConfig` has them; else `[tool.labrys]` of pyproject.toml does.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import OptionError, UsageError

OWN, SHARED = Path("labrys.toml"), Path("pyproject.toml")


@dataclass(frozen=True)
class OptionsFile:
    """The options of a file, and its text, in which each has its line. `path` is None without a
    file."""

    path: Path | None = None
    values: dict[str, Any] = field(default_factory=dict)
    text: str = ""

    def where(self, error: UsageError) -> str:
        """The file, and the line of the option that an error is about."""
        named = error.option if isinstance(error, OptionError) else _quoted(str(error))
        for number, line in enumerate(self.text.splitlines(), start=1):
            if named and re.match(rf"\s*[\"']?{re.escape(named)}[\"']?\s*=", line):
                return f"{self.path}, line {number}"
        return str(self.path)


def read_options(path: Path | None) -> OptionsFile:
    """The options of the file that is named, else of the one that is found, else none.

    Raises `UsageError` for a file that cannot be read.
    """
    if path is not None:
        values, text = _read(path)
        return OptionsFile(path, values, text)
    if OWN.is_file():
        return read_options(OWN)
    if SHARED.is_file():
        values, text = _read(SHARED)
        tools = values.get("tool")
        own = tools.get("labrys") if isinstance(tools, dict) else None
        if own is not None:
            if not isinstance(own, dict):
                raise UsageError(f"{SHARED}: [tool.labrys] must be a table of options; correct it")
            return OptionsFile(SHARED, own, _table(text))
    return OptionsFile()


def _read(path: Path) -> tuple[dict[str, Any], str]:
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}; correct the file") from error


def _table(text: str) -> str:
    """The text with the lines of all other tables left blank, so that lines keep their numbers."""
    kept, inside = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("["):
            inside = line.strip().startswith("[tool.labrys")
        kept.append(line if inside else "")
    return "\n".join(kept)


def _quoted(sentence: str) -> str:
    found = re.search(r"option '(\w+)'", sentence)
    return found[1] if found else ""
