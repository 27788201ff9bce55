"""The one place where a name becomes a system, a workload, a fault or a model.

Each kind has names of its own, and takes what a user wrote as "package.module:Name". That holds
wherever a name may stand: on the command line, in TOML and in a pytest test.
"""

import difflib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.models.catalogue import MODELS, NUMBERED, TRANSACTIONS, numbered
from checker.models.model import Model
from harness.errors import HarnessError, UsageError, install_line
from harness.standstill import QUICK_TICKS, endless_calls_end

# What is named takes a while to import, so only a name that leads there does: `labrys check` needs
# but models.
if TYPE_CHECKING:
    from harness.catalogue import System
    from harness.database import Database
    from harness.nemesis.fault import Fault
    from systems_under_test.node import Node
    from workloads.workload import Workload

_MODEL_PARTS = ("name", "initial", "step")

IMPORT_S = 60.0
"""Seconds that importing a user's module may take."""

ALL_FAULTS = "all"
"""Stands for every family, as far as the system and the environment can do it."""


def is_foreign(name: str) -> bool:
    """Whether the name leads to code of the user's, which is imported to find out what it is."""
    return ":" in name.partition("@")[0]


def replay_line(path: Path, names: Iterable[str]) -> str:
    """The command that replays what is stored there; of somebody's own code, it says to trust it.

    `names` are those of the system, the workload and the faults.
    """
    return f"labrys replay {path}" + " --trust" * any(map(is_foreign, names))


def system(name: str) -> "System":
    """The system of that name; a user's own has no more to say than where it is."""

    from harness.catalogue import SYSTEMS, System

    if is_foreign(name):
        return System(name, name, "foreign")
    return SYSTEMS[known("system", name, SYSTEMS)]


def node_class(name: str) -> "type[Node]":
    """The class of a system's nodes, imported; `UsageError` where the name leads to none, as with
    a program that is only started."""

    from systems_under_test.node import Node

    path = system(name).path
    found: type[Node] = _subclass("system", path, Node)
    return found


def database(name: str) -> "Database":
    """How the nodes of a system are started and spoken to; `UsageError` where the name leads to
    neither a class of nodes nor one of databases."""

    from harness.database import Database
    from harness.databases.python_node import PythonNode

    path = system(name).path
    found = _imported("system", path)
    if isinstance(found, type) and issubclass(found, Database):
        made: Database = _made("system", path, found, ())
        return made
    return PythonNode(path, node_class(name))


def shown_by(name: str) -> tuple[str, ...]:
    """What a flawed system is declared to show: its `shows`, () where its class has none.

    Raises `UsageError` where that is not a tuple of texts.
    """
    path = system(name).path
    shows = getattr(_imported("system", path), "shows", ())
    if not (isinstance(shows, tuple) and all(isinstance(one, str) for one in shows)):
        raise UsageError(f"the 'shows' of {name!r} cannot be {shows!r}; give it a tuple of texts")
    return shows


def workload(name: str) -> "Workload":
    """The workload of that name; `UsageError` where there is none, or it is not whole."""

    from harness.catalogue import WORKLOADS
    from workloads.together import JOINT, together
    from workloads.workload import Workload

    if JOINT in name:
        try:
            return together(name, [workload(part) for part in name.split(JOINT)])
        except ValueError as error:
            raise UsageError(f"the workload {name!r} {error}") from error
    if not is_foreign(name):
        return WORKLOADS[known("workload", name, WORKLOADS)]
    found = _imported("workload", name)
    if not isinstance(found, Workload):
        raise UsageError(
            f"{name!r} is not a workload; make it an instance of workloads.workload.Workload"
        )
    for part in ("calls", "model"):
        if not callable(getattr(found, part)):
            raise UsageError(f"the workload {name!r} has no {part}(); give it a function")
    if not (isinstance(found.functions, tuple) and found.functions):
        raise UsageError(f"the workload {name!r} has no functions; name them in a tuple")
    return found


def fault(name: str) -> "Fault":
    """The single fault of that name, or a user's own: a class that is made without arguments."""

    from harness.nemesis.catalogue import FAULTS
    from harness.nemesis.fault import Fault
    from harness.nemesis.packets import Trouble

    if "@" in name or name.startswith(f"{Trouble.REGIONS}="):
        (made,) = faults(name)
        return made
    if not is_foreign(name):
        return FAULTS[known("fault", name, FAULTS)]
    own: Fault = _made("fault", name, _subclass("fault", name, Fault), ())
    return own


def faults(name: str) -> "tuple[Fault, ...]":
    """The single fault of that name, or the usual ones of a family, or all where none is usual.
    `all` are those of every family; behind an @ stands what they wait for, and behind a = the
    regions that nodes are in."""

    from harness.nemesis.catalogue import FAMILIES, FAULTS
    from harness.nemesis.packets import Trouble, read_regions
    from harness.nemesis.triggers import Aimed, read_trigger

    own, at, trigger = name.partition("@")
    if at:
        return tuple(Aimed(one, read_trigger(trigger)) for one in faults(own))

    if is_foreign(name):
        return (fault(name),)
    own, equals, regions = name.partition("=")
    if equals and own == Trouble.REGIONS:
        return (read_regions(regions),)
    known("fault", name, (ALL_FAULTS, *FAMILIES, *FAULTS))
    if name == ALL_FAULTS:
        return tuple(fault for family in FAMILIES for fault in faults(family))
    if name not in FAMILIES:
        return (FAULTS[name],)
    return tuple(fault for fault in FAMILIES[name] if fault.usual) or FAMILIES[name]


def name_of(fault: "Fault") -> str:
    """The name under which `fault` finds it again."""

    from harness.nemesis.catalogue import FAULTS
    from harness.nemesis.packets import Regions
    from harness.nemesis.triggers import Aimed

    if isinstance(fault, Aimed):
        return f"{name_of(fault.fault)}@{fault.trigger.text}"
    if isinstance(fault, Regions):
        return fault.name
    if FAULTS.get(fault.name) == fault:
        return fault.name
    return f"{type(fault).__module__}:{type(fault).__qualname__}"


def model(name: str) -> Callable[[], Model]:
    """What makes the model of that name; a user's own is a class, or a function that makes one."""
    made = numbered(name)
    if made is not None:
        return made
    if name in TRANSACTIONS:
        raise UsageError(
            f"no model judges transactions such as those of {name!r}: Labrys judges single objects "
            "and registers that are read and written together (multi-register); use Elle for these"
        )
    if not is_foreign(name) or name.partition(":")[0] in NUMBERED:
        return MODELS[known("model", name, MODELS)]
    found = _imported("model", name)
    _made("model", name, found, _MODEL_PARTS)
    makes: Callable[[], Model] = found
    return makes


def _subclass(kind: str, name: str, base: Any) -> Any:
    """The user's class, imported; `UsageError` unless it is a whole one of that base."""
    found: Any = _imported(kind, name)
    if not (isinstance(found, type) and issubclass(found, base)):
        raise UsageError(f"{name!r} is not a subclass of {base.__module__}.{base.__qualname__}")
    if inspect.isabstract(found):
        abstract: Iterable[str] = vars(found)["__abstractmethods__"]
        missing = ", ".join(f"{part}()" for part in sorted(abstract))
        raise UsageError(f"the {kind} {name!r} is not finished; define its {missing}")
    return found


def _made(kind: str, name: str, maker: Any, parts: Iterable[str]) -> Any:
    """What the user's class makes; `UsageError` unless it has all these parts."""
    if not callable(maker):
        raise UsageError(f"{name!r} is not a class; name the class of a {kind}")
    try:
        with endless_calls_end():
            made = maker()
    except HarnessError:
        raise
    except Exception as error:
        raise UsageError(
            f"the {kind} {name!r} cannot be made: {_why(error)}; let it be made without arguments"
        ) from error
    missing = [part for part in parts if not hasattr(made, part)]
    if missing:
        raise UsageError(f"{name!r} is not a {kind}: it has no {missing[0]}; define it")
    return made


def _imported(kind: str, path: str) -> Any:
    """What "package.module:Name" leads to, where Python finds it or in the current folder.

    To import a module is to run it, and a user's may do anything: whatever it ends with becomes one
    `UsageError`.
    """
    module, _, attribute = path.partition(":")
    try:
        here = os.getcwd()
        if here not in sys.path:
            sys.path.append(here)
        with endless_calls_end(IMPORT_S / QUICK_TICKS):
            found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except HarnessError:
        raise
    except (Exception, SystemExit) as error:
        todo = "write it as package.module:Name and see that Python can import it from here"
        if isinstance(error, ModuleNotFoundError) and not f"{module}.".startswith(f"{error.name}."):
            todo = install_line(error)
        raise UsageError(f"cannot import the {kind} {path!r}: {_why(error)}; {todo}") from error
    return found


def _why(error: BaseException) -> str:
    """An exception of the user's code in a clause of one line."""
    told = " ".join(str(error).split())
    kind = type(error).__name__
    if isinstance(error, (ImportError, AttributeError)) and told:
        return told
    return f"{kind}: {told}" if told else kind


def known(kind: str, name: str, names: Iterable[str]) -> str:
    """`name` itself, or a `UsageError` that gives the nearest of the names that exist."""
    names = sorted(names)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names
    more = f" (`labrys list {kind}s` shows all)" if f"{kind}s" in LISTS else ""
    raise UsageError(f"there is no {kind} {name!r}; the nearest are: {', '.join(near)}{more}")


def _systems() -> list[tuple[str, str]]:
    from harness.catalogue import SYSTEMS

    return [(name, row.about) for name, row in SYSTEMS.items()]


def _workloads() -> list[tuple[str, str]]:
    from harness.catalogue import WORKLOADS

    return [(name, workload.about) for name, workload in WORKLOADS.items()]


def _faults() -> list[tuple[str, str]]:
    from harness.nemesis.catalogue import FAMILIES, FAULTS

    return [
        (ALL_FAULTS, "every family that the system in its environment can do"),
        *((name, f"any of: {', '.join(f.name for f in own)}") for name, own in FAMILIES.items()),
        *((name, f"{fault.family}: {fault.about}") for name, fault in FAULTS.items()),
    ]


def _environments() -> list[tuple[str, str]]:
    from harness.catalogue import ENVIRONMENTS

    return list(ENVIRONMENTS.items())


def _models() -> list[tuple[str, str]]:
    return [(name, _first_line(MODELS[name]())) for name in sorted(MODELS)]


LISTS: dict[str, Callable[[], list[tuple[str, str]]]] = {
    "systems": _systems,
    "workloads": _workloads,
    "faults": _faults,
    "environments": _environments,
    "models": _models,
}
"""All that can be named, by kind: each name with a line about it."""


def _first_line(thing: object) -> str:
    return (inspect.getdoc(type(thing)) or "").partition("\n")[0]
