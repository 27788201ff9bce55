"""Histories of other tools: their verdicts, and what is refused with which words."""

import os
import re
from pathlib import Path
from random import Random

import pytest

from checker.formats import Taking, edn, read, read_content
from checker.formats.meaning import Meaning
from checker.history import History, MalformedHistory
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.operation import Outcome

FOREIGN = Path(__file__).parents[1] / "histories" / "foreign"
FOLDERS = [FOREIGN, *map(Path, filter(None, [os.environ.get("LABRYS_HISTORIES")]))]
"""A folder of more histories with a `verdicts.tsv` may be named in the environment."""

CASES = [
    (folder / name, model, verdict)
    for folder in FOLDERS
    for line in (folder / "verdicts.tsv").read_text().splitlines()
    for name, model, verdict in [line.split("\t")]
]


def content(text: str, form: str = "auto", model: str | None = None) -> History:
    return read_content(text.encode(), form, Taking(Meaning(model)))


@pytest.mark.parametrize(("path", "model", "verdict"), CASES, ids=[c[0].name for c in CASES])
def test_known_verdicts(path: Path, model: str, verdict: str) -> None:
    result = check(read(path, model=model), MODELS[model](), time_limit_s=20)
    assert result.verdict.word == verdict


def test_edn() -> None:
    text = """; a comment
    {:a 1, "b" [nil true -2N 1.5M] :c #{:x} #_ignored :d #inst "2020" \\e "q\\n\\u00e9\\""}
    (sym ol) #_ #_ 1 2 """
    assert [form for _, form in edn.forms(text)] == [
        {"a": 1, "b": [None, True, -2, 1.5], "c": ["x"], "d": "2020", "e": 'q\né"'},
        ["sym", "ol"],
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[1 2", "line 1: the text ends in the middle"),
        ("{:a}", "a map has a key without a value"),
        ("\n\n]", "line 3: ']' closes nothing"),
        ('"abc', "a string never ends"),
        ("12ab", "'12ab' is not a number"),
        ("2r7", "'2r7' is not a number"),
        ("09", "'09' is not a number"),
        ("[" * 10_000, "nested more than"),
        ("#_ " * 10_000, "nested more than"),
    ],
)
def test_malformed_edn(text: str, reason: str) -> None:
    with pytest.raises(MalformedHistory, match=re.escape(reason)):
        list(edn.forms(text))


def test_independent_keys_and_outcomes() -> None:
    history = content(
        """{:process 0, :type :invoke, :f :read, :value [3 nil], :time 10}
        {:process :nemesis, :type :info, :f :start, :value nil}
        {:process 1, :type :invoke, :f :cas, :value [3 [1 2]]}
        {:process 0, :type :ok, :f :read, :value [3 1], :time 20}
        {:process 1, :type :fail, :f :cas, :value [3 [1 2]]}"""
    )
    read_, cas = history.operations
    assert (read_.key, read_.argument, read_.result) == (3, None, 1)
    assert (read_.invoked_ns, read_.completed_ns) == (10, 20)
    assert (cas.key, cas.argument, cas.outcome) == (3, [1, 2], Outcome.FAIL)


def test_what_a_failed_compare_and_set_means() -> None:
    log = (
        "INFO  jepsen.util - 1\t:invoke\t:cas\t[1 2]\nnoise\nINFO jepsen.util - 1 :fail :cas [1 2]"
    )
    (observed,) = content(log, "jepsen-log", "etcd").operations
    assert (observed.function, observed.argument, observed.outcome) == (
        "cas-mismatch", 1, Outcome.OK,
    )  # fmt: skip
    (nothing,) = content(log, "jepsen-log", "cas-register").operations
    assert (nothing.function, nothing.outcome) == ("cas", Outcome.FAIL)


def test_console_logs_of_newer_versions() -> None:
    log = "\n".join(
        f"2024-02-01 10:00:00,12{n}{{GMT}}\tINFO\t[jepsen worker 1] jepsen.util: {event}"
        for n, event in enumerate(("1\t:invoke\t:read\tnil", "1\t:ok\t:read\t3"))
    )
    (operation,) = content(log).operations
    assert (operation.function, operation.result, operation.outcome) == ("read", 3, Outcome.OK)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("7", "line 1: an event must be a map"),
        ("{:process 0 :type :ok :f :read}", "line 1 completes a call of process 0"),
        ("{:process [0] :type :ok :f :read}", "must be a number or a name"),
        ("{:process 0 :type :huh :f :read}", "must be invoke, ok, fail or info"),
        ("{:process 0 :type :invoke :f 3}", "function must be a name"),
        ("{:process 0 :type :invoke :value 3}", "names no function"),
        ("{:process 0 :type :invoke :f :cas :value 3}", "cas needs a pair"),
        ("{:process 0 :type :invoke :f :read}" * 2, "calls again before"),
    ],
)
def test_malformed_events(text: str, reason: str) -> None:
    with pytest.raises(MalformedHistory, match=re.escape(reason)):
        content(text, "edn")


def test_damaged_files_never_end_in_another_exception(tmp_path: Path) -> None:
    random = Random(5)
    sources = [FOREIGN / name for name in ("etcd_000.log", "c01-ok.txt", "bad-bad-analysis.edn")]
    path = tmp_path / "damaged"
    refused = 0
    for _ in range(600):
        text = bytearray(random.choice(sources).read_bytes())
        for _ in range(random.randint(1, 4)):
            text[random.randrange(len(text))] = random.choice(b'()[]{}";:#\\ 0a\n\xff')
        path.write_bytes(text)
        try:
            check(read(path, model="etcd"), MODELS["etcd"](), time_limit_s=1)
        except MalformedHistory:
            refused += 1
    assert refused > 50
