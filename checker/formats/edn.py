"""Reads EDN, the notation of Clojure's data, and what Clojure prints beside it.

https://github.com/edn-format/edn is the specification; numbers follow Clojure's reader, which knows
more of them. Keywords and symbols become `Keyword`, lists, vectors and sets become lists, a tagged
value (`#tag value`) and a record become the value. Ratios, infinities and what Clojure could not
print readably (`#<...>`) become text, so that every value has its like in JSON. What is mistyped
raises `MalformedHistory` with the number of its line.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from checker.history import MalformedHistory

DEEPEST = 500
"""Nesting beyond this is refused: no history needs it, and what is deep is slow to compare."""

LONGEST_NUMBER = 1000
"""Digits of a number; longer ones are no numbers of a history, and take long to convert."""

_TOKEN = re.compile(
    r"""(?:[\s,]|;[^\n]*)*+(
        "(?:[^"\\]|\\.)*+"           # a string
        | \#"(?:[^"\\]|\\.)*+"       # a regular expression
        | \#<[^>]*+>                 # what could not be printed
        | \#_ | \#\{ | [\[\](){}]    # discard, sets, brackets
        | \#\#-?\w+                  # an infinity
        | \#[^\s,()\[\]{}";]+        # a tag
        | \\(?:\w+|.)                # a character
        | [^\s,()\[\]{}";]+          # a number, a keyword, a symbol
        | \Z | "                     # the end; a string that never ends
    )""",
    re.VERBOSE | re.DOTALL,
)
_INTEGER = re.compile(
    r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|([1-9]\d?)[rR]([0-9a-zA-Z]+)|0([0-7]+)|(0|[1-9]\d*))N?"
)
_RATIO = re.compile(r"[+-]?\d+/\d+")
_DECIMAL = re.compile(r"([+-]?\d+(?:\.\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+|(?=M)))M?")
_NUMERIC = re.compile(r"[+-]?\d")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS = {"nil": None, "true": True, "false": False}
_CHARACTERS = {
    "newline": "\n", "space": " ", "tab": "\t", "return": "\r", "formfeed": "\f", "backspace": "\b",
}  # fmt: skip
_CLOSING = {"[": "]", "(": ")", "{": "}", "#{": "}"}


class Keyword(str):
    """`:name` or a symbol, without the colon."""

    __slots__ = ()


_TAG, _DISCARD = "tag", "#_"
"""What takes one form: a tag, which leaves it as it is, and a discard, which leaves nothing."""


def forms(text: str) -> Iterator[tuple[int, Any]]:
    """Every form of a text, with the number of the line on which it begins."""
    reader = Reader(text)
    while reader.more():
        line = reader.line()
        yield line, reader.form()


class Reader:
    """A place in a text, from which forms are read one after the other."""

    def __init__(self, text: str, place: int = 0) -> None:
        self.text = text
        self.place = place
        self._counted = 0
        self._lines = 1

    def line(self) -> int:
        """The number of the line that was reached."""
        self._lines += self.text.count("\n", self._counted, self.place)
        self._counted = self.place
        return self._lines

    def complain(self, reason: str) -> MalformedHistory:
        return MalformedHistory(f"line {self.line()}: {reason}")

    def peek(self) -> str:
        """The next token, which is not taken; "" at the end. What is skipped before it is."""
        match = _TOKEN.match(self.text, self.place)
        assert match is not None
        self.place = match.start(1)
        return match[1]

    def token(self) -> str:
        """The next token; "" at the end."""
        match = _TOKEN.match(self.text, self.place)
        assert match is not None  # Every text begins with a token or is at its end.
        self.place = match.end()
        return match[1]

    def more(self) -> bool:
        """Whether there is another form; passes over all that is discarded (`#_`) before it."""
        while (token := self.peek()) == "#_":
            self.token()
            self.form()
        return token != ""

    def form(self) -> Any:
        """The form that begins here, without recursion, since a text may be nested deeply."""
        # Each level: what closes it, or what becomes of the one form it takes; and its items.
        stack: list[tuple[str, list[Any]]] = []
        while True:
            token = self.token()
            if token == "":
                raise self.complain("the text ends in the middle of a value")
            if token in _CLOSING or token == "#_" or token[0] == "#":
                if token[0] != "#" or token in ("#{", "#_"):
                    stack.append((token, []))
                elif (plain := self._hash(token)) is not None:
                    if self._put(stack, plain):
                        return plain
                    continue
                else:
                    stack.append((_TAG, []))
                if len(stack) > DEEPEST:
                    raise self.complain(f"the value is nested more than {DEEPEST} deep")
                continue
            if token in ")]}":
                if not stack or _CLOSING.get(stack[-1][0]) != token:
                    raise self.complain(f"{token!r} closes nothing")
                opening, items = stack.pop()
                value = self._map(items) if opening == "{" else items
            else:
                value = self._atom(token)
            if self._put(stack, value):
                return self.result

    def _put(self, stack: list[tuple[str, list[Any]]], value: Any) -> bool:
        """Give a value to what waits for it; whether nothing does, so that it is the `result`."""
        while stack:
            opening, items = stack[-1]
            if opening == _TAG:
                stack.pop()
            elif opening == _DISCARD:
                stack.pop()
                return False
            else:
                items.append(value)
                return False
        self.result = value
        return True

    def _hash(self, token: str) -> str | None:
        """The text that stands for a token with a hash; None for a tag."""
        if token.startswith("##"):
            return token
        if token.startswith("#<"):
            return token
        if token.startswith('#"'):
            return token[2:-1]
        return None

    def _map(self, items: list[Any]) -> dict[str, Any]:
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
            return self._character(token[1:])
        if _NUMERIC.match(token):
            return self._number(token)
        return Keyword(token.removeprefix(":"))

    def _character(self, name: str) -> str:
        if re.fullmatch("u[0-9a-fA-F]{4}", name):
            return chr(int(name[1:], 16))
        return _CHARACTERS.get(name, name)

    def _number(self, token: str) -> Any:
        if len(token) > LONGEST_NUMBER:
            raise self.complain("a number has more than a thousand digits")
        if match := _INTEGER.fullmatch(token):
            sign, hexadecimal, radix, digits, octal, decimal = match.groups()
            try:
                number = (
                    int(decimal) if decimal
                    else int(hexadecimal, 16) if hexadecimal
                    else int(octal, 8) if octal
                    else int(digits, int(radix))
                )  # fmt: skip
            except ValueError:
                raise self.complain(f"{token[:40]!r} is not a number") from None
            return -number if sign == "-" else number
        if match := _DECIMAL.fullmatch(token):
            return float(match[1])
        if _RATIO.fullmatch(token):
            return token
        raise self.complain(f"{token[:40]!r} is not a number")


def _unescape(match: re.Match[str]) -> str:
    escaped = match[1]
    if len(escaped) == 5:
        return chr(int(escaped[1:], 16))
    return _ESCAPES.get(escaped, escaped)


def _name(key: Any) -> Any:
    """The key of a map: text, as in JSON."""
    return str(key) if isinstance(key, str) else repr(key)


def plain(form: Any) -> Any:
    """A form as JSON has it: keywords are text."""
    kind = type(form)
    if kind is Keyword:
        return str(form)
    if kind is list:
        return [plain(item) for item in form]
    if kind is dict:
        return {name: plain(item) for name, item in form.items()}
    return form


_LIKE_JSON = re.compile(
    r'\[(?:[\[\] ]|-?(?:0|[1-9]\d{0,17})(?=[\] ])|nil(?=[\] ])|"\w*+"(?=[\] ]))*+(?<=\])'
)
"""Lists that JSON has as well, but for their commas."""


def value(text: str) -> Any:
    """The first value of a text as JSON has it; lists of numbers and names are read fast."""
    if text.isdecimal() and text.isascii() and (text[0] != "0" or len(text) == 1):
        if len(text) < 19:
            return int(text)
    elif text == "nil":
        return None
    elif _LIKE_JSON.fullmatch(text):
        try:
            return msgspec.json.decode(text.replace(" ", ",").replace("nil", "null"))
        except msgspec.DecodeError:
            pass
    return plain(Reader(text).form())
