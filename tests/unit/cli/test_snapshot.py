"""`jobpool snapshot` and `jobpoolctl snapshot`: what they print, where they fail and with which code."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

import jobpool as package
from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.service import Service
from jobpool.api.snapshots import Snapshots
from jobpool.cli.server import main
from jobpool.client.snapshots import keep_snapshot
from jobpool.store.port import Put, Store
from jobpool.store.snapshot import snapshot_pieces
from jobpool.testing.clock import FakeClock
from jobpool.testing.store import MemoryStore, write
from tests.unit.cli.harness import Ctl

NOON = 1_760_011_200_000


async def a_store() -> MemoryStore:
    store = MemoryStore()
    await write(store, Put("plans/default/p", b"1"))
    return store


@pytest_asyncio.fixture
async def file(tmp_path: Path) -> Path:
    """A snapshot."""
    path = tmp_path / "backup"
    await keep_snapshot(snapshot_pieces(await a_store(), NOON), path)
    return path


@pytest_asyncio.fixture
async def endpoint() -> AsyncIterator[str]:
    """A server that gives snapshots."""
    async with _server(await a_store()) as listener:
        yield f"127.0.0.1:{listener.addresses[0][1]}"


def _server(store: Store) -> Listener:
    service = Service({}, streams={"SnapshotSave": Snapshots(store, FakeClock(NOON), allow_remote=False).save})
    return Listener(service, Gateway(service), ListenerConfig(urls=("http://127.0.0.1:0",)))


def content_of(path: Path | str) -> bytes:
    return Path(path).read_bytes()


def jobpool(*words: str) -> int:
    try:
        main(words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


async def test_save_says_what_it_saved(bare: Ctl, endpoint: str, tmp_path: Path) -> None:
    path = str(tmp_path / "saved")
    outcome = await bare("--endpoints", endpoint, "snapshot", "save", path)
    assert outcome.code == 0
    said = dict(line.split(maxsplit=1) for line in outcome.out.splitlines())
    assert said["created_at:"] == "2025-10-09T12:00:00Z"
    assert (said["keys:"], said["n:"], said["size:"]) == ("2", "1", str(len(content_of(path))))
    assert outcome.err.startswith("saved in ")
    assert os.listdir(tmp_path) == ["saved"]


async def test_save_in_other_formats(bare: Ctl, endpoint: str, tmp_path: Path) -> None:
    path = str(tmp_path / "saved")
    outcome = await bare("--endpoints", endpoint, "-w", "json", "sn", "sa", path)
    told = json.loads(outcome.out[outcome.out.index("{") :])
    assert (told["file"], told["format"], told["n"]) == (path, 1, 1)
    assert (await bare("--endpoints", endpoint, "-w", "table", "sn", "sa", path)).out.count(told["sha256"]) == 1


async def test_save_where_no_file_can_be(bare: Ctl, endpoint: str, tmp_path: Path) -> None:
    outcome = await bare("--endpoints", endpoint, "snapshot", "save", str(tmp_path / "none" / "saved"))
    assert outcome.code == 1
    assert "cannot write the snapshot" in outcome.err


async def test_save_without_a_server(bare: Ctl, tmp_path: Path) -> None:
    outcome = await bare("--endpoints", "127.0.0.1:1", "snapshot", "save", str(tmp_path / "saved"))
    assert (outcome.code, outcome.out) == (2, "")
    assert os.listdir(tmp_path) == []


async def test_save_keeps_the_old_file_when_the_server_cannot(bare: Ctl, file: Path) -> None:
    before = content_of(file)
    store = await a_store()
    store.crash()
    async with _server(store) as listener:
        outcome = await bare("--endpoints", f"127.0.0.1:{listener.addresses[0][1]}", "snapshot", "save", str(file))
    assert outcome.code != 0
    assert "the store has crashed" in outcome.err
    assert content_of(file) == before


def test_status(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert jobpool("snapshot", "status", str(file), "-w", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {name: told[name] for name in ("format", "keys", "n", "term", "incarnation", "created_at", "size")} == {
        "format": 1,
        "keys": 2,
        "n": 1,
        "term": 0,
        "incarnation": 1,
        "created_at": "2025-10-09T12:00:00Z",
        "size": file.stat().st_size,
    }
    assert len(told["sha256"]) == 64


@pytest.mark.parametrize("command", [("status",), ("restore", "--data-dir", "new")])
def test_a_damaged_file_ends_with_code_1_and_the_place(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(file.parent)
    content = bytearray(file.read_bytes())
    content[40] ^= 1
    file.write_bytes(content)
    assert jobpool("snapshot", *command, "backup") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("jobpool: the snapshot backup is damaged before byte ")
    assert os.listdir() == ["backup"]


def test_restore_fills_the_directory_that_the_server_would_take(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    assert jobpool("snapshot", "restore", "backup", "--name", "berlin") == 0
    told = capsys.readouterr()
    assert told.err == "restored into berlin.jobpool as incarnation 2; start it: jobpool --data-dir berlin.jobpool\n"
    assert (file.parent / "berlin.jobpool" / "store.db").exists()
    assert jobpool("snapshot", "restore", "backup", "--data-dir", "berlin.jobpool") == 1
    assert "it is not empty" in capsys.readouterr().err


def test_a_bad_name_is_refused(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert jobpool("snapshot", "restore", str(file), "--name", "a/b") == 1
    assert capsys.readouterr().err.startswith("jobpool: name: wanted")


@pytest.mark.parametrize("words", [(), ("status",), ("status", "a", "b"), ("restore",), ("status", "-w", "xml", "a")])
def test_what_makes_no_sense_is_a_usage_error(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert jobpool("snapshot", *words) == 2


async def test_jobpoolctl_lets_jobpool_do_it(
    bare: Ctl, file: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(package.__file__).parents[1]))
    outcome = await bare("-w", "json", "snapshot", "status", str(file))
    assert outcome.code == 0
    assert json.loads(capfd.readouterr().out)["keys"] == 2
    target = file.parent / "new dir"
    assert (await bare("snapshot", "restore", str(file), "--data-dir", str(target))).code == 0
    assert (await bare("snapshot", "restore", str(file), "--data-dir", str(target))).code == 1
    assert "it is not empty" in capfd.readouterr().err
    assert (await bare("snapshot", "status", str(target))).code == 1
