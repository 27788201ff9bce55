"""Options in a TOML file: the one that is named, or the one that the working directory holds.

`labrys.toml` holds options as `RunConfig` has them; else `[tool.labrys]` of pyproject.toml does.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import OptionError, UsageError

_KEY = r"""(?:^|[{,])\s*["']?%s["']?\s*="""
_VALUE = r"(?<![\w-])%s(?![\w-])"

OWN, SHARED = Path("labrys.toml"), Path("pyproject.toml")


@dataclass(frozen=True)
class OptionsFile:
    """The options of a file, and its text, in which each has its line. `path` is None without a
    file."""

    path: Path | None = None
    values: dict[str, Any] = field(default_factory=dict)
    text: str = ""

    def where(self, error: UsageError, table: str = "", number: int = 1) -> str:
        """The file, and the line of what an error is about: of the option that it names, or of the
        value; within the `number`th of the [[tables]], if one is named. "" where the file does not
        have it."""
        first, lines = self._lines(table, number)
        quoted = re.findall(r"'([^']+)'", str(error))
        named = [error.option] if isinstance(error, OptionError) else quoted
        for shape in (_KEY, _VALUE):
            for name in named:
                wanted = re.compile(shape % re.escape(name))
                for at, line in enumerate(lines, start=first):
                    if wanted.search(line):
                        return f"{self.path}, line {at}"
        return f"{self.path}, line {first}" if table else ""

    def _lines(self, table: str, number: int) -> tuple[int, list[str]]:
        """The number of the first line of a table, or of the file, and the lines."""
        lines = ["" if line.lstrip().startswith("#") else line for line in self.text.splitlines()]
        heads = [at for at, line in enumerate(lines) if line.lstrip().startswith("[[")]
        own = [at for at in heads if lines[at].strip(" []").startswith(table)]
        if not table or number > len(own):
            return 1, lines
        begins = own[number - 1]
        ends = next((at for at in heads if at > begins), len(lines))
        return begins + 1, lines[begins:ends]


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
                where = OptionsFile(SHARED, {}, text).where(OptionError("labrys", ""))
                raise UsageError(f"{where}: [tool.labrys] must be a table of options; correct it")
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
