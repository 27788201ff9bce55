"""Judges recorded histories; usable on its own.

The names below are imported when they are first asked for, since most programs need few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checker.errors import InternalError, ModelError
    from checker.formats import read
    from checker.formats.writing import write
    from checker.history import History, MalformedHistory
    from checker.linearizability.check import check
    from checker.models.catalogue import MODELS
    from checker.models.known import KnownObject
    from checker.models.model import Inconsistent
    from checker.operation import Operation, Outcome
    from checker.verdict import Result, Verdict

__all__ = [
    "MODELS",
    "History",
    "Inconsistent",
    "InternalError",
    "KnownObject",
    "MalformedHistory",
    "ModelError",
    "Operation",
    "Outcome",
    "Result",
    "Verdict",
    "check",
    "read",
    "write",
]

_HOMES = {
    "MODELS": "checker.models.catalogue",
    "History": "checker.history",
    "Inconsistent": "checker.models.model",
    "InternalError": "checker.errors",
    "KnownObject": "checker.models.known",
    "MalformedHistory": "checker.history",
    "ModelError": "checker.errors",
    "Operation": "checker.operation",
    "Outcome": "checker.operation",
    "Result": "checker.verdict",
    "Verdict": "checker.verdict",
    "check": "checker.linearizability.check",
    "read": "checker.formats",
    "write": "checker.formats.writing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'checker' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
