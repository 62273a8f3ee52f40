"""Endpoints as people write them."""

import pytest

from jobpool.client import Endpoint, parse_endpoint
from jobpool.model.errors import InvalidArgument


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:2379", Endpoint("127.0.0.1", 2379)),
        ("server1", Endpoint("server1", 2379)),
        ("http://server1:80/", Endpoint("server1", 80)),
        ("https://server1", Endpoint("server1", 2379, True)),
        ("[::1]:2400", Endpoint("::1", 2400)),
        ("https://[fe80::1]:2400", Endpoint("fe80::1", 2400, True)),
    ],
)
def test_reads(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint


def test_no_scheme_follows_tls() -> None:
    assert parse_endpoint("server1:2379", secure=True).url == "https://server1:2379"
    assert parse_endpoint("http://server1:2379", secure=True).url == "http://server1:2379"


def test_ipv6_keeps_its_brackets() -> None:
    assert parse_endpoint("[::1]:2379").url == "http://[::1]:2379"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no host"),
        ("http://", "there is no host"),
        (":2379", "there is no host"),
        ("server1:port", "Port could not be cast"),
        ("server1:99999", "Port out of range"),
        ("etcd://server1:1", "neither http nor https"),
        ("http://server1:1/v3", "only a host and a port"),
        ("http://me@server1:1", "only a host and a port"),
        ("[::1", "Invalid IPv6"),
    ],
)
def test_refuses(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why) as refused:
        parse_endpoint(text)
    assert refused.value.field == "endpoints"
