"""Which etcd is found, and which are refused."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from jobpool.etcd.binary import choose, find, parse_version
from jobpool.model.errors import InvalidArgument


def program(path: Path, said: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{said}'\n")
    path.chmod(0o755)
    return path


def etcd(directory: Path, version: str) -> str:
    return str(program(directory / "etcd", f"etcd Version: {version}"))


@pytest.mark.parametrize("version", ["3.4.23", "3.5.1", "3.5.17"])
async def test_versions_that_lose_something_are_refused_with_the_reason(tmp_path: Path, version: str) -> None:
    with pytest.raises(InvalidArgument, match=f"etcd-binary: .*etcd {version} is refused.*events of a watch"):
        await choose(etcd(tmp_path, version))


@pytest.mark.parametrize("version", ["3.5.18", "3.5.27"])
async def test_versions_that_answer_stale_reads_are_warned_of(tmp_path: Path, version: str) -> None:
    with capture_logs() as logs:
        binary = await choose(etcd(tmp_path, version))
    assert binary.version.text == version
    assert [(log["log_level"], log["event_name"]) for log in logs] == [("warning", "etcd_version")]


@pytest.mark.parametrize(
    ("version", "numbers"), [("3.5.28", (3, 5, 28)), ("3.6.0-rc.1", (3, 6, 0)), ("3.6.12", (3, 6, 12))]
)
async def test_good_versions_are_taken_in_silence(tmp_path: Path, version: str, numbers: tuple[int, int, int]) -> None:
    with capture_logs() as logs:
        binary = await choose(etcd(tmp_path, version))
    assert (binary.path, binary.version.text, binary.version.numbers) == (tmp_path / "etcd", version, numbers)
    assert logs == []


async def test_another_program_is_not_taken_for_etcd(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"etcd-binary: .* is not etcd: wanted 'etcd Version: …', found 'hello"):
        await choose(str(program(tmp_path / "etcd", "hello")))


async def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    path = tmp_path / "etcd"
    path.write_bytes(b"\x7fELF and nothing more")
    path.chmod(0o755)
    with pytest.raises(InvalidArgument, match=r"etcd-binary: .* cannot be run: Exec format error"):
        await choose(str(path))


def test_without_a_path_it_is_found_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    etcd(tmp_path, "3.5.30")
    monkeypatch.setenv("PATH", f"/nowhere:{tmp_path}")
    assert find() == tmp_path / "etcd"


def test_where_none_is_the_error_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidArgument, match=r"etcd-binary: found no etcd on PATH; install etcd 3\.5\.28 or newer"):
        find()


@pytest.mark.parametrize("name", ["missing", "plain", "folder"])
def test_an_explicit_path_must_be_a_program(tmp_path: Path, name: str) -> None:
    (tmp_path / "plain").touch(mode=0o644)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidArgument, match=f"wanted a program that we may run, found '.*/{name}'"):
        find(str(tmp_path / name))


def test_the_version_is_read_from_the_whole_answer() -> None:
    answer = "etcd Version: 3.5.30\nGit SHA: Not provided\nGo Version: go1.26.4\nGo OS/Arch: linux/amd64\n"
    assert parse_version(answer, Path("etcd")).numbers == (3, 5, 30)
