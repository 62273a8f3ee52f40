"""Ports for a member."""

import socket
import subprocess
import sys

import pytest

from jobpool.etcd.ports import HOST, free_ports
from jobpool.testing.ports import free_port


def test_they_are_different_and_free() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.socket() as probe:
            probe.bind((HOST, port))


def test_one_in_use_is_not_given() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        assert taken.getsockname()[1] not in free_ports(5)


def test_one_for_a_test_is_refused_to_others_and_to_callers_until_its_server_listens() -> None:
    port = free_port()
    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind((HOST, port))
    with socket.socket() as caller, pytest.raises(ConnectionRefusedError):
        caller.connect((HOST, port))
    for _ in range(2):  # it may go and come back
        with socket.create_server((HOST, port)), socket.create_connection((HOST, port)):
            pass


def test_what_was_held_for_tests_is_given_back_without_a_word() -> None:
    program = "from jobpool.testing.ports import free_port; free_port()"
    words = [sys.executable, "-W", "default::ResourceWarning", "-c", program]
    done = subprocess.run(words, capture_output=True, env={"PYTHONPATH": ":".join(sys.path)}, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
