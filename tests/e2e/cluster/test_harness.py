"""The harness does what it says: a link that is cut is cut, and nothing stays behind."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobpool.kit.effects.clock import SystemClock
from tests.e2e.cluster.fences import stale
from tests.e2e.cluster.hosts import CLIENT_PORT, PEER_PORT, Cut, Host, Network, why_no_network
from tests.e2e.cluster.programs import strays

LACK = why_no_network()
needs_network = pytest.mark.skipif(bool(LACK), reason=f"LINKS ARE NOT CUT: {LACK}")
_WITHIN = 10_000
_CLOCK = SystemClock()
_LISTEN = """
import socket, sys, time
kept = [socket.create_server((sys.argv[1], int(port))) for port in sys.argv[2:]]
time.sleep(60)
"""
_CONNECT = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1)"


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network()
    yield network
    network.close()


def listen(host: Host) -> "subprocess.Popen[bytes]":
    # On the port that is tried first it listens last.
    words = [*host.enter, sys.executable, "-c", _LISTEN, host.address, str(PEER_PORT), str(CLIENT_PORT)]
    return subprocess.Popen(words)


def reaches(one: Host, other: Host, port: int) -> bool:
    words = [*one.enter, sys.executable, "-c", _CONNECT, other.address, str(port)]
    return subprocess.run(words, capture_output=True, timeout=30, check=False).returncode == 0


def await_reached(one: Host, other: Host) -> None:
    end = _CLOCK.monotonic() + _WITHIN
    while not reaches(one, other, CLIENT_PORT):
        assert _CLOCK.monotonic() < end, f"{one.name} does not reach {other.name}"


@needs_network
def test_what_is_cut_is_cut_and_the_rest_is_not(network: Network) -> None:
    a, b, c = (network.host(name) for name in "abc")
    listeners = [listen(host) for host in (a, b, c)]
    try:
        for one, other in ((a, b), (b, a), (a, c), (b, c)):
            await_reached(one, other)
        network.cut(Cut("a", ("b",), PEER_PORT))
        assert not reaches(a, b, PEER_PORT)
        assert not reaches(b, a, PEER_PORT)
        assert reaches(a, b, CLIENT_PORT)
        assert reaches(a, c, PEER_PORT)
        network.heal()
        assert reaches(a, b, PEER_PORT)
        network.cut(Cut("c", ("a", "b"), inward=True))
        assert not reaches(a, c, CLIENT_PORT)
        assert not reaches(c, a, CLIENT_PORT)  # the answer does not come in
        assert reaches(a, b, PEER_PORT)
    finally:
        for listener in listeners:
            listener.kill()
            listener.wait(10)


@needs_network
def test_nothing_of_a_network_stays_behind() -> None:
    network = Network()
    host = network.host("a")
    listener = listen(host)
    await_reached(Host("outside", ""), host)
    assert network.name in made()
    network.close()
    assert listener.wait(10) != 0
    assert network.name not in made()


def made() -> str:
    """All namespaces and links."""
    return "".join(
        subprocess.run(["ip", *what], capture_output=True, text=True, check=True).stdout
        for what in (("netns", "list"), ("-o", "link"))
    )


def test_a_commit_of_a_deposed_leader_is_told() -> None:
    assert stale([(1, 1), (1, 2), (3, 3), (3, 4)]) == []
    assert stale([(1, 1), (2, 2), (1, 3), (2, 4)]) == ["commit (1, 3) follows (2, 2)"]
    assert stale([(1, 1), (1, 1)]) == ["commit (1, 1) follows (1, 1)"]
    assert stale([(1, 1), (1, 3)]) == ["commit (1, 3) follows (1, 1)"]


def test_what_was_started_for_a_directory_is_found(tmp_path: Path) -> None:
    assert strays(tmp_path) == []
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path)
    try:
        end = _CLOCK.monotonic() + _WITHIN
        while strays(tmp_path) != [program.pid]:
            assert _CLOCK.monotonic() < end
            time.sleep(0.01)
    finally:
        program.kill()
        program.wait(10)
    assert strays(tmp_path) == []
