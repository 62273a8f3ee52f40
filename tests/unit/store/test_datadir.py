"""The data directory: one process, one engine, one identity."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import jobpool
from jobpool.model.errors import StoreFailed
from jobpool.store.datadir import DataDir
from jobpool.store.port import DataDirLocked, DataDirMismatch

HOLDER = """
import sys
from pathlib import Path
from jobpool.store.datadir import DataDir
DataDir.open(Path(sys.argv[1]), "embedded")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_new_directory_is_private_and_has_an_identity(tmp_path: Path) -> None:
    path = tmp_path / "some" / "where"
    data = DataDir.open(path, "embedded")
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert 0 < data.member_id < 2**64
    assert 0 < data.cluster_id < 2**64
    assert data.member_id != data.cluster_id
    assert data.database.parent == data.path == path
    data.close()
    assert sorted(entry.name for entry in path.iterdir()) == ["LOCK", "engine", "identity"]


def test_the_identity_stays(tmp_path: Path) -> None:
    ids = set()
    for _ in range(3):
        data = DataDir.open(tmp_path, "embedded")
        ids.add((data.member_id, data.cluster_id))
        data.close()
    assert len(ids) == 1


def test_two_directories_are_two_members(tmp_path: Path) -> None:
    one, two = DataDir.open(tmp_path / "one", "embedded"), DataDir.open(tmp_path / "two", "embedded")
    assert one.member_id != two.member_id
    one.close()
    two.close()


def test_the_same_process_cannot_open_it_twice(tmp_path: Path) -> None:
    data = DataDir.open(tmp_path, "embedded")
    with pytest.raises(DataDirLocked) as refusal:
        DataDir.open(tmp_path, "embedded")
    for part in (str(tmp_path), f"process {os.getpid()}", "stop that server"):
        assert part in refusal.value.message
    data.close()
    data.close()
    DataDir.open(tmp_path, "embedded").close()


def test_a_lock_is_held_by_another_process_and_dies_with_it(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(jobpool.__file__).parents[1])}
    command = (sys.executable, "-c", HOLDER, str(tmp_path))
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataDirLocked, match=f"process {holder.pid}"):
            DataDir.open(tmp_path, "embedded")
        holder.kill()
    DataDir.open(tmp_path, "embedded").close()


def test_another_engine_is_refused_and_the_lock_given_back(tmp_path: Path) -> None:
    DataDir.open(tmp_path, "embedded").close()
    with pytest.raises(DataDirMismatch, match=r"belongs to the engine 'embedded', not 'other'.*snapshot"):
        DataDir.open(tmp_path, "other")
    DataDir.open(tmp_path, "embedded").close()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "engine").write_text('{"engine": "embedded", "format": 2}')
    with pytest.raises(DataDirMismatch, match="format 2"):
        DataDir.open(tmp_path, "embedded")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("engine", b""),
        ("engine", b"embedded"),
        ("engine", b'{"engine": "embedded"}'),
        ("engine", b'{"engine": "\xff\xfe"}'),
        ("identity", b'{"more": ' + b"[" * 5000),
        ("identity", b"\0" * 40),
        ("identity", b'{"member_id": 1}'),
        ("identity", b'{"member_id": 0, "cluster_id": 5}'),
        ("identity", b'{"member_id": 5, "cluster_id": 0}'),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StoreFailed, match="damaged") as failure:
        DataDir.open(tmp_path, "embedded")
    assert str(tmp_path / name) in failure.value.message
    assert (tmp_path / name).read_bytes() == content


def test_a_file_where_the_directory_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(StoreFailed, match=r"wanted a directory at .*/file, found a file"):
            DataDir.open(path, "embedded")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreFailed, match="Permission denied"):
        DataDir.open(tmp_path, "embedded")
    with pytest.raises(StoreFailed, match="Permission denied"):
        DataDir.open(tmp_path / "data", "embedded")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that takes no files")
def test_a_file_system_that_takes_no_files() -> None:
    with pytest.raises(StoreFailed, match="cannot use the data directory /proc/self/task"):
        DataDir.open(Path("/proc/self/task"), "embedded")


# ---- a directory that is filled from a snapshot


def test_a_directory_is_filled_before_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "new"
    data = DataDir.open_empty(path, "embedded")
    data.database.write_bytes(b"half")
    data.close()
    with pytest.raises(StoreFailed, match=r"restore into the data directory .* was cut short: run it again"):
        DataDir.open(path, "embedded")
    again = DataDir.open_empty(path, "embedded")
    assert not again.database.exists()
    again.filled()
    again.close()
    data = DataDir.open(path, "embedded")
    assert (data.member_id, data.cluster_id) == (again.member_id, again.cluster_id)
    data.close()
    assert sorted(entry.name for entry in path.iterdir()) == ["LOCK", "engine", "identity"]


def test_two_cannot_fill_one_directory(tmp_path: Path) -> None:
    data = DataDir.open_empty(tmp_path, "embedded")
    with pytest.raises(DataDirLocked):
        DataDir.open_empty(tmp_path, "embedded")
    data.close()


@pytest.mark.parametrize("name", ["engine", "store.db", "notes.txt"])
def test_a_directory_that_holds_anything_is_not_filled(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(StoreFailed, match=f"is not empty, it holds '{name}'; name a new data directory"):
        DataDir.open_empty(tmp_path, "embedded")
    assert (tmp_path / name).read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_new_mount_point_is_empty(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    DataDir.open_empty(tmp_path, "embedded").close()


def test_half_a_file_left_by_a_crash_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".identity.partial").write_bytes(b'{"member')
    data = DataDir.open(tmp_path, "embedded")
    assert data.member_id
    data.close()
    assert not (tmp_path / ".identity.partial").exists()
