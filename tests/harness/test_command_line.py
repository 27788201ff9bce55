"""Bad input is answered by one sentence and the right exit status, never by a traceback."""

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import cli
from harness.commands import options
from harness.config import RunConfig
from harness.durations import seconds
from harness.errors import UsageError
from harness.nemesis.catalogue import FAMILIES
from harness.options_file import OptionsFile, read_options

USAGE, FAILED = 254, 255
Answer = tuple[int, str, str]
Labrys = Callable[[str], Answer]


MODULES = {
    "away_driver": "import nosuchdriver.client\n",
    "mine": "from systems_under_test.node import Node\nclass Abstract(Node): pass\n"
    "def function(): pass\n",
    "exits": "raise SystemExit(1)\n",
    "divides": "1 / 0\n",
    "broken": "def thing(:\n",
}
"""Code of a user's, by the name of its module."""


@pytest.fixture
def labrys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Labrys:
    """Runs a command line in this process: its exit status, output, and errors."""
    monkeypatch.chdir(tmp_path)
    for name, text in MODULES.items():
        Path(f"{name}.py").write_text(text)

    def run(line: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["labrys", *shlex.split(line)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        status = ended.value.code
        assert isinstance(status, int)
        return status, said.out, said.err

    return run


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run rafd", "there is no system 'rafd'; the nearest are: raft"),
        ("run raft --faults partitoin", "there is no fault 'partitoin'; the nearest are: partiti"),
        ("run raft --workload registers", "there is no workload 'registers'; the nearest are: reg"),
        ("run raft --environment dokcer", "there is no environment 'dokcer'; the nearest are: doc"),
        ("run raft --nodes 0", "--nodes cannot be 0; give a number from 1 to 25"),
        ("run raft --nodes -3", "--nodes cannot be -3"),
        ("run raft --nodes 26", "--nodes cannot be 26"),
        ("run raft --nodes two", "Invalid value for '--nodes'"),
        ("run raft --clients 0", "--clients cannot be 0"),
        ("run raft --nodes 2 --faults partition-majorities-ring", "needs at least 4 nodes"),
        ("run raft --time-limit -1", "--time-limit cannot be -1"),
        ("run raft --time-limit nan", "--time-limit cannot be nan"),
        ("run raft --time-limit inf", "--time-limit cannot be inf"),
        ("run raft --rate -5", "--rate cannot be -5"),
        ("run raft --fault-interval 0", "--fault-interval cannot be 0"),
        ("run raft --seed -1", "--seed cannot be -1"),
        ("run raft --values many", "--values cannot be 'many'"),
        ("run raft --values repeated:1", "--values cannot be 'repeated:1'"),
        ("run raft --keys 0", "--keys cannot be 0"),
        ("run raft --operation-timeout 0", "--operation-timeout cannot be 0"),
        ("run raft --frobnicate", "No such option: --frobnicate"),
        ("run", "the option 'system' is missing"),
        ("run no.such:Thing", "cannot import the system 'no.such:Thing'"),
        (
            "run away_driver:Thing",
            "most likely with: pip install nosuchdriver",
        ),
        ("run json:JSONDecoder", "is not a subclass of systems_under_test.node.Node"),
        ("run raft --config missing.toml", "cannot read missing.toml"),
        ("check missing.jsonl", "cannot read missing.jsonl"),
        ("check .", "the directory holds no history"),
        ("check x --time-limit 0", "--time-limit cannot be 0"),
        ("check x --memory-limit 1", "--memory-limit cannot be 1"),
        ("check x --model regster", "there is no model 'regster'"),
        ("check x --engine graphs", "there is no engine 'graphs'"),
        ("report nowhere", "nowhere"),
        ("list sistems", "there is no list 'sistems'; the nearest are: systems"),
        ("frob", "No such command 'frob'"),
        ("run raft --time-limit soon", "--time-limit cannot be 'soon'; write it as 30s, 2m, 1h"),
        ("run raft --time-limit 2m30", "--time-limit cannot be '2m30'"),
        ("run raft --operation-timeout 90m", "--operation-timeout cannot be 5400"),
        ("explore raft --seconds later", "--seconds cannot be 'later'"),
        ("check x --time-limit never", "--time-limit cannot be 'never'"),
        ("nightly --budget tomorrow", "a budget cannot be 'tomorrow'"),
        ("run mine:Abstract", "is not finished; define its on_message(), on_start(), on_timer()"),
        ("run mine:function", "is not a subclass of systems_under_test.node.Node"),
        ("run mine:nothing", "module 'mine' has no attribute 'nothing'"),
        ("run :Thing", "cannot import the system ':Thing'"),
        ("run exits:Thing", "cannot import the system 'exits:Thing': SystemExit: 1"),
        ("run divides:Thing", "cannot import the system 'divides:Thing': ZeroDivisionError"),
        ("run broken:Thing", "cannot import the system 'broken:Thing': SyntaxError"),
        ("run raft --workload mine:nothing", "cannot import the workload 'mine:nothing'"),
        ("run raft --faults divides:Thing", "cannot import the fault 'divides:Thing'"),
        ("check x --model divides:Thing", "cannot import the model 'divides:Thing'"),
        ("check x --html page.html x", "--html needs one history file"),
    ],
)
def test_wrong_arguments(labrys: Labrys, line: str, words: str) -> None:
    status, output, errors = labrys(line)
    assert status == USAGE
    assert words in errors
    assert errors.startswith("labrys: ")
    assert errors.count("\n") == 1
    assert output == ""
    assert not Path("store").exists(), "nothing is made for what cannot be run"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nodes = 3", "the option 'system' is missing"),
        ('system = "raft"\nnods = 3', "line 2: there is no option 'nods'; the nearest are: nodes"),
        ('system = "raft"\ntime_limit = "soon"', "line 2: time_limit cannot be 'soon'"),
        (
            'system = "raft"\nnodes = "three"',
            "bad.toml, line 2: nodes cannot be 'three'; give a",
        ),
        ('system = "raft"\nnodes = true', "bad.toml, line 2: nodes cannot be True"),
        (
            'system = "raft"\nfaults = "kill"',
            "bad.toml, line 2: faults cannot be 'kill'; give",
        ),
        ('system = "raft"\nnodes = ', "bad.toml is not TOML"),
        ("\udcff", "bad.toml is not TOML"),
    ],
)
def test_wrong_files_of_options(labrys: Labrys, text: str, words: str) -> None:
    Path("bad.toml").write_bytes(text.encode(errors="surrogateescape"))
    status, _, errors = labrys("run --config bad.toml")
    assert status == USAGE
    assert words in errors


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("labrys.toml", 'system = "raft"\n\nnodes = 99\n', "labrys.toml, line 3: "),
        (
            "pyproject.toml",
            '[project]\nnodes = 1\n[tool.labrys]\nsystem = "raft"\nnodes = 99\n',
            "pyproject.toml, line 5: ",
        ),
    ],
)
def test_options_are_found_in_the_working_directory(
    labrys: Labrys, name: str, text: str, where: str
) -> None:
    Path(name).write_text(text)
    status, _, errors = labrys("run")
    assert status == USAGE
    assert f"labrys: {where}nodes cannot be 99; give a number from 1 to 25\n" in errors
    assert f"labrys: options come from {name}, too\n" in errors
    # The command line goes before the file.
    assert "--nodes cannot be 0" in labrys("run --nodes 0")[2]


def test_a_campaign_takes_the_options_that_mean_something_to_it(labrys: Labrys) -> None:
    Path("labrys.toml").write_text(
        'system = "raft"\nenvironment = "docker"\nseed = 7\nclients = 3\ntime_limit = "2s"\n'
    )
    status, out, errors = labrys("explore --seeds 1 --json")
    assert (status, errors) == (0, "")
    assert '"system": "raft"' in out
    status, _, errors = labrys("explore --seeds 1")
    assert "options come from labrys.toml, too" in errors
    assert "environment, seed left out" in errors
    Path("other.toml").write_text('system = "raft"\nkeys = 0\n')
    assert "other.toml, line 2: keys cannot be 0" in labrys("explore --config other.toml")[2]
    Path("other.toml").write_text('system = "raft"\nkeyes = 1\n')
    assert "other.toml, line 2: there is no option" in labrys("explore --config other.toml")[2]


def test_an_error_is_looked_for_where_it_is(labrys: Labrys) -> None:
    Path("labrys.toml").write_text('# nodes = 3\nnodes = 3\nfaults = [\n  "kill",\n  "kil",\n]\n')
    assert "labrys.toml, line 5: " in labrys("run raft")[2]
    assert "labrys: there is no system 'rafd'" in labrys("run rafd --faults none")[2]
    Path("plan.toml").write_text(
        '[[matrix]]\nsystems = ["raft"]\n\n[[canaries]]\nsystems = ["raft-stale-reads"]\n\n'
        '[[matrix]]\nsystems = ["raft"]\nfaults = ["kill"]\noptions = { nodes = 3, keyes = 2 }\n'
    )
    assert "plan.toml, line 10: " in labrys("nightly plan.toml")[2]
    text = Path("plan.toml").read_text()
    Path("plan.toml").write_text(text.replace(", keyes = 2", "").replace('"kill"', '"kil"'))
    assert "plan.toml, line 9: " in labrys("nightly plan.toml")[2]
    Path("plan.toml").write_text(text.replace("faults", "fawlts"))
    assert "plan.toml, line 9: " in labrys("nightly plan.toml")[2]


def test_a_project_without_options_has_none(labrys: Labrys) -> None:
    Path("pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert read_options(None) == OptionsFile()
    assert "the option 'system' is missing" in labrys("run")[2]
    Path("pyproject.toml").write_text("[tool]\nlabrys = 3\n")
    assert "pyproject.toml, line 2: [tool.labrys] must be a table" in labrys("run")[2]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("90", 90), ("0.5", 0.5), ("30s", 30), ("2m", 120), ("1h30m", 5400), ("500ms", 0.5),
     ("1m0.5s", 60.5), ("", None), ("m", None), ("s30", None), ("2 m", None), ("1e400", inf)],
)  # fmt: skip
def test_durations(text: str, wanted: float | None) -> None:
    assert seconds(text) == wanted
    if wanted:
        assert RunConfig.from_values({"system": "raft", "time_limit": "2m"}).time_limit == 120


def test_help_tells_the_defaults_that_hold() -> None:
    for option in fields(RunConfig):
        if option.name not in options.OF_A_RUN or option.name == "seed" or not option.default:
            continue
        told = options.DEFAULTS[option.name]
        held = option.default
        if option.name in options.SECONDS:
            assert seconds(told) == held
        else:
            assert told == (",".join(held) if isinstance(held, tuple) else str(held))


HEADER = '{"labrys":"history","version":1}\n'
INVOKE = '{"type":"invoke","process":0,"function":"write","key":"x","argument":1,"time_ns":1}\n'
OK = '{"type":"ok","process":0,"result":1,"time_ns":2}\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello\n", "not a history that can be read; it begins with 'hello'. What can be read"),
        ('{"labrys":"history","version":99}\n', "version 99"),
        (HEADER + "hello\n" + OK, "line 2"),
        (HEADER + OK, "line 2"),
        (HEADER + INVOKE + INVOKE, "line 3"),
        (HEADER + INVOKE + OK + OK, "line 4"),
    ],
    ids=["not-json", "newer", "bad-line", "no-invocation", "two-invocations", "two-ends"],
)
def test_malformed_histories(labrys: Labrys, text: str, words: str) -> None:
    Path("history.jsonl").write_text(text)
    status, _, errors = labrys("check history.jsonl")
    assert status == USAGE
    assert "history.jsonl: " in errors
    assert words in errors


def test_a_history_cut_in_mid_line_keeps_its_whole_events(labrys: Labrys) -> None:
    Path("history.jsonl").write_text(HEADER + INVOKE + OK + INVOKE[:30])
    status, output, _ = labrys("check history.jsonl --json")
    answer = json.loads(output)
    assert (status, answer["verdict"], answer["operations"]) == (0, "valid", 1)
    assert answer["cut"] == "the file breaks off in the middle of line 4, which was left out"


def test_no_engine_is_one_sentence(labrys: Labrys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    status, output, errors = labrys("run raft --environment docker --time-limit 1")
    assert status == FAILED
    assert "Docker engine" in errors
    assert output == ""


def test_a_store_that_cannot_be_written(labrys: Labrys) -> None:
    Path("store").write_text("a file, not a folder")
    status, _, errors = labrys("run raft --environment local --time-limit 1")
    assert status == FAILED
    assert "cannot write to the store store" in errors
    assert "choose another folder for the store" in errors


def test_names_are_listed(labrys: Labrys) -> None:
    for what, name in (("systems", "raft"), ("faults", "isolate-leader"), ("models", "register")):
        status, output, _ = labrys(f"list {what}")
        assert status == 0
        words = [line.split() for line in output.splitlines()]
        assert name in [first for first, *_ in words]
        assert all(about for _, *about in words)


@given(
    nodes=st.integers(4, 25),
    clients=st.integers(1, 1000),
    faults=st.lists(st.sampled_from(sorted(FAMILIES)), unique=True),
    time_limit=st.floats(0.1, 1000).map(lambda seconds: float(f"{seconds:g}")),
    rate=st.sampled_from([0.0, 0.5, 100.0]),
    seed=st.integers(0, 2**63 - 1),
    values=st.sampled_from(["counters", "repeated:5", "documents"]),
)
def test_the_line_that_reproduces_a_run_asks_for_the_same_run(
    nodes: int, clients: int, faults: list[str], time_limit: float, rate: float, seed: int,
    values: str,
) -> None:  # fmt: skip
    config = RunConfig(
        system="raft",
        environment="local",
        nodes=nodes,
        clients=clients,
        faults=tuple(faults),
        time_limit=time_limit,
        rate=rate,
        seed=seed,
        values=values,
    )
    words = iter(shlex.split(config.command)[3:])
    given = {word.removeprefix("--").replace("-", "_"): next(words) for word in words}
    if "faults" in given:
        named = given.pop("faults").split(",")
        given_faults = () if named == ["none"] else tuple(named)
    else:
        given_faults = RunConfig(system="raft").faults
    kinds = {name: type(getattr(config, name)) for name in given}
    again = RunConfig(
        system="raft",
        faults=given_faults,
        **{name: kinds[name](value) for name, value in given.items()},
    )
    assert again == config


def test_options_survive_being_stored(tmp_path: Path) -> None:
    config = RunConfig(system="raft", faults=(), seed=3, time_limit=12.5)
    (tmp_path / "config.toml").write_text(config.to_toml())
    assert RunConfig.from_values(read_options(tmp_path / "config.toml").values) == config
    other = replace(config, faults=("kill",), environment="local")
    (tmp_path / "config.toml").write_text(other.to_toml())
    assert RunConfig.from_values(read_options(tmp_path / "config.toml").values) == other


def test_whole_numbers_are_taken_where_seconds_are_asked_for() -> None:
    assert RunConfig.from_values({"system": "raft", "time_limit": 5}).time_limit == 5.0
    with pytest.raises(UsageError):
        RunConfig.from_values({"system": "raft", "nodes": 5.0})
