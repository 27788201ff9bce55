"""Histories of other tools: which format a file has, and one way to read them all."""

from pathlib import Path

from checker.history import History, MalformedHistory

FORMATS = ("labrys", "edn", "jepsen-log")


def read(path: Path, format: str = "auto", model: str | None = None) -> History:  # noqa: A002
    """Read a history, or that of a run's directory; raises `MalformedHistory` or `OSError`.

    `format` is one of `FORMATS`, or "auto" to tell it from the text. `model` decides what a failed
    compare-and-set of Jepsen's means (see `checker.formats.jepsen`).
    """
    if path.is_dir():
        path = path / "history.jsonl"
    chosen = _detect(path) if format == "auto" else format
    if chosen == "labrys":
        return History.read(path)
    if chosen not in FORMATS:
        raise MalformedHistory(f"{chosen!r} is no format; choose one of {', '.join(FORMATS)}")
    # Only foreign files need it, and the command line starts faster without.
    from checker.formats import jepsen

    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise MalformedHistory(f"the file is not text in UTF-8: {error}") from None
    return jepsen.read_edn(text, model) if chosen == "edn" else jepsen.read_console(text, model)


def _detect(path: Path) -> str:
    with path.open("rb") as file:
        beginning = file.read(1 << 16)
    start = beginning.lstrip()
    if start.startswith(b'{"') or not start:
        return "labrys"
    if b"jepsen.util" in beginning:
        return "jepsen-log"
    if start[:1] in b"{[(;#":
        return "edn"
    raise MalformedHistory(
        "neither a history of Labrys, nor EDN, nor a console log of Jepsen; "
        f"name its format: {', '.join(FORMATS)}"
    )
