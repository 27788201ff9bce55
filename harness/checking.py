"""Reads one history from anywhere and judges it, for `labrys check`."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checker.wording import plural
from harness.errors import UsageError

if TYPE_CHECKING:
    from checker.history import History
    from checker.models.model import Model
    from checker.verdict import Result

STDIN = Path("-")

KEYED = ("auto", "yes", "no")
NIL_READS = ("absent", "unknown")


@dataclass(frozen=True, kw_only=True)
class Checking:
    """What the user asked for: how to take a file, what to judge it by, and within which limits.

    `initial` is JSON. `model` is None where it is to be inferred.
    """

    model: str | None = None
    form: str = "auto"
    engine: str = "auto"
    time_limit_s: float = 300
    memory_mib: int = 4096
    initial: str | None = None
    renamed: dict[str, str] = field(default_factory=dict)
    nil_reads: str = "absent"
    keyed: str = "auto"
    written: Path | None = None
    executor: str | None = None
    jobs: int = 1
    certify: bool = True

    def __post_init__(self) -> None:
        from checker.linearizability.check import ENGINES
        from harness import names

        if self.model is not None:
            names.model(self.model)
        names.known("engine", self.engine, ENGINES)
        names.known("way to take null reads", self.nil_reads, NIL_READS)
        names.known("way to take keys", self.keyed, KEYED)
        if self.initial is not None:
            _parsed(self.initial)


def renames(pairs: list[str]) -> dict[str, str]:
    """What `--rename broadcast=add` says."""
    renamed = {}
    for pair in pairs:
        theirs, equals, ours = pair.partition("=")
        if not (theirs and equals and ours):
            raise UsageError(f"--rename cannot be {pair!r}; say THEIRS=OURS, as in broadcast=add")
        renamed[theirs] = ours
    return renamed


def check_file(
    path: Path, checking: Checking, keep: Callable[["History", dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Read and judge a file, or what comes on standard input; the answer is plain JSON values.

    `keep` is given the history, too, and the answer.

    Raises `UsageError` where the file cannot be read or is not a history, or the model is not
    clear.
    """
    from checker.errors import ModelError
    from checker.history import MalformedHistory
    from checker.models.inference import NotOneModel

    name = _name(path)
    try:
        history = _read(path, checking, checking.model)
        model, inferred = checking.model, False
        if model is None and len(history):
            model, inferred = _inferred(history), True
            if model in ("etcd", "versioned-register", "kv-map", "kv"):
                history = _read(path, checking, model)
        began = time.monotonic()
        judged, notes = _judge(history, model or "cas-register", checking)
    except NotOneModel as error:
        raise UsageError(f"{name}: {error} (--model, --rename)") from error
    except (MalformedHistory, ModelError) as error:
        raise UsageError(f"{name}: {error}") from error
    except ValueError as error:
        raise UsageError(f"{name}: {error}; see `labrys check --help`") from error
    if checking.written is not None:
        _write(history, checking.written)
    meant = model if len(history) else None
    answer = _answer(name, history, meant, inferred, judged, notes, began)
    if keep is not None:
        keep(history, answer)
    return answer


def _read(path: Path, checking: Checking, model: str | None) -> "History":
    from checker.formats import Taking, read, read_content
    from checker.formats.contents import read_stream
    from checker.formats.keys import Keyed
    from checker.formats.meaning import Meaning, NilReads

    meaning = Meaning(model, checking.renamed, NilReads(checking.nil_reads))
    taking = Taking(meaning, Keyed(checking.keyed))
    try:
        if path != STDIN:
            return read(path, checking.form, taking=taking)
        return read_content(read_stream(sys.stdin.buffer), checking.form, taking)
    except OSError as error:
        raise UsageError(f"cannot read {_name(path)}: {error.strerror}; check the path") from error


def _name(path: Path) -> str:
    return "standard input" if path == STDIN else str(path)


def _inferred(history: "History") -> str:
    from checker.models.inference import infer

    return infer(history.columns)


def _judge(history: "History", name: str, checking: Checking) -> tuple["Result", list[str]]:
    """The verdict, and what must be said beside it."""
    from checker.linearizability.check import check
    from checker.memory import MIB
    from checker.models.beginning import Beginning, check_from
    from harness import names
    from harness.standstill import endless_calls_end

    model = names.model(name)()
    with contextlib.ExitStack() as stack:
        pool = None
        if checking.executor is not None:
            from harness.executors import OwnClocks, dask_executor

            pool = OwnClocks(stack.enter_context(dask_executor(checking.executor))[0])
        judge = partial(
            check,
            engine=checking.engine,
            memory_limit_bytes=checking.memory_mib * MIB,
            executor=pool,
            jobs=checking.jobs,
            certify=checking.certify,
        )
        beginning: Beginning | None = None
        if checking.initial is not None and len(history):
            beginning = Beginning.of(_parsed(checking.initial), model)

        until = time.monotonic() + checking.time_limit_s

        def in_time(history: "History", model: "Model") -> "Result":
            return judge(history, model, time_limit_s=until - time.monotonic())

        def judged(history: "History") -> "Result":
            if beginning is None:
                return in_time(history, model)
            return check_from(history, model, beginning, in_time)

        stack.enter_context(endless_calls_end())
        result = judged(history)
        notes = _decided_by_null(history, checking, result, judged)
    return result, notes


def _decided_by_null(
    history: "History", checking: Checking, result: "Result", judge: "Callable[[History], Result]"
) -> list[str]:
    """Whether it decides how reads of null are taken; said so that nobody need guess."""
    from checker.formats.meaning import Meaning, NilReads
    from checker.formats.renaming import retaken
    from checker.history import Source
    from checker.telling import nil_reads
    from checker.verdict import Verdict

    if checking.nil_reads != "absent" or result.verdict is not Verdict.INVALID:
        return []
    count = nil_reads(history)
    if not count:
        return []
    meaning = Meaning(nil_reads=NilReads.UNKNOWN)
    other = judge(retaken(history, meaning, history.source or Source("")))
    if other.verdict is Verdict.INVALID:
        return []
    reads = "1 read of null was" if count == 1 else f"{count:,} reads of null were"
    return [
        f"{reads} taken as absence, which decides: taken as unknown (--nil-reads unknown), as "
        f"Knossos does, the history is {other.verdict.word}"
    ]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(
            f"--initial cannot be {text[:60]!r}; give JSON, as 0, '\"a\"' or '{{\"key\": 0}}'"
        ) from None


def _answer(
    name: str, history: "History", model: str | None, inferred: bool, result: "Result",
    notes: list[str], began: float,
) -> dict[str, Any]:  # fmt: skip
    from checker.anomalies.naming import told as named
    from checker.telling import lines, listed

    source = history.source
    instead = result.weaker() if result.weaker else None
    more = [*(source.notes if source else ()), *notes]
    told = result.to_json()
    if source is not None and source.valid is not None:
        more.append(_compared(source.valid, result.verdict.word))
    return {
        "file": name,
        "read_as": source.format if source else "",
        "model": model,
        "inferred": inferred,
        "operations": len(history),
        "seconds": round(time.monotonic() - began, 4),
        "cut": history.torn,
        "notes": more,
        "anomaly": named(result, history),
        **told,
        "counterexample": listed(result.counterexample, source),
        "lines": lines(result.counterexample, source),
        "instead": None if instead is None else instead.to_json(),
    }


def _compared(theirs: bool | str, ours: str) -> str:
    """What Jepsen said of the same history."""
    said = "valid" if theirs is True else "invalid" if theirs is False else "unknown"
    agrees = "as here" if said == ours else f"here it is {ours}; its checkers may ask other things"
    return f"Jepsen found the test {said}: {agrees}"


def _write(history: "History", path: Path) -> None:
    """Write the history in the format that the name asks for; an existing file is not touched."""
    from checker.formats.writing import write

    if os.path.lexists(path):
        raise UsageError(f"{path} is there already; name a file that is not")
    try:
        write(history, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; check the path") from error
    except ValueError as error:
        raise UsageError(f"--write: {error}") from error


def text_of(answer: dict[str, Any]) -> str:
    """What a person reads of an answer."""
    glyph = {"valid": "✔", "invalid": "✘", "unknown": "?"}[answer["verdict"]]
    line = (
        f"{glyph} {answer['verdict']:<8} {answer['file']}  "
        f"{plural(answer['operations'], 'operation')}, {answer['seconds']:.2f} s "
        f"by {answer['algorithm']}"
    )
    model = answer["model"]
    taken = f"; model {model}" + (", which alone fits" if answer["inferred"] else "")
    read_as = f"read as {answer['read_as']}" if answer["read_as"] else ""
    instead = answer["instead"]["sentences"] if answer["instead"] else ()
    # The operations are listed first, so that the argument need not say them again.
    argued = [s for s in answer["explanation"] if not s.split(" ", 1)[0].rstrip(":").isdigit()
              or not s.split(" ", 1)[0].endswith(":")]  # fmt: skip
    sentences = (
        read_as + (taken if model else ""),
        *answer["notes"],
        answer["cut"],
        answer["anomaly"]["headline"] if answer["anomaly"] else "",
        answer["reason"],
        *(f"  {row}" for row in answer["lines"]),
        *argued,
        *instead,
    )
    for sentence in sentences:
        line += f"\n    {sentence}" if sentence else ""
    return line
