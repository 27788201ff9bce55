"""Every format by an example: what is recognised, what it means, and what is refused."""

import contextlib
import gzip
import io
import json
import time
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import pytest

from checker.formats import Taking, edn, examples, jepsen_edn, operations, read, read_content
from checker.formats.event import Event, Recorded
from checker.formats.keys import Keyed
from checker.formats.meaning import Meaning, NilReads
from checker.history import History, MalformedHistory
from checker.linearizability.check import check
from checker.models.catalogue import MODELS
from checker.models.inference import NotOneModel, infer
from checker.operation import Operation, Outcome
from tests.checker.fressian_writer import Keyword, stored_test

ROOT = Path(__file__).parents[2]


def content(text: str, model: str | None = None, keyed: Keyed = Keyed.AUTO) -> History:
    return read_content(text.encode(), taking=Taking(Meaning(model), keyed))


def format_of(history: History) -> str:
    assert history.source is not None
    return history.source.format


EDN = """{:process 0, :type :invoke, :f :write, :value 1}
{:process 0, :type :ok, :f :write, :value 1}
{:process 1, :type :invoke, :f :read, :value nil}
{:process 1, :type :ok, :f :read, :value 1}
"""

SAME = {
    "Jepsen's EDN": [
        EDN,
        "\ufeff" + EDN,
        f"; a comment\n[{EDN}]",
        f"({EDN})",
        EDN.replace("{", "#jepsen.history.Op{"),
        "{:name \"x\", :history [" + EDN + "]}",
        "[0 :invoke :write 1]\n[0 :ok :write 1]\n[1 :invoke :read nil]\n[1 :ok :read 1]",
        "[[0 :invoke :write 1] [0 :ok :write 1] [1 :invoke :read nil] [1 :ok :read 1]]",
        EDN.replace("0", ":a").replace("process 1", 'process "b"'),
        EDN.replace(":ok, :f :write", ":ok").replace(", :value nil", ""),
    ],
    "Jepsen's history.txt": [
        "0\t:invoke\t:write\t1\n0\t:ok\t:write\t1\n1\t:invoke\t:read\tnil\n1\t:ok\t:read\t1\n",
        ":a :invoke :write 1\n:a :ok :write 1\n:nemesis :info :kill nil\n1 :invoke :read nil\n"
        "1 :ok :read 1",
    ],
    "events in JSON": [
        '[{"type":"invoke","process":0,"f":"write","value":1},'
        '{"type":"ok","process":0,"f":"write","value":1},\n{"type":"invoke","process":1,"f":"read"},'
        '{"type":"ok","process":1,"f":"read","value":1}]',
        '{":type":":invoke",":process":0,":f":":write",":value":1}\n'
        '{"type":"ok","process":0,"f":"write","value":1}\n'
        '{"type":"invoke","process":1,"function":"read"}\n'
        '{"type":"ok","process":1,"function":"read","result":1,"node":"n1"}\n',
    ],
    "operations in JSON": [
        '{"process":1,"function":"read","result":1,"invoked_ns":3,"completed_ns":4}\n'
        '{"process":0,"function":"write","argument":1,"invoked_ns":1,"completed_ns":2}',
    ],
    "operations of Porcupine": [
        '[{"ClientId":0,"Input":{"Op":false,"Value":1},"Call":1,"Output":0,"Return":2},'
        '{"ClientId":1,"Input":{"Op":true,"Value":0},"Call":3,"Output":1,"Return":4}]',
        '{"ClientId":0,"Kind":0,"Value":{"Op":1,"Arg1":1},"Id":0}\n'
        '{"ClientId":0,"Kind":1,"Value":{},"Id":0}\n'
        '{"ClientId":1,"Kind":0,"Value":{"Op":0,"Arg1":0},"Id":1}\n'
        '{"ClientId":1,"Kind":1,"Value":{"Exists":true,"Value":1},"Id":1}\n',
    ],
}  # fmt: skip

LOGGED = {
    "0.0": "INFO  jepsen.util - {}",
    "0.1": "INFO [2019-04-01 11:25:20,100] jepsen worker 0 - jepsen.util {}",
    "0.2": "2020-02-01 10:00:00,123{{GMT}}\tINFO\t[jepsen worker 0] jepsen.util: {}",
    "coloured": "\x1b[34mINFO\x1b[0m [2024-04-01 11:25:20,100] jepsen worker 0 - jepsen.util {}",
    "offset": "2022-07-28 07:53:02,853{{GMT}}\tINFO\t[jepsen worker 2] jepsen.util: [ 13 ] {}",
    "another logger": "INFO [2024-04-01 11:25:20,100] worker 0 - my.own.test {}",
}
for prefix in LOGGED.values():
    lines = SAME["Jepsen's history.txt"][0].splitlines()
    noise = [
        "INFO [2019-04-01 11:25:19,000] main - jepsen.os.debian  setting up",
        "  at clojure.core",
    ]
    SAME.setdefault("a console log of Jepsen", []).append(
        "\n".join([*noise, *map(prefix.format, lines)])
    )
SAME["a console log of Jepsen"].append(
    "\n".join(
        json.dumps({"level": "INFO", "logger": "jepsen.util", "message": line}) for line in lines
    )
)


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in SAME.items() for text in texts]
)
def test_the_same_history_in_every_format(name: str, text: str) -> None:
    history = content(text)
    assert format_of(history) == name
    first, second = history.operations
    assert (first.function, first.argument, first.outcome) == ("write", 1, Outcome.OK)
    assert (second.function, second.result, second.outcome) == ("read", 1, Outcome.OK)
    assert first.completed is not None
    assert first.completed < second.invoked
    assert infer(history.columns) == "cas-register"


def test_what_is_nothing_is_refused_with_all_that_can_be_read() -> None:
    with pytest.raises(MalformedHistory) as refused:
        content("some text\n" * 3)
    assert "it begins with 'some text'" in str(refused.value)
    for name, example in examples():
        assert name in str(refused.value)
        assert example in str(refused.value)


def test_shapes_read_as_the_whole_reader_does() -> None:
    random = Random("shapes")
    values = ["nil", "1", "-7", '"a b"', ":kw", "[1 nil]", '["k" [1 2]]', "{0 100, 1 5}", "#{1 2}",
              "[[:r 1 nil] [:w 2 3]]", "1/2", "##Inf", "0x1f", "true", '"q\\n"', "[]", "(1 2)",
              "#inst \"2020\"", "1.5", "\\a", "007", "12345678901234567890", "; c\n 3"]  # fmt: skip
    for _ in range(200):
        names = random.sample([":process", ":type", ":f", ":value", ":time", ":error", ":more"], 7)
        text = ""
        for number in range(12):
            fields = {":process": random.choice(["0", ":nemesis", '"c1"', ":c2"]),
                      ":type": random.choice([":invoke", ":ok", ":info"]), ":f": ":read",
                      ":value": random.choice(values), ":time": str(number),
                      ":error": random.choice(values), ":more": random.choice(values)}  # fmt: skip
            text += "{" + random.choice([", ", " "]).join(f"{n} {fields[n]}" for n in names) + "}\n"
        assert jepsen_edn.read(text) == slowly_read(text), text


def slowly_read(text: str) -> Recorded:
    """What the reader finds where it learns no shapes."""
    recorded = Recorded()
    for line, form in edn.forms(text):
        event = jepsen_edn.event_of(edn.plain(form), line)
        recorded.faults += event is None
        recorded.events += [event] if event is not None else []
    return recorded


def test_events_are_sorted_by_their_index() -> None:
    lines = [line[:-1] + f", :index {n}}}" for n, line in enumerate(EDN.splitlines())]
    history = content("\n".join([*lines[2:], *lines[:2]]))
    assert [o.function for o in history.operations] == ["write", "read"]
    assert history.source is not None
    assert history.source.notes == ("the events were out of order of their index, and were sorted "
                                    "by it",)  # fmt: skip
    assert history.source.line(history.operations[0].invoked) == 3
    with pytest.raises(MalformedHistory, match="this event has no index"):
        content("\n".join([*lines[2:], lines[0], EDN.splitlines()[1]]))
    with pytest.raises(MalformedHistory, match="two events have the index 2"):
        content("\n".join([lines[2], lines[3], lines[2], lines[0]]))


CALLS = {
    "mutex": "{:process 0 :type :invoke :f :acquire :value [1 nil]}",
    "queue": "{:process 0 :type :invoke :f :dequeue :value [1 nil]}",
    "cas-register": "{:process 0 :type :invoke :f :cas :value [1 [2 3]]}",
    "register": "{:process 0 :type :invoke :f :cas :value [1 2 3]}",
    "versioned-register": "{:process 0 :type :invoke :f :read :value [1 [nil nil]]}",
    "multi-register": "{:process 0 :type :invoke :f :txn :value [1 [[:r :x nil]]]}",
}


@pytest.mark.parametrize("model", CALLS)
def test_keys_in_values_of_every_function(model: str) -> None:
    (operation,) = content(CALLS[model], model).operations
    assert operation.key == 1
    mixed = CALLS[model] + "{:process 1 :type :invoke :f :read :value nil}"
    with pytest.raises(MalformedHistory, match="say that values are keyed if every one is"):
        content(mixed, model)
    if model in ("mutex", "queue"):
        assert [o.key for o in content(mixed, model, Keyed.NO).operations] == [None, None]


def test_what_completes_must_be_what_was_called() -> None:
    call = "{:process 0 :type :invoke :f :read :value [1 nil]}"
    with pytest.raises(MalformedHistory, match="completes a write of process 0, which called read"):
        content(call + "{:process 0 :type :ok :f :write :value [1 2]}")
    with pytest.raises(MalformedHistory, match="completes a call on key 2"):
        content(call + "{:process 0 :type :ok :f :read :value [2 2]}")
    remark = "{:process 5 :type :info :f :read :value nil}"
    history = content(EDN + remark)
    assert history.source is not None
    assert "passed over: 1 line or event, the first being line 5" in history.source.notes[0]
    with pytest.raises(MalformedHistory, match="6 lines or events say nothing of an operation"):
        content(EDN + remark * 6)


def test_lines_that_look_like_events_are_not_passed_over() -> None:
    log = SAME["a console log of Jepsen"][2]
    assert len(content(log + "\nanything else, even :info about it").operations) == 2
    with pytest.raises(MalformedHistory, match="line 7 looks like an event, but cannot be read"):
        content(log + "\n2020-02-01 10:00:00,123{GMT}\tINFO\t[x] jepsen.util: 1\t:inv\t:read\tnil")
    hidden = '{:process 0, :type :invoke, :f :write, :value "}\n' * 2
    for start, end in (('"', '" 1'), ('[["', '"]]'), ("{1 ", "}")):
        within = f"{{:process 0, :type :ok, :f :write, {start}}}\n{hidden[:44]}{end}}}"
        with pytest.raises(MalformedHistory):
            content(within)
    with pytest.raises(MalformedHistory, match="line 1 holds more than one event"):
        content(hidden + "{:process 0, :type :ok, :f :write, :value 1}")
    event = "{:process 0, :type :invoke, :f :write, :value 1}"
    for left_out in (";", "#_", "; ", "#_ ", ', :error "a;b"} ;', "\\; ;"):
        with pytest.raises(MalformedHistory, match="line 2 leaves out what looks like an event"):
            content(f"{event}\n{left_out}{event}\n")
    said = event[:-1] + ', :error "no; #_ {:type"}'
    assert len(content(f"; how it was made: {{:type}}\n{said}\n")) == 1
    with pytest.raises(MalformedHistory, match="holds more than one event"):
        content("0\t:invoke\t:write\t1 1\t:ok\t:read\t2\n")


def test_times_of_logs_and_none_where_there_are_none() -> None:
    log = SAME["a console log of Jepsen"][2].replace("123", "124", 3).replace("124", "123", 1)
    history = content(log)
    assert history.source is not None
    assert history.source.timed
    assert history.operations[0].completed_ns == 1_000_000
    history = content(SAME["Jepsen's history.txt"][0])
    assert history.source is not None
    assert not history.source.timed


def test_null_reads_and_names() -> None:
    text = EDN + "{:process 2, :type :invoke, :f :read}{:process 2, :type :ok, :f :read :value nil}"
    assert check(content(text), MODELS["register"]()).verdict.word == "invalid"
    taking = Taking(Meaning(nil_reads=NilReads.UNKNOWN))
    history = read_content(text.encode(), taking=taking)
    assert len(history) == 3
    assert check(history, MODELS["register"]()).verdict.word == "valid"
    renamed = Taking(Meaning(renamed={"broadcast": "add"}))
    history = read_content(EDN.replace("write", "broadcast").encode(), taking=renamed)
    assert history.operations[0].function == "add"


def test_operations_in_json_are_strict() -> None:
    good = {"process": 0, "function": "read", "invoked_ns": 1, "completed_ns": 2}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"complted_ns": 2}, "'complted_ns' is no field of an operation"),
        ({"process": None}, "process must be a number or a name"),
        ({"function": 1}, "function must be a name"),
        ({"invoked_ns": None}, "an operation needs invoked_ns"),
        ({"invoked_ns": 1.5}, "must be a whole number of nanoseconds"),
        ({"invoked_ns": 3}, "the operation ends at 2, before it begins at 3"),
        ({"completed_ns": None, "outcome": "ok"}, "of outcome ok needs completed_ns"),
        ({"outcome": "maybe"}, "outcome must be ok, fail or info"),
    ]
    for change, words in wrong:
        with pytest.raises(MalformedHistory, match=words):
            content(json.dumps(good) + "\n" + json.dumps({**good, **change}))
    schema = json.loads((ROOT / "docs" / "operations.schema.json").read_text())
    assert tuple(schema["properties"]) == operations.FIELDS
    assert tuple(schema["properties"]["outcome"]["enum"]) == operations.OUTCOMES


def robust(kind: str, output: dict[str, Any], at: int, **request: Any) -> str:
    item = {"ClientId": at, "Input": {"Type": kind, **request}, "Call": at, "Output": output}
    return json.dumps({**item, "Return": 0 if output.get("Error") else at + 1})


def test_what_the_robustness_tests_of_etcd_record() -> None:
    put = {"OperationsOnSuccess": [{"Type": "put-operation",
                                    "Put": {"Key": "a", "Value": {"Value": "1"}}}]}  # fmt: skip
    found = {
        "Range": {"KVs": [{"Key": "a", "Value": {"Value": "1"}, "ModRevision": 2}], "Count": 1}
    }
    lines = [
        robust("txn", {"Txn": {"Failure": False, "Results": [{}]}}, 1, Txn=put),
        robust("range", found, 3, Range={"Start": "a", "End": ""}),
        robust("txn", {"Error": "timed out"}, 5, Txn=put),
        robust("range", {"Range": {"KVs": []}}, 7, Range={"Start": "a", "End": "b"}),
        robust("leaseGrant", {}, 9),
    ]
    history = content("\n".join(lines), "kv")
    assert format_of(history) == "operations of etcd's robustness tests"
    kinds = [(o.function, o.argument, o.result, o.outcome.value) for o in history.operations]
    assert kinds == [("write", "1", None, "ok"), ("read", None, "1", "ok"),
                     ("write", "1", None, "info"), ("read", None, None, "info")]  # fmt: skip
    assert history.source is not None
    assert "1 reads of several keys or of old revisions are not judged" in history.source.notes
    with pytest.raises(MalformedHistory, match="nothing in it can be judged"):
        content("\n".join(lines[3:]), "kv")


def stored(count: int) -> list[dict[str, Any]]:
    events = []
    for index in range(count):
        kind, value = ("invoke", None) if index % 2 == 0 else ("ok", [3, index])
        events.append({"index": index, "time": index * 10**7, "type": Keyword(kind),
                       "process": index // 2 % 3, "f": Keyword("read"),
                       "value": [3, None] if value is None else value})  # fmt: skip
    return events


def test_tests_that_jepsen_stored(tmp_path: Path) -> None:
    data = stored_test(stored(24), valid=True)
    history = read_content(data)
    assert format_of(history) == "a test that Jepsen stored"
    assert [(o.key, o.result) for o in history.operations] == [(3, n) for n in range(1, 24, 2)]
    assert history.operations[-1].completed_ns == 23 * 10**7
    assert history.source is not None
    assert history.source.valid is True
    unnoticed = 0
    for place in range(40, len(data), 7):
        damaged = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]
        with contextlib.suppress(MalformedHistory):
            # Only what stands between the parts of a header is not under its checksum.
            assert read_content(damaged).operations == history.operations
            unnoticed += 1
        with pytest.raises(MalformedHistory):
            read_content(data[:place])
    assert unnoticed < 0.2 * len(data) / 7
    (tmp_path / "test.jepsen").write_bytes(data[:100])
    (tmp_path / "history.edn").write_text(EDN)
    (tmp_path / "results.edn").write_text("{:valid? false, :count 2}")
    history = read(tmp_path)
    assert history.source is not None
    assert history.source.valid is False
    assert history.source.notes[0] == "history.edn of the directory was read"
    assert history.source.notes[1].startswith("not test.jepsen: the stored test")


def test_compressed_files_within_bounds() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("test/history.edn", EDN)
        archive.writestr("test/results.edn", "{:valid? true}")
    for data in (gzip.compress(EDN.encode()), packed.getvalue()):
        assert len(read_content(data)) == 2
    bomb = gzip.compress(bytes(1 << 20) * 40)
    with pytest.raises(MalformedHistory, match="unpacks to more than"):
        read_content(bomb)
    with pytest.raises(MalformedHistory, match="the compressed file"):
        read_content(gzip.compress(EDN.encode())[:40])
    with pytest.raises(MalformedHistory, match="the archive is damaged"):
        read_content(packed.getvalue()[:60])


def test_bad_input_ends_in_a_sentence() -> None:
    started = time.monotonic()
    noise = [
        "some words that mean nothing\n" * 200_000,
        "{" * 10_000, "[" * 10_000, '{"type":' + "[" * 100_000, "[[" + "{:a " * 10_000,
        "{:process 0 :type :invoke :f :write :value " + "[" * 10_000,
        "\x00" * 100_000, "{}", "[]", "()", "7", '"text"', "{\"a\": 1}", "[1, 2]",
    ]  # fmt: skip
    for text in noise:
        with contextlib.suppress(MalformedHistory):
            assert len(content(text)) == 0, text[:50]
    assert len(content(EDN.replace(":process 0", ":process 99999999999999999999"))) == 2
    huge = json.dumps("x" * 5_000_000)
    text = EDN.replace(":value 1", f":value {huge}")
    assert check(content(text), MODELS["register"]()).verdict.word == "valid"
    assert time.monotonic() - started < 60


def test_models_that_are_inferred_or_asked_for() -> None:
    def history(*functions: tuple[str, Any, Any]) -> History:
        return History(
            Operation(n, f, None, argument, result, Outcome.OK, 2 * n, 2 * n + 1, n, n)
            for n, (f, argument, result) in enumerate(functions)
        )

    known = {
        "cas-register": [("read", None, 1), ("write", 1, None)],
        "set": [("add", 1, None), ("read", None, [1])],
        "counter": [("add", 1, None), ("read", None, 1)],
        "list": [("append", 1, None), ("read", None, [1])],
        "kv": [("append", "a", None), ("read", None, "a")],
        "bank": [("transfer", {"from": 1, "to": 2, "amount": 3}, None)],
        "leader": [("inspect", None, ["n1", 1])],
        "stack": [("push", 1, None), ("pop", None, 1)],
        "total-queue": [("enqueue", 1, None), ("drain", None, [1])],
    }
    for name, calls in known.items():
        assert infer(history(*calls).columns) == name
    for calls in ([("acquire", None, None)], [("add", 1, None)], [("frob", None, None)]):
        with pytest.raises(NotOneModel, match=r"name the model|name a model of your own"):
            infer(history(*calls).columns)


def test_events_are_tuples_that_compare() -> None:
    assert Event(0, "ok", "read", 1, 1) == Event(0, "ok", "read", 1, 1)


@pytest.mark.parametrize("digits", [18, 19, 20, 60, 4_000, 5_000])
def test_numbers_that_are_too_large_are_said_to_be(digits: int) -> None:
    large = "9" * digits
    texts = (
        f"{large}\t:invoke\t:write\t1\n",
        f"{{:process {large}, :type :invoke, :f :write, :value 1, :time {large}}}\n",
        f"2020-02-01 10:00:00,{large}{{GMT}}\tINFO\t[x] jepsen.util: {large}\t:invoke\t:write\t1\n",
        f'{{"type":"invoke","process":{large},"f":"write","value":1,"time":{large}}}\n',
        f'{{"process":0,"function":"write","key":"x","argument":1,"invoked_ns":{large}}}\n',
    )
    for text in texts:
        with contextlib.suppress(MalformedHistory):
            assert len(content(text)) == 1
