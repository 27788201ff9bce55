"""What a text in a small language of Labrys is made of: numbers, names and signs, read in order.

Generators (reading.py) and schedules of faults each have a reader of their own on it, which knows
the order in which tokens may stand.
"""

import re


class Tokens:
    """The tokens of a text, from the first to the last.

    `pattern` has a group for numbers, one for names and one for signs, in this order.
    """

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        self._text = text.strip()
        self._tokens = list(pattern.finditer(self._text))
        self._at = 0

    @property
    def left(self) -> bool:
        """Whether there is another token."""
        return self._at < len(self._tokens)

    def number(self) -> float | None:
        """Take the next token if it is a number."""
        text = self._take(1)
        return None if text is None else float(text)

    def name(self) -> str | None:
        """Take the next token if it is a name."""
        return self._take(2)

    def take(self, sign: str) -> bool:
        """Take the next token if it is that sign."""
        taken = self._peek(3) == sign
        self._at += taken
        return taken

    def need(self, sign: str) -> None:
        """Take that sign; `ValueError` where something else comes."""
        if not self.take(sign):
            raise self.wrong(sign)

    def is_number(self) -> bool:
        """Whether the next token is a number."""
        return self._peek(1) is not None

    def wrong(self, wanted: str, back: int = 0) -> ValueError:
        """The error that something else is needed here, or at a token taken before."""
        at = self._at - back
        rest = self._text[self._tokens[at].start() :].strip() if at < len(self._tokens) else ""
        where = f"before {rest[:30]!r}" if rest else "at its end"
        return ValueError(f"{where} it needs {wanted}")

    def _peek(self, group: int) -> str | None:
        return self._tokens[self._at][group] if self.left else None

    def _take(self, group: int) -> str | None:
        found = self._peek(group)
        self._at += found is not None
        return found
