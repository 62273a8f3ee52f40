"""The sample files are sound, and fit together: three servers on one machine, two agents of them."""

from pathlib import Path

import pytest

from jobpool.agent.config import build
from jobpool.cli.options import read_config
from jobpool.etcd.config import MemberConfig, members_of
from jobpool.kit.pure.settings import split_url
from jobpool.server.config import ServerConfig
from jobpool.server.load import load

CONFIG = Path(__file__).parents[3] / "config"
IGNORED = CONFIG.parent / ".gitignore"
SERVERS = ("server1", "server2", "server3")


def server(name: str) -> ServerConfig:
    path = str(CONFIG / f"{name}.yaml")
    return load({}, {}, read_config(path), path=path)


def member(name: str) -> MemberConfig:
    etcd = server(name).etcd
    assert isinstance(etcd, MemberConfig)
    return etcd


def test_every_sample_is_tried_here() -> None:
    names = {*SERVERS, "server-single", "client1", "client2"}
    assert {path.stem for path in CONFIG.iterdir()} == names


def test_the_single_server_needs_nothing() -> None:
    assert server("server-single").etcd is None


def test_three_servers_form_one_cluster() -> None:
    members = {name: member(name) for name in SERVERS}
    assert len({one.cluster for one in members.values()}) == 1
    known = members_of(members["server1"].cluster)
    for name, one in members.items():
        assert one.name == name
        assert known[name] == list(one.advertised) == list(one.listen_peer_urls)
    assert list(known) == list(SERVERS)


def test_nothing_of_one_is_another_ones() -> None:
    urls = [url for name in SERVERS for url in (*server(name).listen_client_urls, *member(name).listen_peer_urls)]
    ports = [parts.port for url in urls if (parts := split_url(url))]
    assert len(set(ports)) == 2 * len(SERVERS)
    # Servers choose the private ports of their etcd from 10000 on, and could come upon another's.
    assert all(port is not None and port < 10_000 for port in ports)
    assert len({server(name).directory for name in SERVERS}) == len(SERVERS)


@pytest.mark.parametrize("name", ["client1", "client2"])
def test_agents_know_all_servers(name: str) -> None:
    agent = build({}, read_config(str(CONFIG / f"{name}.yaml")))
    assert list(agent.server_urls) == [url for one in SERVERS for url in server(one).advertised]


def test_what_they_keep_is_no_part_of_the_repository() -> None:
    ignored = IGNORED.read_text().splitlines()
    agents = [build({}, read_config(str(CONFIG / f"client{at}.yaml"))) for at in (1, 2)]
    assert len({agent.data_dir for agent in agents}) == len(agents)
    for directory in (*(Path(server(name).directory) for name in SERVERS), *(agent.data_dir for agent in agents)):
        assert f"*{directory.suffix}/" in ignored
