"""How fast the checker judges: `python benchmarks/checker.py [--row a] [--json]`.

Each row runs in a process of its own, so that its peak of memory is its own. A row is judged three
times and the median counts; the first time, which may compile or load code, is shown apart.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.checker_rows import ROWS, argsort_seconds


def measure(name: str) -> dict[str, object]:
    """Run one row here."""
    row = ROWS[name]
    given = row.prepare()
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        count = row.run(given)
        seconds.append(time.perf_counter() - started)
    median = sorted(seconds[1:])[1]
    return {
        "row": name,
        "title": row.title,
        "target": row.target,
        "operations": count,
        "first_seconds": round(seconds[0], 4),
        "seconds": round(median, 4),
        "operations_per_second": round(count / median),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "ratio_to_argsort": round(median / argsort_seconds(count), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", choices=[*ROWS, "all"], default="all")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.row)))
        return
    for name in ROWS if options.row == "all" else [options.row]:
        command = [sys.executable, __file__, "--row", name, "--here"]
        line = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(line)
        if options.json:
            print(line, end="")
        else:
            print(
                f"{name}  {found['title']}\n   {found['operations_per_second']:>12,} operations/s"
                f"  {found['peak_mb']:,} MB  {found['ratio_to_argsort']} x argsort"
                f"  first {found['first_seconds']} s  target {found['target'] or '-'}"
            )


if __name__ == "__main__":
    main()
