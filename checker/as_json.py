"""Dataclasses as JSON."""

from dataclasses import fields
from typing import Any


def as_json(value: Any, *properties: str) -> dict[str, Any]:
    """The fields of a dataclass, and these properties of it, by their names.

    What has a `to_json` of its own, alone or in a tuple, stands in it as that says.
    """
    names = (*(field.name for field in fields(value)), *properties)
    return {name: _plain(getattr(value, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.to_json() if hasattr(value, "to_json") else value
