"""Where the servers of a bench stand and what they are told: one on the embedded engine, or a cluster on etcd."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from jobpool.etcd.ports import HOST, free_ports
from jobpool.server.config import ServerConfig
from jobpool.server.load import load

CLIENT_PORT = 2379
PEER_PORT = 2380


class Setup(Struct, frozen=True):
    """`servers` 0 = one on the embedded engine; else so many, each with an etcd member of `etcd_binary` ("" = PATH)."""

    servers: int = 0
    etcd_binary: str = ""

    @property
    def clustered(self) -> bool:
        return self.servers > 0


class Host(Struct, frozen=True):
    """Where a server runs: its addresses for clients and for other members; `enter`: the words before its command."""

    client: str
    peer: str
    enter: tuple[str, ...] = ()


class Post(Struct, frozen=True):
    """One server: `flags` by key, without dashes before it."""

    name: str
    url: str
    flags: Mapping[str, str]
    log: Path
    enter: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        return [f"--{key}={value}" for key, value in self.flags.items()]

    @property
    def config(self) -> ServerConfig:
        return load(self.flags, {}, {})


def posts(directory: Path, setup: Setup, hosts: Sequence[Host] = ()) -> list[Post]:
    """The servers of a bench, with free ports of the loopback, or the usual ones on `hosts`."""
    if not setup.clustered:
        return [_post(directory, "server", Host(f"{HOST}:{free_ports(1)[0]}", ""), {})]
    names = [f"server{number + 1}" for number in range(setup.servers)]
    places = list(hosts) or [_on_loopback() for _ in names]
    members = dict(zip(names, places, strict=True))
    cluster = ",".join(f"{name}=http://{place.peer}" for name, place in members.items())
    found = []
    for name, place in members.items():
        peer = f"http://{place.peer}"
        flags = {
            "name": name,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": cluster,
            "initial-cluster-token": directory.name,
        }
        if setup.etcd_binary:
            flags["etcd-binary"] = setup.etcd_binary
        found.append(_post(directory, name, place, flags))
    return found


def _on_loopback() -> Host:
    client, peer = free_ports(2)
    return Host(f"{HOST}:{client}", f"{HOST}:{peer}")


def _post(directory: Path, name: str, host: Host, flags: Mapping[str, str]) -> Post:
    url = f"http://{host.client}"
    own = {"data-dir": str(directory / name), "listen-client-urls": url, "log-level": "warning"}
    return Post(name, url, {**own, **flags}, directory / f"{name}.log", host.enter)
