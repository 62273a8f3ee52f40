"""What docs/operations.md tells an operator to do with a cluster, done as it is told, with real servers."""

import asyncio
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobpool.kit.effects.clock import SystemClock
from jobpool.model.errors import StoreFailed
from jobpool.store.engines.etcd.messages import put
from jobpool.testing.ports import free_port
from jobpool.wire.etcd_pb2 import TxnRequest
from tests.e2e.conftest import Site
from tests.e2e.etcd.raw import client_of
from tests.e2e.oracle.client import Api, Refused
from tests.e2e.oracle.ctl import ctl
from tests.e2e.oracle.processes import ServerProgram

WITHIN = 60_000
_APART_WITHIN = 100_000
"""What has failed to part the two leads tries it again after a minute."""
_CLOCK = SystemClock()


class Members:
    """Servers of one cluster, which join it as an operator lets them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.peers = {f"server{at}": f"http://127.0.0.1:{free_port()}" for at in (1, 2, 3)}
        self.servers: dict[str, ServerProgram] = {}

    def program(self, name: str, *, cluster: str, state: str, **more: str) -> ServerProgram:
        """A server that was not started yet, with its own directory and ports."""
        server = ServerProgram(
            self._site.directory,
            name,
            listen_peer_urls=self.peers[name],
            initial_advertise_peer_urls=self.peers[name],
            initial_cluster=cluster,
            initial_cluster_state=state,
            etcd_binary=os.environ["JOBPOOL_TEST_ETCD"],
            **more,
        )
        server.flags["name"] = name
        self._site.programs.append(server)
        self.servers[name] = server
        return server

    @property
    def endpoints(self) -> str:
        return ",".join(server.url.removeprefix("http://") for server in self.servers.values() if server.alive)

    async def ctl(self, *words: str, code: int = 0) -> str:
        return await ctl(self.endpoints, *words, code=code)

    async def rows(self, *words: str) -> Any:
        return json.loads(await self.ctl(*words, "-w", "json"))

    async def join(self, name: str) -> None:
        """As “From one to three” says it."""
        await self.parted()
        printed = await retried(self, "member", "add", name, "--peer-urls", self.peers[name], "--learner")
        told = dict(line.split(": ", 1) for line in printed.splitlines())
        assert told["name"] == name
        assert told["initial-advertise-peer-urls"] == self.peers[name]
        server = self.program(name, cluster=told["initial-cluster"], state=told["initial-cluster-state"])
        server.start(wait=False)
        await retried(self, "member", "promote", name)
        await asyncio.to_thread(server.await_ready)

    async def parted(self) -> None:
        """The two leads are on two servers, where there are two: none of them is moved amid what comes next."""
        names = [name for name, server in self.servers.items() if server.alive]
        await until_led(self, len(names), apart=len(names) > 1)

    async def well(self, names: Sequence[str]) -> None:
        """All of them follow one leader, and hold the same."""
        rows = await until_led(self, len(names))
        assert sorted(row["name"] for row in rows) == sorted(names)
        hashes = await self.rows("endpoint", "hashkv", "--cluster")
        assert len({row["hash"] for row in hashes}) == 1


async def until_led(members: Members, count: int, *, of: str = "--cluster", apart: bool = False) -> Any:
    """The rows of so many servers, of which one leads the scheduling and one Raft; `apart`: another one.

    `of` is empty for those that are alive, whoever else belongs to the cluster.
    """
    end = _CLOCK.monotonic() + (_APART_WITHIN if apart else WITHIN)
    while True:
        try:
            rows = await members.rows("endpoint", "status", *filter(None, [of]))
        except AssertionError as silent:  # of one that does not answer for a moment
            rows, told = [], str(silent)
        else:
            told = str(rows)
        leads = [[row["name"] for row in rows if row[lead]] for lead in ("is_leader", "raft_leader")]
        if len(rows) == count and [len(names) for names in leads] == [1, 1] and (not apart or leads[0] != leads[1]):
            return rows
        assert _CLOCK.monotonic() < end, told
        await asyncio.sleep(0.2)


async def retried(members: Members, *words: str) -> str:
    """What an operator does whom etcd tells to wait a moment."""
    end = _CLOCK.monotonic() + WITHIN
    while True:
        try:
            return await members.ctl(*words)
        except AssertionError as refused:
            if not re.search(r"connected for 5 s|not caught up|has started", str(refused)) or _CLOCK.monotonic() >= end:
                raise
        await asyncio.sleep(0.5)


async def plans(members: Members) -> list[str]:
    return [plan["id"] for plan in (await members.rows("plan", "list")).get("data", [])]


async def test_a_laptop_grows_into_a_cluster_and_a_dead_server_is_replaced(site: Site, tmp_path: Path) -> None:
    laptop = site.server("laptop")
    await ctl(laptop.url, "plan", "add", "--id", "hourly", "--spec", "0 * * * *", "--executor", "noop")
    await ctl(laptop.url, "snapshot", "save", str(tmp_path / "one.snapshot"))
    laptop.terminate()

    members = Members(site)
    first = members.program("server1", cluster=f"server1={members.peers['server1']}", state="new")
    configuration = tmp_path / "server1.yaml"
    write_yaml(configuration, first.flags)
    await ctl("127.0.0.1:1", "snapshot", "restore", str(tmp_path / "one.snapshot"), "--config-file", str(configuration))
    await asyncio.to_thread(first.start)
    assert await plans(members) == ["hourly"]
    await members.join("server2")
    await members.join("server3")
    await members.well(["server1", "server2", "server3"])

    victim = members.servers.pop("server3")
    victim.kill()
    shown = await members.ctl("endpoint", "status", "--cluster", code=1)
    assert "does not answer" in shown
    await until_led(members, 2, of="")  # it may have led
    await members.ctl("member", "remove", "server3")
    await members.well(["server1", "server2"])
    victim.data.rename(tmp_path / "lost")
    await members.join("server3")
    await members.well(["server1", "server2", "server3"])
    assert await plans(members) == ["hourly"]

    leads = next(row["name"] for row in await members.rows("endpoint", "status", "--cluster") if row["is_leader"])
    moved = await members.ctl("move-leader")
    assert moved != f"server {leads} leads\n"
    assert "move-leader" in await members.ctl("member", "remove", moved.split()[1], code=1)
    for _ in range(3):
        moved_raft = (await members.ctl("move-leader", "--raft")).split()[1]
        assert moved_raft != moved.split()[1], "both leads are on one server"
    await members.ctl("defrag", "--cluster")
    await members.well(["server1", "server2", "server3"])


async def test_an_etcd_out_of_space_is_relieved_without_an_operator(site: Site) -> None:
    """Experiment 17, with the server that looks after its member."""
    members = Members(site)
    server = members.program(
        "server1", cluster=f"server1={members.peers['server1']}", state="new", quota_backend_bytes=str(16 * 1024 * 1024)
    )
    await asyncio.to_thread(server.start)
    found = re.search(r"client=(unix://\S+)", server.text())
    assert found is not None
    await use_up(found[1])
    async with Api(server.url) as api:
        refused, end = 0, _CLOCK.monotonic() + WITHIN
        for at in range(10_000):
            try:
                await api.call("POST", "/v3/schedule/namespaces", body={"name": f"later_{at}"})
                break
            except Refused as refusal:
                if refusal.status not in (409, 503):
                    raise
                refused += 1
            assert _CLOCK.monotonic() < end, server.text()[-3000:]
            await asyncio.sleep(0.2)
    assert refused > 0
    assert "space_relieved" in server.text()
    (row,) = await members.rows("endpoint", "status")
    assert row["errors"] == []
    assert row["db_size"] < row["db_quota"] // 2


async def use_up(endpoint: str) -> None:
    """Write one key of our own over and over, until etcd takes no more."""
    async with client_of(endpoint) as client:
        for _ in range(500):
            try:
                await client.write(TxnRequest(success=[put(b"/other/key", bytes(200_000))]))
            except StoreFailed as failure:
                assert "space exceeded" in failure.reason, failure  # noqa: PT017 — the loop ends by it
                return
    raise AssertionError("the quota was never reached")


def write_yaml(path: Path, flags: dict[str, str]) -> None:
    path.write_text("".join(f"{key}: {value}\n" for key, value in flags.items()))
