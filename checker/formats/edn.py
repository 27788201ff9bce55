"""Reads EDN, the notation of Clojure's data: as much of it as histories use, and some more.

https://github.com/edn-format/edn is the specification. Keywords and symbols become `Keyword`,
lists, vectors and sets become lists, a tagged value (`#tag value`) becomes the value. What is
mistyped raises `MalformedHistory` with the number of its line.
"""

import re
from collections.abc import Iterator
from typing import Any

from checker.history import MalformedHistory

DEEPEST = 100
"""Nesting beyond this is refused: no history needs it, and Python's stack would not bear it."""

_TOKEN = re.compile(
    r"""[\s,]*(?:;[^\n]*[\s,]*)*(
        "(?:[^"\\]|\\.)*"            # a string
        | \#_ | \#\{ | [\[\](){}]    # discard, sets, brackets
        | \#[^\s,()\[\]{}";]+        # a tag
        | \\(?:\w+|.)                # a character
        | [^\s,()\[\]{}";]+          # a number, a keyword, a symbol
        | \Z | "                     # the end; a string that never ends
    )""",
    re.VERBOSE | re.DOTALL,
)
_INTEGER = re.compile(r"([+-]?\d+)N?")
_DECIMAL = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)M?")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS = {"nil": None, "true": True, "false": False}
_CHARACTERS = {"newline": "\n", "space": " ", "tab": "\t", "return": "\r"}
_CLOSING = {"[": "]", "(": ")", "{": "}", "#{": "}"}


class Keyword(str):
    """`:name` or a symbol, without the colon."""

    __slots__ = ()


class _Nothing:
    """What `#_` leaves."""


def forms(text: str) -> Iterator[tuple[int, Any]]:
    """Every form of a text, with the number of the line on which it begins."""
    reader = _Reader(text)
    while True:
        token = reader.token()
        if token == "":
            return
        line = reader.line()
        form = reader.form(token, 0)
        if not isinstance(form, _Nothing):
            yield line, form


class _Reader:
    """A place in a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self._counted = 0
        self._lines = 1

    def line(self) -> int:
        """The number of the line that was reached."""
        self._lines += self.text.count("\n", self._counted, self.place)
        self._counted = self.place
        return self._lines

    def complain(self, reason: str) -> MalformedHistory:
        return MalformedHistory(f"line {self.line()}: {reason}")

    def token(self) -> str:
        """The next token; "" at the end."""
        match = _TOKEN.match(self.text, self.place)
        assert match is not None  # Every text begins with a token or is at its end.
        self.place = match.end()
        return match[1]

    def form(self, token: str, depth: int) -> Any:
        """The form that begins with this token."""
        if depth > DEEPEST:
            raise self.complain(f"the value is nested more than {DEEPEST} deep")
        if token == "":
            raise self.complain("the text ends in the middle of a value")
        if token in _CLOSING:
            return self._collection(token, depth)
        if token in ")]}":
            raise self.complain(f"{token!r} closes nothing")
        if token == "#_":
            self._tagged(depth)
            return _Nothing()
        if token.startswith("#"):
            return self._tagged(depth)
        return self._atom(token)

    def _tagged(self, depth: int) -> Any:
        form = self.form(self.token(), depth + 1)
        while isinstance(form, _Nothing):
            form = self.form(self.token(), depth + 1)
        return form

    def _collection(self, opening: str, depth: int) -> Any:
        closing = _CLOSING[opening]
        items = []
        while (token := self.token()) != closing:
            form = self.form(token, depth + 1)
            if not isinstance(form, _Nothing):
                items.append(form)
        if opening != "{":
            return items
        if len(items) % 2:
            raise self.complain("a map has a key without a value")
        return {_name(key): value for key, value in zip(items[::2], items[1::2], strict=True)}

    def _atom(self, token: str) -> Any:
        if token[0] == '"':
            if len(token) < 2:
                raise self.complain("a string never ends")
            return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", _unescape, token[1:-1], flags=re.DOTALL)
        if token in _WORDS:
            return _WORDS[token]
        if token[0] == "\\":
            return _CHARACTERS.get(token[1:], token[1:])
        if match := _INTEGER.fullmatch(token):
            if len(token) > 1000:
                raise self.complain("a number has more than a thousand digits")
            return int(match[1])
        if match := _DECIMAL.fullmatch(token):
            return float(match[1])
        if token[0].isdigit():
            raise self.complain(f"{token[:40]!r} is no number")
        return Keyword(token.removeprefix(":"))


def _unescape(match: re.Match[str]) -> str:
    escaped = match[1]
    if len(escaped) == 5:
        return chr(int(escaped[1:], 16))
    return _ESCAPES.get(escaped, escaped)


def _name(key: Any) -> Any:
    """The key of a map: text, as in JSON."""
    return str(key) if isinstance(key, str) else repr(key)
