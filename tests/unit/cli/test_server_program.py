"""`jobpool` on the command line, short of a running server: help, version, what is refused and with which code."""

import asyncio
import platform
import sqlite3
from pathlib import Path

import pytest

from jobpool import __version__
from jobpool.cli.options import advice, double_dashes
from jobpool.cli.server import COMMANDS, main, unless
from jobpool.cli.server_banner import banner, client_urls, jobpoolctl
from jobpool.cli.server_flags import FLAGS, NAMES, SECTIONS
from jobpool.etcd.config import MemberConfig
from jobpool.model.errors import StoreFailed, Unavailable
from jobpool.server.config import ExternalEtcd, ServerConfig


class Told:
    """One call of the program in a directory of its own."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(words)
        told = self._capture.readouterr()
        assert isinstance(end.value.code, int)
        return end.value.code, told.out, told.err


@pytest.fixture
def jobpool(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.chdir(tmp_path)
    return Told(capsys)


def test_help_tells_every_flag_and_command(jobpool: Told) -> None:
    code, out, _ = jobpool("-h")
    assert code == 0
    assert all(f"--{name}" in out for name in NAMES)
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert jobpool("--help")[1] == jobpool("-help")[1] == out


def test_help_tells_the_flags_by_what_they_are_for(jobpool: Told) -> None:
    _, out, _ = jobpool("-h")
    places = [out.index(f"\n{title}:\n") for title in (*SECTIONS, "Other options", "Commands")]
    assert places == sorted(places)
    assert out.count("--initial-cluster ") == 1


def test_every_flag_tells_its_default() -> None:
    without = {name for name, _, text in FLAGS if "[default: " not in text}
    assert without == {name for name, metavar, _ in FLAGS if metavar == "FILE"} - {
        "etcd-binary",
        "etcd-trusted-ca-file",
    }


def test_version_has_the_four_lines_of_the_original(jobpool: Told) -> None:
    code, out, _ = jobpool("--version")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == f"jobpool Version: {__version__}"
    assert lines[1].startswith("Git SHA: ")
    assert lines[2] == f"Python Version: {platform.python_version()}"
    assert lines[3].startswith("OS/Arch: linux/")


def test_an_unknown_flag_is_a_usage_error_with_the_nearest(jobpool: Told) -> None:
    code, _, err = jobpool("--worker-numbr", "3")
    assert code == 2
    assert "--worker-number" in err


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--discovery", "name the members in initial-cluster"),
        ("-proxy", "it is for the v2 API"),
        ("--experimental-memory-mlock", "etcd renames such keys"),
        ("--etcd-password", "other users of this machine can read command lines"),
    ],
)
def test_a_flag_of_etcd_that_is_none_here_says_why(jobpool: Told, flag: str, words: str) -> None:
    code, _, err = jobpool(f"{flag}=x")
    assert code == 2
    assert words in " ".join(err.split())


def test_a_flag_that_needs_etcd_says_so(jobpool: Told, tmp_path: Path) -> None:
    code, _, err = jobpool("--listen-peer-urls", "http://127.0.0.1:1")
    assert code == 1
    assert err.startswith("jobpool: listen-peer-urls: needs the etcd engine: give initial-cluster")
    assert err.endswith("in --listen-peer-urls\n")
    assert list(tmp_path.iterdir()) == []


def test_a_flag_that_is_true_or_false_may_stand_alone(jobpool: Told) -> None:
    assert "in --strict-reconfig-check" in jobpool("--strict-reconfig-check", "--name", "a")[2]
    assert "found 'maybe' in --client-cert-auth" in jobpool("--client-cert-auth=maybe")[2]
    assert "trusted-ca-file: client-cert-auth needs it" in jobpool("--client-cert-auth")[2]


def test_a_bad_value_ends_with_one_line_and_no_directory(jobpool: Told, tmp_path: Path) -> None:
    code, out, err = jobpool("-worker-number=-1")
    assert (code, out) == (1, "")
    assert err == "jobpool: worker-number: wanted a whole number from 0 to 1000, found '-1' in --worker-number\n"
    assert list(tmp_path.iterdir()) == []


def test_a_bad_file_is_named(jobpool: Told, tmp_path: Path) -> None:
    code, _, err = jobpool("--config-file", "gone.yaml")
    assert (code, err) == (1, "jobpool: config-file: cannot read 'gone.yaml': No such file or directory\n")
    Path("bad.yaml").write_text("worker-number: many\n")
    code, _, err = jobpool("--config-file", "bad.yaml")
    assert code == 1
    assert "found 'many' in bad.yaml" in err


def test_the_file_may_be_named_by_the_environment(jobpool: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("by-env.yaml").write_text("nonsense: 1\n")
    monkeypatch.setenv("JOBPOOL_SERVER_CONFIG_FILE", "by-env.yaml")
    code, _, err = jobpool()
    assert code == 1
    assert err.startswith("jobpool: nonsense: unknown key")


def test_a_flag_before_a_command_is_refused(jobpool: Told) -> None:
    code, _, err = jobpool("--data-dir", "x", "dev")
    assert code == 2
    assert "--data-dir before 'dev'" in err


def test_an_unknown_command_is_refused(jobpool: Told) -> None:
    assert jobpool("serve")[0] == 2


def test_dev_refuses_bad_values_like_the_server(jobpool: Told, tmp_path: Path) -> None:
    code, _, err = jobpool("dev", "--listen-client-urls", "2379")
    assert code == 1
    assert err.startswith("jobpool dev: listen-client-urls: wanted URLs")
    assert jobpool("dev", "--worker-number", "3")[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_one_dash_is_enough_as_in_the_original() -> None:
    words = ["-name=a", "-data-dir", "-name-x", "--engine", "-", "dev"]
    assert double_dashes(words, NAMES) == ["--name=a", "--data-dir", "-name-x", "--engine", "-", "dev"]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (OSError(98, "in use"), "--listen-client-urls"),
        (OSError(99, "not ours"), "addresses of this machine"),
        (OSError(13, "denied"), "may not do this"),
        (OSError(28, "full"), "make room"),
    ],
)
def test_advice_comes_from_what_the_system_said(cause: OSError, words: str) -> None:
    error = Unavailable("no")
    error.__cause__ = cause
    assert words in advice(error)


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"])
def test_advice_for_a_disk_that_does_not_take_it(name: str) -> None:
    error, cause = StoreFailed("no"), sqlite3.OperationalError("database or disk is full")
    cause.sqlite_errorname = name
    error.__cause__ = cause
    assert advice(error).startswith("; make room on that disk")


def test_without_a_known_cause_there_is_no_advice() -> None:
    assert advice(StoreFailed("it is damaged")) == ""


@pytest.mark.parametrize(
    ("listen", "addresses", "urls"),
    [
        (["http://localhost:2379"], [("::1", 2379), ("127.0.0.1", 2379)], ["http://localhost:2379"]),
        (["http://0.0.0.0:80"], [("0.0.0.0", 80)], ["http://127.0.0.1:80"]),
        (["https://[::]:80"], [("::", 80)], ["https://[::1]:80"]),
        (["http://127.0.0.1:0"], [("127.0.0.1", 4711)], ["http://127.0.0.1:4711"]),
        (
            ["https://a.org:443", "http://localhost:0"],
            [("10.0.0.1", 443), ("::1", 4711), ("127.0.0.1", 4712)],
            ["https://a.org:443", "http://[::1]:4711", "http://127.0.0.1:4712"],
        ),
    ],
)
def test_urls_to_call(listen: list[str], addresses: list[tuple[str, int]], urls: list[str]) -> None:
    assert client_urls(listen, addresses) == urls


def test_the_banner_says_where_and_what_to_do() -> None:
    text = banner(ServerConfig(data_dir="/d"), ["http://localhost:2379"])
    assert "answers at http://localhost:2379\n" in text
    assert "/d (engine: embedded)" in text
    assert " jobpoolctl plan list\n" in text
    assert " http://localhost:2379/ui/ in a browser" in text
    assert jobpoolctl(["https://a:1"]) == "jobpoolctl --endpoints https://a:1 --cacert FILE"


def test_the_banner_says_which_etcd() -> None:
    three = MemberConfig(name="a", data_dir=Path("d"), initial_cluster=",".join(f"{name}=http://h:1" for name in "abc"))
    for etcd, words in (
        (MemberConfig(data_dir=Path("d")), "(engine: etcd)"),
        (three, "(engine: etcd, a of a, b, c)"),
        (ExternalEtcd(endpoints=("http://e:1", "http://e:2")), "(engine: etcd at http://e:1, http://e:2)"),
    ):
        assert words in banner(ServerConfig(etcd=etcd), ["http://localhost:2379"])


async def test_whoever_is_told_to_stop_waits_for_nothing() -> None:
    stop, ended = asyncio.Event(), asyncio.Event()

    async def waits_for_ever() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    stop.set()
    async with asyncio.timeout(30):
        assert await unless(stop, waits_for_ever()) is None
    assert ended.is_set()


async def test_what_cannot_be_opened_is_told() -> None:
    async def fails() -> int:
        raise StoreFailed("no")

    with pytest.raises(StoreFailed, match="no"):
        await unless(asyncio.Event(), fails())
