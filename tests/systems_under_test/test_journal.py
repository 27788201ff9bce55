"""Journals: what was synced is read back, torn tails are cut off, damage is refused."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systems_under_test import journal as journal_module
from systems_under_test.journal import (
    HEADER_SIZE,
    Journal,
    JournalDamaged,
    JournalFailed,
    frame,
    header,
    read_frames,
)
from systems_under_test.node import Payload
from systems_under_test.wire import Codec


@dataclass(frozen=True, slots=True)
class Voted(Payload):
    term: int
    note: str = ""


CODEC = Codec((Voted,))
GROUPS = [[Voted(1)], [Voted(2, "ünï\x00\n"), Voted(3)], [Voted(4), Voted(5), Voted(6, "x" * 40)]]


def lines(records: list[Voted]) -> list[bytes]:
    return [CODEC.encode(record) for record in records]


def written(path: Path, groups: list[list[Voted]]) -> bytes:
    """Write the groups to a new journal and return the file's bytes."""
    journal = Journal(path, CODEC)
    for group in groups:
        journal.append(lines(group))
    journal.close()
    return path.read_bytes()


def reopened(path: Path) -> Journal:
    journal = Journal(path, CODEC)
    journal.close()
    return journal


def test_records_come_back_in_order_and_more_can_follow(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, GROUPS[:2])
    written(path, GROUPS[2:])
    journal = reopened(path)
    assert journal.records == tuple(record for group in GROUPS for record in group)
    assert journal.torn == 0


def crashed(path: Path, groups: list[list[Voted]], synced: int) -> bytes:
    """The bytes of a journal whose process, or power, ended when so many groups were synced."""
    whole = written(path, groups)
    return header(end_of(groups[:synced])) + whole[HEADER_SIZE:]


def end_of(groups: list[list[Voted]]) -> int:
    return HEADER_SIZE + sum(len(frame(lines(group))) for group in groups)


def flat(groups: list[list[Voted]]) -> tuple[Voted, ...]:
    return tuple(record for group in groups for record in group)


def begins(at: int) -> int:
    """Where the group, or the header, begins that holds this byte."""
    found = [0, *(end_of(GROUPS[:count]) for count in range(len(GROUPS) + 1))]
    return max(begin for begin in found if begin <= at)


def test_a_file_cut_at_any_byte_behind_its_seal_keeps_the_whole_groups_before_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal"
    whole = crashed(path, GROUPS, 0)
    for size in range(HEADER_SIZE, len(whole) + 1):
        path.write_bytes(whole[:size])
        kept = max(count for count in range(4) if end_of(GROUPS[:count]) <= size)
        journal = reopened(path)
        assert journal.records == flat(GROUPS[:kept])
        assert journal.torn == size - end_of(GROUPS[:kept])
        assert path.stat().st_size == end_of(GROUPS[:kept])
        if size % 8 == 0:
            written(path, [[Voted(9)]])
            assert reopened(path).records[-1] == Voted(9)


def test_a_file_that_ends_before_its_seal_is_refused_wherever_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = written(path, GROUPS)
    for size in range(len(whole)):
        with pytest.raises(JournalDamaged, match=f"at byte {begins(size)}"):
            read_frames(whole[:size], str(path))
    path.write_bytes(whole[:-40])
    with pytest.raises(JournalDamaged, match=f"{path} is damaged at byte {begins(len(whole) - 1)}"):
        Journal(path, CODEC)
    assert path.read_bytes() == whole[:-40]


@given(st.data())
def test_a_torn_last_group_is_cut_off_whatever_its_bytes_have_become(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("torn") / "journal"
    whole = crashed(path, GROUPS, 2)
    begin = end_of(GROUPS[:2])
    tail = bytearray(whole[begin:])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(tail) - 1))
        tail[at : at + data.draw(st.integers(1, 30))] = bytes(data.draw(st.integers(1, 30)))
    if whole[begin:] == bytes(tail):
        return
    path.write_bytes(whole[:begin] + tail)
    assert reopened(path).records == (Voted(1), *GROUPS[1])


@pytest.mark.parametrize("synced", [0, len(GROUPS)])
def test_damage_at_any_byte_before_the_seal_or_a_valid_group_is_refused(
    tmp_path: Path, synced: int
) -> None:
    whole = crashed(tmp_path / "journal", GROUPS, synced)
    last = len(whole) if synced else end_of(GROUPS[:2])
    for at in range(last):
        damaged = whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]
        with pytest.raises(JournalDamaged, match=f"at byte {begins(at)}"):
            read_frames(damaged, "journal")


def test_a_node_that_refuses_no_damage_goes_on_with_what_is_before_it(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    whole = written(path, GROUPS)
    at = end_of(GROUPS[:1]) + 20
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    Journal(path, CODEC, refuses_damage=False).close()
    assert reopened(path).records == flat(GROUPS[:1])
    path.write_bytes(whole[:100])
    Journal(path, CODEC, refuses_damage=False).close()
    assert reopened(path).records == ()


@pytest.mark.parametrize("content", [b"", b"labrys", b"labrys journal 1\n", b"\x00" * 40])
def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    with pytest.raises(JournalDamaged, match=r"is no journal of this version \(at byte 0"):
        Journal(path, CODEC)
    assert path.read_bytes() == content


def test_a_record_of_another_system_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, GROUPS)
    with pytest.raises(JournalDamaged, match='unknown type "Voted"'):
        Journal(path, Codec())


def test_two_nodes_cannot_share_a_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", CODEC)
    with pytest.raises(JournalFailed, match="in use by another node"):
        Journal(tmp_path / "journal", CODEC)
    journal.close()


def test_a_folder_that_is_not_there_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(JournalFailed, match=r"cannot open the journal .*: No such file"):
        Journal(tmp_path / "nowhere" / "journal", CODEC)


def test_a_failed_sync_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def fail(file: int) -> None:
        calls.append(file)
        raise OSError(5, "Input/output error")

    journal = Journal(tmp_path / "journal", CODEC)
    monkeypatch.setattr(journal_module, "_sync", fail)
    with pytest.raises(JournalFailed, match="Input/output error; the node stops"):
        journal.append(lines([Voted(1)]))
    assert len(calls) == 1
    journal.close()


def test_a_full_disk_ends_in_a_torn_tail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    written(path, GROUPS)
    journal = Journal(path, CODEC)
    real_write = os.write

    def write(file: int, data: memoryview) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return real_write(file, data[:-10])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(JournalFailed, match="No space left on device"):
        journal.append(lines([Voted(7, "y" * 100)]))
    journal.close()
    monkeypatch.undo()
    after = reopened(path)
    assert after.records == tuple(record for group in GROUPS for record in group)
    assert after.torn > 0


class Crashed(BaseException):
    """Stands for the end of the process at a call of the operating system."""


STEPS = ["open", "write", "write", "write", "fsync", "rename", "fsync"]
"""The calls of a compaction in their order: the file's, its new name, the folder's."""


def count_calls(monkeypatch: pytest.MonkeyPatch, crash_at: int) -> list[str]:
    """Note the calls that change the disk, and crash instead of making the one of that number."""
    made: list[str] = []

    def watched(name: str, real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if name != "open" or arguments[1] & os.O_CREAT:
                if len(made) == crash_at:
                    raise Crashed
                made.append(name)
            return real(*arguments, **options)

        return call

    for name in ("open", "write", "fsync", "rename"):
        monkeypatch.setattr(os, name, watched(name, getattr(os, name)))
    return made


@pytest.mark.parametrize("crash_at", range(len(STEPS) + 1))
def test_a_compaction_cut_short_at_any_step_leaves_the_old_records_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    path = tmp_path / "journal"
    written(path, GROUPS)
    monkeypatch.setattr(journal_module, "_FRAME", 1)  # A frame for each record.
    journal = Journal(path, CODEC)
    new = [Voted(8, "snapshot"), Voted(9)]
    with monkeypatch.context() as patched:
        made = count_calls(patched, crash_at)
        try:
            journal.replace(lines(new))
        except Crashed:
            assert crash_at < len(STEPS)
    assert made == STEPS[:crash_at]
    os.close(journal._file)
    found = reopened(path)
    renamed = crash_at > STEPS.index("rename")
    assert found.records == (tuple(new) if renamed else sum(map(tuple, GROUPS), ()))
    assert os.listdir(tmp_path) == ["journal"], "what was never finished is cleared away"


def test_what_follows_a_compaction_is_kept_and_the_lock_as_well(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, GROUPS)
    journal = Journal(path, CODEC)
    journal.replace(lines([Voted(8)]))
    journal.append(lines([Voted(9)]))
    with pytest.raises(JournalFailed, match="in use by another node"):
        Journal(path, CODEC)
    journal.replace([])
    journal.append(lines([Voted(10)]))
    journal.close()
    assert reopened(path).records == (Voted(10),)


def test_a_journal_replaced_while_another_node_opens_it_is_still_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, CODEC)
    real_flock = fcntl.flock

    def flock(file: int, how: int) -> None:
        monkeypatch.undo()
        journal.replace(lines([Voted(8)]))
        real_flock(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(JournalFailed, match="in use by another node"):
        Journal(path, CODEC)
    journal.close()


def test_a_compaction_that_fails_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    written(path, GROUPS)
    journal = Journal(path, CODEC)

    def fail(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", fail)
        with pytest.raises(JournalFailed, match="No space left on device; the node stops"):
            journal.replace(lines([Voted(1)]))
    journal.close()
    assert reopened(path).records == sum(map(tuple, GROUPS), ())


def test_a_replacement_that_was_cut_short_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, GROUPS)
    path.with_name("journal.new").write_bytes(header(0) + b"half")
    assert len(reopened(path).records) == 6
    journal = Journal(path, CODEC)
    journal.replace(lines([Voted(7)]))
    journal.close()
    assert reopened(path).records == (Voted(7),)
