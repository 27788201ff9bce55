"""Says which of the files named are not empty and do not end with exactly one newline."""

import sys
from pathlib import Path

bad = [
    name
    for name in sys.argv[1:]
    if (text := Path(name).read_bytes()) and (text[-1:] != b"\n" or text[-2:] == b"\n\n")
]
for name in bad:
    print(f"{name} must end with exactly one newline")
sys.exit(bool(bad))
