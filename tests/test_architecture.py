"""The layout is a promise: imports point down, and what must be pure has no way to the world."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("harness", "workloads", "reports", "checker", "systems_under_test")

MAY_IMPORT = {
    "harness": set(PACKAGES),
    "workloads": {"workloads", "checker"},
    "reports": {"reports", "checker"},
    "checker": {"checker"},
    "systems_under_test": {"systems_under_test"},
}

DRIVERS = {"serve.py", "driver.py", "connections.py", "journal.py", "wall_clock.py", "weak_disk.py"}
"""The only files of the systems that may touch sockets, clocks, files and threads."""

WORLD = {
    "asyncio", "ctypes", "io", "multiprocessing", "os", "pathlib", "queue", "select", "selectors",
    "signal", "socket", "subprocess", "tempfile", "threading", "time",
}  # fmt: skip

LONGEST_FUNCTION = 70
LONGEST_FILE = 400


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The full name of every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_down(package: str) -> None:
    for path in files(package):
        across = roots(path) & set(PACKAGES) - MAY_IMPORT[package]
        assert not across, f"{path.relative_to(ROOT)} imports {across}"


def test_systems_use_the_standard_library_alone() -> None:
    import sys

    for path in files("systems_under_test"):
        foreign = roots(path) - set(sys.stdlib_module_names) - {"systems_under_test"}
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


def test_the_checker_can_be_installed_alone() -> None:
    """Its distribution names all that it imports, and not the engine, the server or the charts."""
    import sys
    import tomllib

    alone = tomllib.loads((ROOT / "packaging/checker/pyproject.toml").read_text())["project"]
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert alone["version"] == whole["version"]
    assert alone["requires-python"] == whole["requires-python"]
    assert set(alone["dependencies"]) <= set(whole["dependencies"])
    named = {requirement.partition(">")[0] for requirement in alone["dependencies"]}
    for path in files("checker"):
        foreign = roots(path) - set(sys.stdlib_module_names) - {"checker"}
        assert foreign <= named, f"{path.relative_to(ROOT)} imports {foreign - named}"


@pytest.mark.parametrize("package", PACKAGES)
def test_types_are_for_others_to_use(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def test_commands_say_where_their_options_go() -> None:
    for path in files("harness"):
        assert "locals()" not in path.read_text(encoding="utf-8"), path.relative_to(ROOT)


def test_only_drivers_touch_the_world() -> None:
    for path in files("systems_under_test"):
        if path.name not in DRIVERS:
            assert not roots(path) & WORLD, (
                f"{path.relative_to(ROOT)} imports {roots(path) & WORLD}"
            )


def test_protocols_draw_only_from_the_generator_they_are_given() -> None:
    for path in files("systems_under_test"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "random":
                names = {alias.name for alias in node.names}
                assert names == {"Random"}, f"{path.relative_to(ROOT)} imports {names} from random"
            elif isinstance(node, ast.Import):
                assert "random" not in {alias.name for alias in node.names}, path


def test_workloads_name_no_system() -> None:
    for path in files("workloads"):
        assert "raft" not in path.read_text(encoding="utf-8").lower(), path


def test_only_commands_import_reports() -> None:
    for path in files("harness"):
        if path.parent.name != "commands":
            assert "reports" not in roots(path), path


def test_what_the_checker_asserts_is_for_types_alone() -> None:
    """`python -O` leaves assertions out: whatever guards a verdict has to raise."""
    for path in files("checker"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assert):
                test = ast.unparse(node.test)
                narrows = test.endswith(" is not None") or test.startswith("isinstance(")
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                assert narrows, f"{where} asserts {test}: raise InternalError"
                assert node.msg is None, f"{where} asserts with a message: raise InternalError"


def test_functions_and_files_are_short() -> None:
    too_long = []
    for path in (path for package in PACKAGES for path in files(package)):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LONGEST_FILE:
            too_long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    too_long.append(f"{path.relative_to(ROOT)}: {node.name} has {length} lines")
    assert not too_long


def test_no_two_classes_share_a_name() -> None:
    """A protocol has the words of its papers: two protocols may use the same one, nobody else.

    Names that begin with an underscore are their file's own.
    """
    places: dict[str, list[Path]] = defaultdict(list)
    for path in (path for package in PACKAGES for path in files(package)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(path.relative_to(ROOT))
    shared = {
        name: paths
        for name, paths in places.items()
        if len(paths) > 1 and (None in (worlds := [*map(protocol, paths)]) or repeats(worlds))
    }
    assert not shared


def protocol(path: Path) -> str | None:
    """The protocol whose folder a file stands in, if any."""
    parts = path.parts
    return parts[1] if parts[0] == "systems_under_test" and len(parts) > 2 else None


def repeats(items: list[str | None]) -> bool:
    return len(set(items)) < len(items)
