"""`labrys bisect`: which commit brought a failure, by replaying it over a range of commits."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.commands import options, output
from harness.commands.trust import Trust, require_trust
from harness.errors import UsageError, require_assertions

if TYPE_CHECKING:
    from harness.bisect import Bisection, JudgedCommit
    from harness.worktrees import Repository

_GLYPHS = {"good": "✔", "bad": "✘", "skipped": "?"}


def bisect(
    what: Annotated[
        Path, typer.Argument(help="A corpus.jsonl, a scenario.json or a simulated run's directory.")
    ],
    good: Annotated[str, typer.Option(help="A commit without the failure.", show_default=False)],
    bad: Annotated[str, typer.Option(help="A commit that has it.")] = "HEAD",
    line: Annotated[int | None, typer.Option(help="Which line of a corpus; else its last.")] = None,
    repository: Annotated[Path, typer.Option(help="Where the commits are.")] = Path(),
    seconds: Annotated[
        float,
        typer.Option(
            help="How long one commit may take.", **options.duration_option("--seconds", "5m")
        ),
    ] = 300,
    trust: Trust = False,
    as_json: options.AsJson = False,
) -> None:
    """Find the commit that brought a failure, by replaying it in worktrees of a range."""
    from harness.bisect import Commits, commits, search
    from harness.worktrees import Repository

    require_assertions()
    if seconds <= 0:
        raise UsageError("--seconds must be above 0")
    scenario = _scenario(what, line, trust)
    within = Repository(repository)
    listed = commits(within, good, bad)
    judges = Commits(within, scenario, seconds)
    with tempfile.TemporaryDirectory(prefix="labrys-bisect-") as folder:

        def judge(commit: str) -> "JudgedCommit":
            return judges.judge(commit, Path(folder) / commit)

        def tell(judged: "JudgedCommit") -> None:
            why = f": {judged.reason}" if judged.reason else ""
            output.tell(f"{_GLYPHS[judged.word]} {judged.commit[:12]} {judged.word}{why}")

        found = search(within.commit(good), listed, judge, tell)
    _say(found, within, len(listed), as_json)
    raise typer.Exit(2 if found.between else 0)


def _scenario(what: Path, line: int | None, trust: bool) -> dict[str, Any]:
    """The scenario that is replayed, as it stands in its file; no code of the user's is
    imported here."""
    from harness.judge import read_json

    if what.is_dir() or what.suffix == ".json":
        if line is not None:
            raise UsageError(
                f"--line cannot be said of {what}, which is not a corpus; leave it out"
            )
        file = what / "scenario.json" if what.is_dir() else what
        require_trust(file, trust)
        return read_json(file)
    values = _entry(what, line)
    scenario = values.get("scenario")
    if not isinstance(scenario, dict):
        raise UsageError(
            f"the line of {what} holds no scenario, so it does not repeat exactly; name a line of "
            "a simulated failure with --line"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scenario.json"
        file.write_text(json.dumps(scenario))
        require_trust(file, trust)
        return read_json(file)


def _entry(corpus: Path, line: int | None) -> dict[str, Any]:
    """One line of a corpus."""
    try:
        lines = corpus.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {corpus}: {error}; name another file") from error
    numbers = [number for number, text in enumerate(lines, 1) if text.strip()]
    number = line or (numbers[-1] if numbers else 0)
    if number not in numbers:
        raise UsageError(f"{corpus} has no line {number}; it has {len(lines)}")
    try:
        values = json.loads(lines[number - 1])
    except ValueError as error:
        raise UsageError(f"{corpus}, line {number}, is not JSON: {error}; name another") from error
    if not isinstance(values, dict):
        raise UsageError(f"{corpus}, line {number}, is not of a corpus; name another")
    return values


def _say(found: "Bisection", repository: "Repository", tried: int, as_json: bool) -> None:
    """What the search says last."""
    from checker.wording import plural

    if as_json:
        print(json.dumps({
            "first_bad": None if found.between else found.bad, "last_good": found.good,
            "bad": found.bad, "skipped": found.between, "commits": tried,
            "judged": [vars(one) for one in found.judged],
        }))  # fmt: skip
        return
    runs = f"{plural(len(found.judged), 'replay')} for {plural(tried, 'commit')}"
    if not found.between:
        print(f"✘ the first bad commit, by {runs}: {repository.told(found.bad)}")
        return
    print(f"? one of these commits brought it, by {runs}; those that were skipped may be it too:")
    for commit in (*found.between, found.bad):
        print(f"  {repository.told(commit)}")
