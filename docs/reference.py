"""The pages of the reference that say what the code says: commands.md, configuration.md and
python-api.md.

    python docs/reference.py --write      # after an option, or a public name, has changed

A test fails while one of them is stale.
"""

import argparse
import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer

import checker
from harness.cli import app
from harness.commands.options import DEFAULTS, OF_A_RUN, SECONDS
from harness.nightly.plan import DEFAULT

HERE = Path(__file__).parent
MADE = "<!-- Made by docs/reference.py; change the code instead. -->"
OPTIONS = """\
Options of a run, read by `labrys run`, `compare` and `explore` from `labrys.toml` in the working
directory, or else from the table `[tool.labrys]` of `pyproject.toml`; `--config FILE` names another
file. The command line goes before the file. `compare` has the systems from the command line, and
`explore` leaves out what each seed has of its own, such as the environment."""
API = """\
What `import checker` gives; [checker.md](checker.md) has a whole program. Tests in pytest that
simulate a system are in [pytest.md](pytest.md)."""
KINDS = {str: "text", int: "number", float: "number", bool: "true or false"}


def pages() -> dict[str, str]:
    """What each page holds, by the name of its file."""
    return {
        "commands.md": "\n".join(_commands()),
        "configuration.md": "\n".join(_configuration()),
        "python-api.md": "\n".join(_api()),
    }


def _commands() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    yield from (MADE, "", "# Commands", "")
    yield "`labrys COMMAND --help` says the same. The exit status of each command:"
    yield ""
    yield from ("| status | means |", "|---|---|")
    yield "| 0 | valid, or done |"
    yield "| 1 | a violation, or a requirement that was missed; nothing else |"
    yield "| 2 | unknown: the reason is printed |"
    yield "| 254 | wrong arguments, or a file that cannot be read |"
    yield "| 255 | the harness or its environment failed |"
    for name, command in sorted(group.commands.items()):
        yield from ("", f"## labrys {name}", "")
        yield _sentences(command.help)
        taken = [p for p in command.params if p.param_type_name == "argument"]
        words = "".join(f" {_argument(p)}" for p in taken)
        yield from ("", f"    labrys {name} [OPTIONS]{words}", "")
        yield from ("| option | default | meaning |", "|---|---|---|")
        for parameter in command.params:
            shown = _argument(parameter) if parameter in taken else _option(parameter)
            yield f"| `{shown}` | {_default(parameter)} | {_cell(parameter.help)} |"
    yield ""


def _argument(parameter: Any) -> str:
    shown = parameter.name.upper() + "..." * (parameter.nargs < 0)
    return shown if parameter.required else f"[{shown}]"


def _option(parameter: Any) -> str:
    shown = ", ".join((*parameter.opts, *parameter.secondary_opts))
    if parameter.is_flag:
        return shown
    annotation = parameter.type_descriptor.annotation
    kind = parameter.metavar or {int: "N", float: "N", Path: "PATH"}.get(annotation, "TEXT")
    return f"{shown} {kind.strip('<>').upper()}"


def _default(parameter: Any) -> str:
    told = getattr(parameter, "show_default", None)
    if isinstance(told, str):
        return told
    value = parameter.default
    if callable(value) or value in (None, False, "", (), []):
        return ""
    return "yes" if value is True else f"`{value}`"


def _configuration() -> Iterator[str]:
    yield from (MADE, "", "# Configuration", "", "## labrys.toml", "")
    yield OPTIONS
    yield from ("", "```toml", 'system = "raft"', 'faults = ["partition", "kill"]')
    yield from ('time_limit = "2m"', 'require = ["ok>=99 during partition"]', "```", "")
    yield from ("| option | takes | default | meaning |", "|---|---|---|---|")
    yield "| `system` | text | | A name, or package.module:Class. |"
    for name, (kind, about) in OF_A_RUN.items():
        takes = "a duration" if name in SECONDS else KINDS.get(kind, "a list of texts")
        takes = "a list of texts" if name == "faults" else takes
        yield f"| `{name}` | {takes} | {_cell(DEFAULTS.get(name, ''))} | {_cell(about)} |"
    yield from (
        "",
        "A duration is a number of seconds, or a text: `500ms`, `30s`, `2m`, `1h30m`.",
        "",
    )
    yield from ("## The plan of a night", "")
    yield "What may stand in a plan is said in [nightly.md](nightly.md). This is the default one:"
    yield from ("", "```toml", DEFAULT.read_text(encoding="utf-8").rstrip(), "```", "")


def _api() -> Iterator[str]:
    yield from (MADE, "", "# The checker in Python", "")
    yield API
    for name in checker.__all__:
        thing = getattr(checker, name)
        yield from ("", f"## {name}", "")
        if not callable(thing):
            yield f"The models by their names: {', '.join(f'`{one}`' for one in thing)}."
            continue
        if inspect.isclass(thing) and issubclass(thing, Enum):
            yield from (f"One of {', '.join(f'`{name}.{one.name}`' for one in thing)}.", "")
        elif not (inspect.isclass(thing) and issubclass(thing, Exception)):
            yield from ("```python", *_called(name, thing), "```", "")
        yield inspect.getdoc(thing) or ""
    yield ""


def _called(name: str, thing: Any) -> Iterator[str]:
    """How it is called, one line a parameter."""
    yield f"{name}("
    for parameter in inspect.signature(thing).parameters.values():
        default = parameter.default
        if default is inspect.Parameter.empty:
            yield f"    {parameter.name},"
        elif isinstance(default, str):
            yield f'    {parameter.name}="{default}",'
        elif isinstance(default, int | float | tuple | None):
            yield f"    {parameter.name}={default!r},"
        else:
            yield f"    {parameter.name}=...,"
    yield ")"


def _sentences(text: str | None) -> str:
    return " ".join((text or "").split())


def _cell(text: str | None) -> str:
    """Text that may stand in a table."""
    return _sentences(text).replace("|", "\\|").replace("<", "&lt;")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the pages that are stale")
    write = parser.parse_args().write
    stale = [name for name, text in pages().items() if not _is(HERE / name, text)]
    for name in stale:
        print(f"{'written' if write else 'stale'}: docs/{name}")
        if write:
            (HERE / name).write_text(pages()[name], encoding="utf-8")
    sys.exit(1 if stale and not write else 0)


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
