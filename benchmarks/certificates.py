"""What certificates cost: `python benchmarks/certificates.py`.

CPU seconds of a check of the same history with certificates and without, and of the whole way from
a file, reading it included. Each figure is the least of several, taken in turns.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.checker_rows import registers
from benchmarks.tables import table
from checker.columns import Columns
from checker.formats import read
from checker.formats.writing import write
from checker.history import History
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.models.model import Model
from tests.checker.registers import draw

ROUNDS = 7


def drawn(count: int, keys: int, repeat: float) -> Columns:
    """A valid history of registers; of the values `repeat` may have been written before."""
    return Columns.of(
        draw(Random(5), count, clients=5, crash=0.002, lie=0, tie=0, repeat=repeat, keys=keys)
    )


ROWS: dict[str, tuple[str, Callable[[], Columns]]] = {
    "distinct values, 1 key, 1,000": ("cas-register", lambda: drawn(1_000, 1, 0)),
    "distinct values, 50 keys, 5,000": ("cas-register", lambda: drawn(5_000, 50, 0)),
    "distinct values, 50 keys, 30,000": ("cas-register", lambda: drawn(30_000, 50, 0)),
    "distinct values, 100 keys, 100,000": (
        "cas-register", lambda: registers(100_000, 100, 10).columns,
    ),
    "distinct values, 1,000 keys, 1,000,000": (
        "cas-register", lambda: registers(1_000_000, 1_000, 10).columns,
    ),
    "repeated values, 1 key, 150": ("cas-register", lambda: drawn(150, 1, 1)),
    "repeated values, 20 keys, 3,000": ("cas-register", lambda: drawn(3_000, 20, 1)),
    "repeated values, 100 keys, 50,000": ("cas-register", lambda: drawn(50_000, 100, 1)),
}  # fmt: skip


def seconds(rounds: int, *works: Callable[[], object]) -> list[float]:
    """The least CPU time of each piece of work."""
    least = [float("inf")] * len(works)
    for _ in range(rounds):
        for place, work in enumerate(works):
            started = time.process_time()
            work()
            least[place] = min(least[place], time.process_time() - started)
    return least


def measure(model: Model, columns: Columns, folder: Path) -> list[str]:
    """Milliseconds of a check without and with, its share, and that of reading and checking."""
    path = folder / "history.jsonl"
    write(History(columns=columns), path)
    rounds = ROUNDS if len(columns) < 200_000 else 2
    without, with_ = seconds(
        rounds,
        lambda: check(History(columns=columns), model, certify=False),
        lambda: check(History(columns=columns), model),
    )
    (reading,) = seconds(min(rounds, 3), lambda: len(read(path, model=model.name).columns))
    more = with_ - without
    return [
        f"{1e3 * without:.1f}",
        f"{1e3 * with_:.1f}",
        f"{100 * more / without:.0f} %",
        f"{100 * more / (without + reading):.0f} %",
    ]


def main() -> None:
    head = ["history", "without, ms", "with, ms", "more", "more, reading included"]
    chosen = sys.argv[1:]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (model, make) in ROWS.items():
            if not chosen or any(word in name for word in chosen):
                rows.append([name, *measure(MODELS[model](), make(), Path(folder))])
                print(rows[-1], file=sys.stderr, flush=True)
    print("\n".join(table(head, rows)))


if __name__ == "__main__":
    main()
