"""Where etcd serves its server: sockets that nobody else may enter, or ports."""

import os
import socket
import stat
from pathlib import Path

import pytest

from jobpool.etcd.doors import doors_of, make_room, ports
from jobpool.etcd.ports import HOST
from jobpool.store.engines.etcd.settings import parse_endpoint


def test_sockets_are_told_from_where_etcd_runs_and_used_by_their_whole_path() -> None:
    doors = doors_of(Path("/data/a b%41#"))
    assert doors.are_sockets
    assert (doors.client_url, doors.http_url) == ("unix://sockets/grpc", "unix://sockets/http")
    assert (doors.endpoint, doors.health) == ("unix:///data/a b%41#/sockets/grpc", Path("/data/a b%41#/sockets/http"))
    assert parse_endpoint(doors.endpoint, tls=False).target == "unix:/data/a%20b%2541%23/sockets/grpc"
    assert not doors.named_in("listen unix sockets/grpc: bind: address already in use")


def test_no_two_members_tell_the_same() -> None:
    """By that the others tell a life from a former one."""
    assert doors_of(Path("/data")).told != doors_of(Path("/data")).told


@pytest.mark.parametrize(("length", "sockets"), [(94, True), (95, False)])
def test_a_name_that_is_too_long_for_sockets_gets_ports(length: int, sockets: bool) -> None:
    """As long as Linux takes, in bytes: 107 with the socket's own."""
    data = Path("/" + "é" * ((length - 1) // 2) + "x" * ((length - 1) % 2))
    assert len(os.fsencode(data)) == length
    doors = doors_of(data)
    assert doors.are_sockets is sockets
    assert doors.endpoint.startswith("unix:///" if sockets else f"http://{HOST}:")


def test_ports_are_ours_when_an_error_names_them() -> None:
    doors = ports()
    assert not doors.are_sockets
    assert (doors.client_url, doors.told) == (doors.endpoint, doors.endpoint)
    for url in (doors.client_url, doors.http_url):
        assert doors.named_in(f"listen tcp {url.removeprefix('http://')}: bind: address already in use")
    assert not doors.named_in("listen tcp 10.0.0.9:2380: bind: address already in use")


def test_nobody_else_may_enter(tmp_path: Path) -> None:
    """Whatever was there before, what an attempt has left among it."""
    (tmp_path / "sockets").mkdir(mode=0o777)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "sockets" / "try"))
    make_room(tmp_path)
    assert stat.S_IMODE((tmp_path / "sockets").stat().st_mode) == 0o700
    assert list((tmp_path / "sockets").iterdir()) == []


def test_where_there_can_be_no_socket(tmp_path: Path) -> None:
    (tmp_path / "sockets").touch()
    with pytest.raises(OSError, match="File exists"):
        make_room(tmp_path)
