"""The writers that docs/history-format.md shows, compiled, run, and judged."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "history-format.md").read_text(encoding="utf-8")

GO = """package main

import (
	"encoding/json"
	"errors"
	"os"
	"time"
)

var start = time.Now()

%s

func main() {
	to := json.NewEncoder(os.Stdout)
	record(to, 0, "write", "x", 1, func() (any, error) { return nil, nil })
	record(to, 1, "read", "x", nil, func() (any, error) { return %d, nil })
	record(to, 1, "write", "x", 2, func() (any, error) { return nil, errors.New("timeout") })
}
"""

JAVA = """import java.io.PrintStream;

class Writer {
%s
    public static void main(String[] words) {
        record(System.out, 0, "write", "x", 1L, () -> null);
        record(System.out, 1, "read", "x", null, () -> %dL);
        record(System.out, 1, "write", "x", 2L, () -> { throw new Exception("timeout"); });
    }
}
"""

JAVASCRIPT = """%s
const write = (line) => process.stdout.write(line);
await record(write, 0, "write", "x", 1, async () => null);
await record(write, 1, "read", "x", null, async () => %d);
await record(write, 1, "write", "x", 2, async () => { throw new Error("timeout"); });
"""

WRITERS = {
    "go": (GO, "writer.go", [["go", "run", "writer.go"]]),
    "java": (JAVA, "Writer.java", [["javac", "Writer.java"], ["java", "Writer"]]),
    "javascript": (JAVASCRIPT, "writer.mjs", [["node", "writer.mjs"]]),
}


@pytest.mark.slow
@pytest.mark.parametrize("language", WRITERS)
def test_writers(language: str, tmp_path: Path) -> None:
    program, name, commands = WRITERS[language]
    for command in commands:
        if shutil.which(command[0]) is None:
            pytest.skip(f"this machine has no {command[0]}")
    (shown,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    for read, status in ((1, 0), (7, 1)):
        (tmp_path / name).write_text(program % (shown, read), encoding="utf-8")
        for command in commands:
            done = subprocess.run(
                command, cwd=tmp_path, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, done.stderr
        check = [sys.executable, "-m", "harness", "check", "--model", "register", "-"]
        judged = subprocess.run(
            check, input=done.stdout, capture_output=True, text=True, timeout=60, cwd=ROOT
        )
        assert judged.returncode == status, judged
        assert "standard input  3 operations" in judged.stdout
