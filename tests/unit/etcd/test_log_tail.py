"""A log followed through growth, replacement and floods."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobpool.etcd.log_tail import LogTail


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "etcd.log"


@pytest.fixture
def tail(path: Path) -> Iterator[LogTail]:
    tail = LogTail(path)
    yield tail
    tail.close()


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def test_what_was_there_before_is_not_told_again(path: Path) -> None:
    append(path, b"old\n")
    tail = LogTail(path)
    append(path, b"new\n")
    assert tail.read() == [b"new"]
    tail.close()


def test_a_file_that_comes_later_is_read_from_its_beginning(tail: LogTail, path: Path) -> None:
    assert tail.read() == []
    append(path, b"one\ntwo\n")
    assert tail.read() == [b"one", b"two"]
    assert tail.read() == []


def test_half_a_line_waits_for_its_other_half(tail: LogTail, path: Path) -> None:
    append(path, b"one\ntw")
    assert tail.read() == [b"one"]
    append(path, b"o\n")
    assert tail.read() == [b"two"]


def test_a_replaced_file_is_read_to_its_end_and_then_the_new_one(tail: LogTail, path: Path) -> None:
    append(path, b"one\n")
    assert tail.read() == [b"one"]
    append(path, b"two\n")
    path.rename(path.with_name("etcd-2026.log"))
    append(path, b"three\n")
    assert tail.read() == [b"two"]
    assert tail.read() == [b"three"]
    append(path, b"four\n")
    assert tail.read() == [b"four"]


def test_a_flood_is_read_in_pieces_and_nothing_of_it_is_lost(tail: LogTail, path: Path) -> None:
    lines = [b"%06d" % at for at in range(50_000)]
    append(path, b"\n".join(lines) + b"\n")
    read: list[bytes] = []
    while piece := tail.read():
        assert sum(len(line) + 1 for line in piece) <= 2 * 64 * 1024
        read += piece
    assert read == lines


def test_a_line_without_end_is_cut(tail: LogTail, path: Path) -> None:
    append(path, b"x" * 200_000)
    pieces = [*tail.read(), *tail.read(), *tail.read(), *tail.read()]
    assert all(len(piece) <= 128 * 1024 for piece in pieces)
    assert sum(map(len, pieces)) >= 100_000
