"""Tables of measured figures, as they stand in the pages of docs/."""

from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
END = "<!-- end -->"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> list[str]:
    """The lines of a table, whose first columns are `words` and the others numbers."""
    rule = ["---"] * words + ["---:"] * (len(head) - words)
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def put(page: str, script: str, lines: Sequence[str]) -> None:
    """Put these lines into a page, in the place of those that the script measured before."""
    path, begin = DOCS / page, f"<!-- measured by benchmarks/{script} -->"
    head, _, rest = path.read_text(encoding="utf-8").partition(begin)
    text = "\n".join(lines)
    path.write_text(f"{head}{begin}\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
