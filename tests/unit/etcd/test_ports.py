"""Ports for a member."""

import socket

from jobpool.etcd.ports import HOST, free_ports


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
