"""What the program tells people to type exists: commands, their options, and extras of the package.

All sentences are read where they stand in the code: in messages, in help and on pages.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer

from harness.cli import app
from tests.processes import ROOT

PACKAGES = ("harness", "checker", "systems_under_test", "workloads", "reports")
GAP = "\0"
"""Stands for what is put into a sentence."""

ELSEWHERE = {
    "--labrys-store": "pytest's, by our plugin",
    **dict.fromkeys(("--queue-num", "--queue-bypass", "--comment"), "of iptables"),
    **dict.fromkeys(("--peer", "--members"), "of a node's own program"),
}


def sentences() -> Iterator[tuple[str, str]]:
    """Each text of several words in the code and in the templates of pages, and where it is."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            parts = {
                id(value)
                for node in ast.walk(tree)
                if isinstance(node, ast.JoinedStr)
                for value in node.values
            }
            # Docstrings are for those who read the code.
            parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in parts:
                    text = _text(node)
                    if len(text.split()) > 2:
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", text
        for path in sorted((ROOT / package).rglob("*.j2")):
            yield str(path.relative_to(ROOT)), re.sub(r"\{[{%].*?[%}]\}", GAP, path.read_text())


def _text(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(_text(v) if isinstance(v, ast.Constant) else GAP for v in node.values)


@cache
def commands() -> dict[str, set[str]]:
    """The commands, and the options that each takes."""
    group: Any = typer.main.get_command(app)
    found: dict[str, set[str]] = {}
    for name, command in group.commands.items():
        options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        found[name] = {*options, "--help", "-h"}
    return found


COMMAND = re.compile(r"(?<![\w/.-])(`?)labrys ([a-z]+)\b([^`;\n]*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def is_command(quote: str, word: str, rest: str) -> bool:
    """Whether a line to type is meant, and not the name in a sentence."""
    return bool(quote) or word in commands() or rest.lstrip().startswith("--")


def test_commands_in_sentences_exist_with_their_options() -> None:
    seen = set()
    for where, text in sentences():
        for quote, word, rest in COMMAND.findall(text):
            if not is_command(quote, word, rest):
                continue
            seen.add(word)
            assert word in commands(), f"{where}: there is no command {word}"
            for option in OPTION.findall(rest):
                assert option in commands()[word], f"{where}: {word} has no {option}"
    assert len(seen) > 5


def test_options_in_sentences_exist() -> None:
    known = {option for options in commands().values() for option in options}
    seen, missing = set(), []
    for where, text in sentences():
        if re.search(r"\b(pip|docker|apt-get|dask|git|unshare|redis-server)\b", text):
            continue
        for option in OPTION.findall(text):
            seen.add(option)
            if option not in known and option not in ELSEWHERE:
                missing.append(f"{where}: {option}")
    assert missing == []
    assert len(seen) > 20


def test_extras_in_sentences_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found = {extra for _, text in sentences() for extra in re.findall(r"labrys\[([\w-]+)\]", text)}
    assert found
    assert found <= set(project["optional-dependencies"])


def test_a_hint_that_leads_nowhere_would_be_seen() -> None:
    (found,) = COMMAND.findall("see to it, then run `labrys tidy --all`")
    assert found == ("`", "tidy", " --all")
    assert is_command(*found)
    assert "tidy" not in commands()
    assert not is_command("", "said", " nothing")
