"""Maelstrom's protocol, services and network, as its documents have them."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.clock import MILLISECOND_NS, SECOND_NS, RealClock
from harness.conditions import Conditions
from harness.config import RunConfig
from harness.databases.maelstrom import ERRORS, PROTOCOLS, REGISTER, answered, asked, grid
from harness.environments.message_log import MessageLog, read_messages
from harness.environments.services import LinKv, LinTso, LwwKv, SeqKv
from harness.environments.switchboard import Letter, Switchboard, Weather
from harness.errors import HarnessError, UsageError
from harness.nightly.plan import read_plan
from systems_under_test.requests import ErrorCode, Refusal, Reply, Request

READ = Request(0, 7, "read", "k")
WRITE = Request(0, 7, "write", "k", 3)
CAS = Request(0, 7, "cas", "k", [1, 2])


def test_requests_are_those_of_the_document() -> None:
    assert asked(REGISTER["read"], 5, READ) == {"type": "read", "key": 5}
    assert asked(REGISTER["write"], 5, WRITE) == {"type": "write", "key": 5, "value": 3}
    assert asked(REGISTER["cas"], 5, CAS) == {"type": "cas", "key": 5, "from": 1, "to": 2}
    assert asked(PROTOCOLS["unique-ids"]["generate"], 0, READ) == {"type": "generate"}
    for workload, field in (("broadcast", "message"), ("g-set", "element"), ("g-counter", "delta")):
        change = next(rpc for name, rpc in PROTOCOLS[workload].items() if name != "read")
        body = asked(change, 0, WRITE)
        assert body == {"type": change.type, field: 3}
        assert asked(PROTOCOLS[workload]["read"], 0, READ) == {"type": "read"}


def test_a_cas_of_a_key_without_a_value_cannot_be_asked() -> None:
    assert asked(REGISTER["cas"], 5, Request(0, 1, "cas", "k", [None, 2])) is None


@pytest.mark.parametrize(
    ("request_", "body", "result"),
    [
        (READ, {"type": "read_ok", "value": [1]}, [1]),
        (READ, {"type": "error", "code": 20}, None),
        (WRITE, {"type": "write_ok"}, 3),
        (CAS, {"type": "cas_ok"}, 1),
    ],
)
def test_answers_become_results(request_: Request, body: dict[str, Any], result: Any) -> None:
    assert answered(REGISTER[request_.function], request_, body) == Reply(7, result)


@pytest.mark.parametrize("code", [*ERRORS, 15, 999, 1000, -4, None, "20", True])
def test_only_definite_errors_had_no_effect(code: Any) -> None:
    refusal = answered(REGISTER["write"], WRITE, {"type": "error", "code": code, "text": "no"})
    assert isinstance(refusal, Refusal)
    definite = type(code) is int and code in {1, 10, 11, 12, 14, 20, 21, 22, 30}
    assert ErrorCode.of(refusal.error).definite == definite
    assert refusal.reason == "no"


@pytest.mark.parametrize("body", [{}, {"type": "write_ok"}, {"type": "read_ok"}])
def test_an_answer_that_the_protocol_does_not_have_is_named(body: dict[str, Any]) -> None:
    with pytest.raises(HarnessError, match="answer read_ok with 'value'"):
        answered(REGISTER["read"], READ, body)


def test_a_grid_has_neighbours_on_both_sides() -> None:
    for count in range(1, 12):
        nodes = tuple(f"n{number}" for number in range(count))
        found = grid(nodes)
        assert {*found} == {*nodes}
        assert all(node in found[other] for node in nodes for other in found[node])
        assert all(len(others) <= 4 and node not in others for node, others in found.items())
        reached = [nodes[0]]
        for node in reached:
            reached += [other for other in found[node] if other not in reached]
        assert len(reached) == count


def kv(service: Any, client: str = "n1", **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = service.answer(client, body)
    return found


@pytest.mark.parametrize("service", [LinKv(), SeqKv(Random(1)), LwwKv(Random(1))])
def test_stores_serve_what_they_should(service: Any) -> None:
    assert kv(service, type="read", key=1)["code"] == 20
    assert kv(service, type="cas", key=1, **{"from": 1}, to=2)["code"] == 20
    assert kv(service, type="fly", key=1)["code"] == 10
    assert kv(service, type="cas", key=1, **{"from": 0}, to=2, create_if_not_exists=True) == {
        "type": "cas_ok"
    }


def test_lin_kv_and_lin_tso_are_linearizable() -> None:
    store = LinKv()
    assert kv(store, type="write", key=[1], value={"a": 1}) == {"type": "write_ok"}
    assert kv(store, "n2", type="read", key=[1]) == {"type": "read_ok", "value": {"a": 1}}
    assert kv(store, type="cas", key=[1], **{"from": {"a": 2}}, to=3)["code"] == 22
    assert kv(store, type="cas", key=[1], **{"from": {"a": 1}}, to=3) == {"type": "cas_ok"}
    clock = LinTso()
    assert [kv(clock, type="ts") for _ in range(3)] == [
        {"type": "ts_ok", "ts": number} for number in range(3)
    ]


def test_seq_kv_shows_the_past_and_never_goes_back() -> None:
    store = SeqKv(Random(2))
    stale = 0
    seen = {"n2": 0, "n3": 0}
    for number in range(1, 400):
        kv(store, "n1", type="write", key="x", value=number)
        assert kv(store, "n1", type="read", key="x")["value"] == number  # It reads its own writes.
        for client, before in seen.items():
            found = kv(store, client, type="read", key="x").get("value", 0)
            assert before <= found <= number
            stale += found < number
            seen[client] = found
    assert stale > 400
    assert kv(store, "n2", type="cas", key="x", **{"from": number}, to=0) in (
        {"type": "cas_ok"},
        {"type": "error", "code": 22, "text": f"current value {seen['n2']} is not {number}"},
    )


def test_lww_kv_loses_writes_and_settles() -> None:
    store = LwwKv(Random(3))
    kv(store, type="write", key="x", value="old")
    found = Counter(str(kv(store, type="read", key="x").get("value")) for _ in range(40))
    assert {*found} == {"None", "old"}
    for _ in range(200):
        kv(store, type="read", key="y")
    assert {kv(store, type="read", key="x")["value"] for _ in range(20)} == {"old"}


def carried(
    weather: Weather,
    cut: set[tuple[str, str]],
    seed: int = 1,
    under: Conditions | None = None,
    for_s: float = 0.0,
) -> list[tuple[int, float]]:
    """Which of 400 messages arrived, and when, in milliseconds."""
    arrived: list[tuple[int, float]] = []
    clock = RealClock()

    def deliver(letter: Letter) -> str:
        took_ns = clock.now_ns() - letter.sent_ns
        arrived.append((letter.body["number"], took_ns / MILLISECOND_NS))
        return ""

    async def send() -> None:
        log = MessageLog(Path("/dev/null"))
        board = Switchboard(weather, seed, clock, log, deliver)
        board.cut = cut
        board.conditions = {("n1", "n2"): under} if under else {}
        for number in range(400):
            board.send(Letter("n1", "n2", b"{}", {"number": number}, clock.now_ns()))
        await asyncio.sleep(weather.latency_ns * 15 / SECOND_NS + 0.02 + for_s)
        assert board.met == (400 if under else 0)
        log.close()
        assert board.sent == 400
        assert len(arrived) == 400 - board.lost + board.doubled

    clock.run(send())
    return arrived


def test_a_calm_network_keeps_all_messages_and_their_order() -> None:
    assert [number for number, _ in carried(Weather(), set())] == [*range(400)]


@pytest.mark.timed
def test_messages_take_their_time_and_overtake_each_other() -> None:
    arrived = carried(Weather(latency_ns=10 * MILLISECOND_NS), set())
    order = [number for number, _ in arrived]
    assert sorted(order) == [*range(400)]
    assert order != sorted(order)
    assert 7 < sum(took for _, took in arrived) / 400 < 20


def test_loss_and_doubles_are_as_frequent_as_asked_and_the_same_for_a_seed() -> None:
    lossy = [{number for number, _ in carried(Weather(loss=25), set(), seed)} for seed in (1, 1, 2)]
    assert lossy[0] == lossy[1] != lossy[2]
    assert 60 < 400 - len(lossy[0]) < 140
    doubled = Counter(number for number, _ in carried(Weather(duplicates=25), set()))
    assert {*doubled.values()} == {1, 2}
    assert 60 < sum(count == 2 for count in doubled.values()) < 140


@pytest.mark.timed
def test_conditions_hold_messages_up_and_keep_their_order_unless_they_say_otherwise() -> None:
    late = {"delay_ns": 30 * MILLISECOND_NS, "jitter_ns": 20 * MILLISECOND_NS}
    for reorders in (False, True):
        arrived = carried(Weather(), set(), 1, Conditions(**late, reorders=reorders), 0.2)
        assert len(arrived) == 400
        assert ([number for number, _ in arrived] == [*range(400)]) != reorders
        assert min(took for _, took in arrived) >= 9.9
    assert 60 < 400 - len(carried(Weather(), set(), 1, Conditions(loss=0.25))) < 140
    assert 460 < len(carried(Weather(), set(), 1, Conditions(duplication=0.25))) < 540
    arrived = carried(Weather(), set(), 1, Conditions(rate=8_000), 0.3)  # 400 times 2 bytes
    assert 90 < arrived[-1][1] < 250
    assert [number for number, _ in arrived] == [*range(400)]


def test_a_cut_is_one_way() -> None:
    assert not carried(Weather(), {("n1", "n2")})
    assert len(carried(Weather(), {("n2", "n1")})) == 400


def test_the_log_of_messages_stays_bounded_and_keeps_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.environments.message_log.HALF_BYTES", 10_000)
    log = MessageLog(tmp_path / "messages.jsonl")
    for number in range(1_000):
        log.message(("n1", "n2"), {"type": "beat", "n": number}, "beat", (number, number), "")
    log.message(("n1", "n2"), {"type": "beat", "n": number}, "beat", (1000, None), "lost")
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20_200
    entries = list(read_messages(tmp_path / "messages.jsonl"))
    assert [entry["sent_ns"] for entry in entries] == [*range(1_001 - len(entries), 1_001)]
    assert [entry["matters"] for entry in entries[-2:]] == [True, False]
    assert json.loads(entries[0]["text"])["type"] == "beat"


def test_a_log_of_messages_that_is_closed_stays_as_it_is(tmp_path: Path) -> None:
    log = MessageLog(tmp_path / "messages.jsonl")
    log.mark("n1", "started", 1)
    log.close()
    log.mark("n1", "ended", 2)
    log.close()
    assert [entry["text"] for entry in read_messages(tmp_path / "messages.jsonl")] == ["started"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"system": "raft", "environment": "maelstrom"}, "programs that speak Maelstrom's"),
        ({"program": "./node", "environment": "local"}, "these run in no other"),
        ({"program": "./node", "system": "raft"}, "give one or the other"),
        ({"program": "'", "environment": "maelstrom"}, "program cannot be"),
        ({"program": "a", "environment": "maelstrom", "workload": "queue"}, "protocol has"),
        ({"system": "raft", "environment": "local", "loss": 3.0}, "loss is for the environment"),
        (
            {
                "program": "a",
                "environment": "maelstrom",
                "workload": "broadcast",
                "check_online": True,
            },
            "for the end alone",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        RunConfig.asked(options)


def test_a_program_is_named_in_the_line_that_repeats_its_run() -> None:
    config = RunConfig.from_values({"program": "./node --x 'a b'"})
    assert config.environment == "maelstrom"
    assert config.faults == ("partition",)
    assert config.command.startswith("labrys run --environment maelstrom --program ")
    assert "'./node --x '\"'\"'a b'\"'\"''" in config.command


def test_a_night_takes_such_programs(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    cells = 'faults = ["partition"]\nenvironments = ["maelstrom"]\noptions = { loss = 5.0 }\n'
    plan.write_text(
        f'[[matrix]]\nsystems = ["examples.maelstrom_raft:Raft"]\n{cells}'
        f'[[canaries]]\nsystems = ["examples.maelstrom_raft:Stale"]\n{cells}'
    )
    configs = [cell.config(7) for cell in read_plan(plan).cells]
    assert [config.loss for config in configs] == [5.0, 5.0]
    assert "--environment maelstrom" in configs[0].command
