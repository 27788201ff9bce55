"""The store: one directory a run, in which all that is known of the run lies as files.

    store/raft-register/2026-11-23T02-10-00/
      config.toml    the options                     run.json       name, seed, versions, schedule
      history.jsonl  every event, as it happened     result.json    the verdict and its reasons
      nodes/         each node's log                 report.html    the page
      messages.jsonl what nodes sent, where the harness was their network

Everything but the result and the report is there before the checker begins, so that a run which is
killed can still be judged.
"""

import errno
import json
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from random import Random
from typing import Any

from faker import Faker

from checker.files import write_whole
from harness.errors import HarnessError
from harness.provenance import commit_of

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Where one run is kept."""

    path: Path

    @property
    def history(self) -> Path:
        return self.path / "history.jsonl"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def logs(self) -> Path:
        return self.path / "nodes"

    @classmethod
    def create(cls, store: Path, label: str) -> "RunDirectory":
        """Make a new directory for a run of `label` that begins now."""
        began = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
        try:
            (store / label).mkdir(parents=True, exist_ok=True)
            for attempt in range(1, 1_000):
                path = store / label / (began if attempt == 1 else f"{began}-{attempt}")
                try:
                    path.mkdir()
                except FileExistsError:
                    continue
                return cls(path)
        except OSError as error:
            raise HarnessError(f"cannot write to the store {store}: {_why(error)}") from error
        raise HarnessError(f"{store / label} holds 999 runs of this second; wait and run again")

    def write(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        target = self.path / name
        try:
            # JSON that was damaged may hold half of a surrogate pair, for which UTF-8 has no bytes.
            # Written with a backslash, it is again what JSON has for it.
            write_whole(target, text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise unwritten(target, error) from error

    def write_json(self, name: str, values: dict[str, Any]) -> None:
        self.write(name, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def run_name(seed: int) -> str:
    """Two words by which people can speak of a run; the same seed has the same name."""
    fake = Faker()
    fake.seed_instance(seed)
    return f"{fake.safe_color_name()} {Random(seed).choice(_ANIMALS)}"


def versions() -> dict[str, str]:
    """What else a run's repetition depends on, beside its seed."""
    try:
        labrys = version("labrys")
    except PackageNotFoundError:
        labrys = "not installed"
    return {
        "labrys": labrys,
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def machine() -> dict[str, Any]:
    """The size of the machine that the run had."""
    pages = os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    size = pages * os.sysconf("SC_PAGE_SIZE") if pages else None
    return {"cores": os.cpu_count(), "memory_bytes": size, "architecture": platform.machine()}


def _commit() -> str:
    """The commit of the checkout that this code runs from, with "+" where it was changed since."""
    folder = Path(__file__).resolve().parent
    if not (folder.parent / ".git").exists():
        return "none"
    return commit_of(folder) or "unknown"


def unwritten(path: Path, error: OSError) -> HarnessError:
    """What is raised where a file could not be written."""
    return HarnessError(f"cannot write {path}: {_why(error)}")


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; make room and run again"
    return f"{error.strerror}; choose another folder for the store"


_ANIMALS = (
    "badger", "bittern", "crane", "curlew", "dormouse", "falcon", "finch", "gecko", "heron",
    "ibex", "jackdaw", "kestrel", "lapwing", "lynx", "marten", "newt", "otter", "owl", "pike",
    "plover", "raven", "salmon", "stoat", "swift", "tern", "viper", "weasel", "wren",
)  # fmt: skip
