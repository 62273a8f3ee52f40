"""The child's conversation, without a process: frames in at one end of a pipe, answers at the end of another."""

import os
from pathlib import Path

import msgspec
import pytest

from jobpool.history.child import Inbox, main, serve
from jobpool.history.frames import (
    HEADER,
    BadFrame,
    Damaged,
    DeleteBefore,
    Found,
    Hello,
    Ingest,
    Reply,
    Request,
    Reset,
    Rows,
    body_size,
    pack,
    unpack_reply,
)
from jobpool.history.queries import JobExists, JobFilter, ListJobs
from jobpool.history.read_model import ReadModel
from tests.unit.history.samples import finished_run, stored


def converse(path: Path, sent: bytes) -> list[Reply]:
    """What the child says to these bytes followed by the end of input."""
    (child_in, ours_out), (ours_in, child_out) = os.pipe(), os.pipe()
    os.write(ours_out, sent)
    os.close(ours_out)
    with os.fdopen(ours_in, "rb") as said:
        try:
            serve(ReadModel(path), child_in, child_out)
        finally:
            os.close(child_in)
            os.close(child_out)
        return replies(said.read())


def replies(said: bytes) -> list[Reply]:
    found = []
    while said:
        end = HEADER + body_size(said)
        found.append(unpack_reply(said[HEADER:end]))
        said = said[end:]
    return found


def packed(*requests: Request) -> bytes:
    return b"".join(pack(request) for request in requests)


def total(count: int) -> Rows:
    return Rows(count, ())


def test_each_query_sees_what_came_before_it_and_nothing_after(tmp_path: Path) -> None:
    count = ListJobs(limit=0)
    said = converse(
        tmp_path / "h.db",
        packed(
            count,
            Ingest(3, stored(finished_run("a"))),
            count,
            JobExists(JobFilter(plan_id="backup")),
            Ingest(4, stored(finished_run("b"))),
            count,
            Reset(2),
            count,
        ),
    )
    assert said == [Hello(0, 0), total(0), total(1), Found(True), total(2), total(0)]


def test_the_end_of_input_commits(tmp_path: Path) -> None:
    converse(tmp_path / "h.db", packed(Reset(7), Ingest(3, stored(finished_run("a"))), DeleteBefore(2)))
    assert converse(tmp_path / "h.db", packed(ListJobs(limit=0))) == [Hello(7, 3), total(1)]


def test_a_frame_cut_off_by_the_death_of_the_server_is_dropped(tmp_path: Path) -> None:
    whole, cut = pack(Ingest(1, stored(finished_run("a")))), pack(Ingest(2, stored(finished_run("b"))))
    converse(tmp_path / "h.db", whole + cut[:-1])
    assert converse(tmp_path / "h.db", b"") == [Hello(0, 1)]


def test_an_unreadable_segment_is_reported_and_the_rest_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = converse(
        tmp_path / "h.db",
        packed(
            Ingest(1, b"\x09newer"),
            Ingest(2, b"\x01torn"),
            Ingest(3, stored(finished_run("a"))),
            ListJobs(limit=0),
        ),
    )
    assert said == [Hello(0, 0), total(1)]
    reported = capsys.readouterr().err
    assert "left segment 1 out" in reported
    assert "left segment 2 out" in reported


def test_a_bad_frame_ends_the_child(tmp_path: Path) -> None:
    with pytest.raises(BadFrame, match="wanted a frame"):
        converse(tmp_path / "h.db", b"\xff\xff\xff\xff")
    with pytest.raises(msgspec.MsgspecError):
        converse(tmp_path / "i.db", (3).to_bytes(HEADER, "big") + b"abc")


def test_frames_are_read_however_they_are_cut() -> None:
    reading, writing = os.pipe()
    inbox = Inbox(reading)
    frames = pack(Reset(1)) + pack(DeleteBefore(5))
    found: list[bytes] = []
    for at in range(len(frames)):
        os.write(writing, frames[at : at + 1])
        found += inbox.read(None) or []
    assert [HEADER + len(body) for body in found] == [len(pack(Reset(1))), len(pack(DeleteBefore(5)))]
    assert inbox.read(0) == []
    os.close(writing)
    assert inbox.read(0) is None
    os.close(reading)


def test_a_file_that_is_no_database_is_reported_as_damaged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "h.db"
    path.write_bytes(b"not a database" * 1000)
    (reading, writing), (empty, closed) = os.pipe(), os.pipe()
    os.close(closed)
    with os.fdopen(writing, "wb") as out, os.fdopen(empty, "rb") as nothing, os.fdopen(reading, "rb") as ours:
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stdin", nothing)
        monkeypatch.setattr("signal.signal", lambda *_: None)
        assert main([str(path)]) == 1
        assert main([str(path), "--rebuild"]) == 0
        out.close()
        damaged, hello = replies(ours.read())
    assert isinstance(damaged, Damaged)
    assert "not a database" in damaged.detail
    assert hello == Hello(0, 0)
