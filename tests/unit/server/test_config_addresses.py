"""Where a server says that it answers: what the others in its cluster can call."""

import pytest

from jobpool.model.errors import InvalidArgument
from jobpool.server.addresses import exposed
from jobpool.server.config import ServerConfig
from jobpool.server.load import load

HERE = {"name": "a", "initial-cluster": "a=http://127.0.0.1:2380,b=http://localhost:3380"}
ABROAD = {
    "name": "a",
    "listen-peer-urls": "http://0.0.0.0:2380",
    "initial-cluster": "a=http://10.0.0.1:2380,b=http://b.example:2380",
}
ELSEWHERE = {"etcd-endpoints": "http://etcd.example:2379"}
BESIDE = {"etcd-endpoints": "127.0.0.1:2379"}
SINGLE: dict[str, str] = {}


@pytest.mark.parametrize(
    ("cluster", "urls", "advertised"),
    [
        (SINGLE, {"listen-client-urls": "http://0.0.0.0:0"}, ["http://0.0.0.0:0"]),
        (HERE, {}, ["http://localhost:2379"]),
        (BESIDE, {}, ["http://localhost:2379"]),
        (ABROAD, {"listen-client-urls": "http://localhost:2379,http://10.0.0.1:2379"}, ["http://10.0.0.1:2379"]),
        (ELSEWHERE, {"listen-client-urls": "http://0.0.0.0:2379,http://10.0.0.1:2379"}, ["http://10.0.0.1:2379"]),
        (
            ABROAD,
            {"listen-client-urls": "http://0.0.0.0:2379", "advertise-client-urls": "http://a.example:80"},
            ["http://a.example:80"],
        ),
        (ELSEWHERE, {"advertise-client-urls": "http://localhost:2379"}, ["http://localhost:2379"]),
    ],
)
def test_what_is_told_to_others(cluster: dict[str, str], urls: dict[str, str], advertised: list[str]) -> None:
    assert list(load({**cluster, **urls}, {}, {}).advertised) == advertised


@pytest.mark.parametrize(
    ("cluster", "urls", "words"),
    [
        (ABROAD, {}, "listen-client-urls has none: http://localhost:2379, which on another machine is that machine"),
        (ELSEWHERE, {}, "listen-client-urls has none: http://localhost:2379, which on another machine is that"),
        (
            HERE,
            {"listen-client-urls": "http://[::]:2379"},
            "has none: http://[::]:2379, which is every address of this",
        ),
        (HERE, {"listen-client-urls": "http://127.0.0.1:0"}, "http://127.0.0.1:0, whose port nobody knows beforehand"),
        (ABROAD, {"advertise-client-urls": "http://[::1]:1"}, "found http://[::1]:1, which on another machine is that"),
        (
            BESIDE,
            {"advertise-client-urls": "http://0.0.0.0:1"},
            "every address of this machine and of any other in --adv",
        ),
        (SINGLE, {"advertise-client-urls": "http://a:0"}, "wanted URLs such as http://127.0.0.1:2379"),
        (SINGLE, {"advertise-client-urls": "a:1"}, "wanted URLs such as http://127.0.0.1:2379"),
    ],
)
def test_what_others_could_not_call_is_refused(cluster: dict[str, str], urls: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        load({**cluster, **urls}, {}, {})
    assert refused.value.field == "advertise-client-urls"
    assert words in refused.value.reason


def test_urls_open_to_others_in_clear() -> None:
    inside = ["http://localhost:1", "http://127.0.0.9:2", "http://[::1]:3", "https://example.org:4"]
    outside = ["http://0.0.0.0:5", "http://[::]:6", "http://example.org:7"]
    assert exposed(ServerConfig(listen_client_urls=(*inside, *outside))) == outside
