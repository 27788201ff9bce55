"""How strong a history must be for its verdict to count, as options say it."""

import re
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Least:
    """How strong a history must be: percentages, but for `answered`.

    `overlapped`: the least share of operations that overlapped another on their key. `fallible`:
    the least share of reads made after a change of their key was acknowledged, so that an old
    answer would have shown. `convicted`: the least share of mutated copies that the checker
    convicts. `answered`: the least number of operations of each function answered during faults of
    each family; with 0, one of each during any fault is enough.
    """

    overlapped: float = 0.1
    fallible: float = 10.0
    convicted: float = 75.0
    answered: float = 0.0

    @classmethod
    def read(cls, text: str) -> "Least":
        """What "convicted>=90, overlapped>=5" says, the usual values for all else.

        Raises `ValueError`, whose message says what is wrong and what may stand there.
        """
        named = {field.name for field in fields(cls)}
        found: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            said = re.fullmatch(r"(\w+)\s*>=\s*(\d+(?:\.\d+)?)", part)
            if said is None or said[1] not in named or said[1] in found:
                raise ValueError(
                    f"{part!r} says nothing of the strength of a run; write it as convicted>=90, "
                    f"with each of {', '.join(sorted(named))} once at most, and commas between"
                )
            found[said[1]] = float(said[2])
            if said[1] != "answered" and found[said[1]] > 100:
                raise ValueError(f"{part!r} asks for more than 100 percent; ask for less")
        return replace(cls(), **found)
