"""What a comparison says last on the terminal: verdicts, the main differences, and the page."""

from pathlib import Path

from reports.comparison import Comparison, headline, unpromised
from reports.comparison_page import Occasion
from reports.comparison_picture import sentence
from reports.sections import GLYPHS

KEYS = ("throughput.", "latency.read.p50", "latency.write.p50", "kept.", "recovery.", "cost.fsyncs")
"""The figures that are told here; all others stand on the page."""


def summarize_comparison(comparison: Comparison, occasion: Occasion, page: Path) -> str:
    """The last words, without a newline at the end."""
    lines = [f"{GLYPHS[comparison.verdict]} {headline(comparison)}"]
    lines += [f"  {said}" for said in (*unpromised(comparison), *occasion.failed, *occasion.notes)]
    marks = {True: "✘", False: "✔", None: "?"}
    lines += [f"{marks[one.fails]} {one.sentence}" for one in occasion.judged]
    lines += [f"  {sentence(comparison)}"]
    lines += [f"  {occasion.interrupted}"] if occasion.interrupted else []
    for compared in comparison.compared:
        if compared.figure.key.startswith(KEYS):
            told = [
                f"{label} {compared.figure.in_words(spread.mean)}"
                for label, spread in compared.spreads.items()
            ]
            best = f"   best: {compared.best}" if compared.best else ""
            lines.append(f"  {compared.figure.label:<32} {', '.join(told)}{best}")
    return "\n".join([*lines, f"  page       {page}", f"  again      {occasion.command}"])
