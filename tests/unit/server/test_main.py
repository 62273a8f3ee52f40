"""A whole server in this process: it starts or leaves nothing, serves, and goes down in order."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from grpclib.client import Channel, StreamStreamMethod
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from structlog.testing import capture_logs

from jobpool.client import Client
from jobpool.model.errors import InvalidArgument, JobpoolError, StoreFailed, Unavailable
from jobpool.server.config import ServerConfig, Tls
from jobpool.server.main import Server, open_server
from jobpool.wire import jobpool_pb2 as pb

WITHIN = 60
"""Seconds until a test that hangs is given up; nothing is expected to take long."""
AGENT = "/jobpool.v1.Schedule/AgentSession"


def config(path: Path, **fields: Any) -> ServerConfig:
    return ServerConfig(**{"data_dir": str(path), "listen_client_urls": ("http://127.0.0.1:0",), **fields})


class Running:
    """A server that serves, and the simplest ways to reach it."""

    def __init__(self, server: Server, stop: asyncio.Event, task: "asyncio.Task[None]") -> None:
        self.server = server
        self.stop = stop
        self.task = task
        self.host, self.port = server.addresses[0]
        self.url = f"http://{self.host}:{self.port}"

    @property
    def history_pid(self) -> int | None:
        return self.server._history.pid

    async def stopped(self) -> None:
        self.stop.set()
        async with asyncio.timeout(WITHIN):
            await self.task


@asynccontextmanager
async def running(path: Path, **fields: Any) -> AsyncIterator[Running]:
    server = await open_server(config(path, **fields))
    stop, up = asyncio.Event(), asyncio.Event()
    task = asyncio.get_running_loop().create_task(server.run(stop, started=up.set))
    started = asyncio.get_running_loop().create_task(up.wait())
    async with asyncio.timeout(WITHIN):
        await asyncio.wait([task, started], return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    if task.done():
        task.result()
    try:
        yield Running(server, stop, task)
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


async def assert_free(path: Path) -> None:
    """Another server can have the directory."""
    await (await open_server(config(path))).close()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@asynccontextmanager
async def agent_stream(served: Running) -> AsyncIterator[Any]:
    channel = Channel(served.host, served.port)
    try:
        method = StreamStreamMethod(channel, AGENT, pb.AgentMessage, pb.ServerMessage)
        async with method.open() as stream:
            hello = pb.AgentHello(node_id="node-1", secret="s", executors=["noop"])
            await stream.send_message(pb.AgentMessage(hello=hello))
            welcome = await stream.recv_message()
            assert welcome is not None
            assert welcome.WhichOneof("kind") == "welcome"
            await stream.send_message(pb.AgentMessage(inventory=pb.AgentInventory()))
            yield stream
    finally:
        channel.close()


# ---- start


async def test_a_fresh_server_has_the_default_namespace_and_answers_on_one_port(tmp_path: Path) -> None:
    async with running(tmp_path / "d") as served, aiohttp.ClientSession() as http:
        async with http.get(f"{served.url}/v3/schedule/namespaces") as response:
            assert [item["name"] for item in (await response.json())["data"]] == ["default"]
        async with Client([f"{served.host}:{served.port}"]) as client:
            listed = await client.namespace_list(pb.ScheduleNameSpaceListRequest())
        assert [item.name for item in listed.data] == ["default"]
        assert listed.header.cluster_id
        assert listed.header.member_id
        for path in ("/health", "/readyz", "/version", "/metrics"):
            async with http.get(served.url + path) as response:
                assert response.status == 200
        async with http.get(f"{served.url}/metrics") as response:
            assert "jobpool_leader 1.0" in await response.text()


async def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "d"
    plan = pb.SchedulePlanAddRequest(id="p", namespace="default", name="p", type="service", executor="noop")
    async with running(path) as served, Client([f"{served.host}:{served.port}"]) as client:
        added = await client.plan_add(plan)
        job = (await client.plan_run(pb.PlanRunRequest(id="p", namespace="default"))).data.id
        await client.job_update(pb.ScheduleJobStatusUpdateRequest(id=job, status="complete"))
    async with running(path) as served, Client([f"{served.host}:{served.port}"]) as client:
        found = await client.plan_detail(pb.SchedulePlanDetailRequest(id="p", namespace="default"))
        assert found.data.id == "p"
        assert (found.header.cluster_id, found.header.member_id) == (added.header.cluster_id, added.header.member_id)
        assert found.header.raft_term > added.header.raft_term
        assert (await client.job_detail(pb.ScheduleJobDetailRequest(id=job))).data.status == "complete"


async def test_a_port_that_is_taken_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match=url):
            async with running(tmp_path / "d", listen_client_urls=(url,)):
                raise AssertionError("it must not start")
    await assert_free(tmp_path / "d")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"tls": Tls(cert_file="/nowhere/cert.pem", key_file="/nowhere/key.pem")}, "cert-file"),
        ({"listen_client_urls": ("ftp://127.0.0.1:1",)}, "listen-client-urls"),
        ({"listen_client_urls": ()}, "listen-client-urls"),
    ],
)
async def test_a_setting_that_cannot_be_used_is_named_and_nothing_is_left(
    tmp_path: Path, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await open_server(config(tmp_path / "d", **fields))
    assert refused.value.field == field
    await assert_free(tmp_path / "d")


async def test_a_second_server_on_the_directory_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path / "d") as served:
        with pytest.raises(StoreFailed, match=str(os.getpid())):
            await open_server(config(tmp_path / "d"))
        async with aiohttp.ClientSession() as http, http.get(f"{served.url}/health") as response:
            assert response.status == 200


async def test_a_store_that_cannot_be_read_ends_the_start_and_nothing_is_left(tmp_path: Path) -> None:
    server = await open_server(config(tmp_path / "d"))
    await server._engine.store.close()
    with pytest.raises(StoreFailed):
        await server.run(asyncio.Event())
    await assert_free(tmp_path / "d")


async def test_a_directory_that_has_lost_its_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d"
    async with running(path) as served, Client([f"{served.host}:{served.port}"]) as client:
        await client.job_list(pb.ScheduleJobListRequest())  # history is up
    database = path / "store.db"
    content = database.read_bytes()
    for lose in (database.unlink, lambda: database.write_bytes(b"")):
        lose()
        with pytest.raises(StoreFailed, match=r"store\.db is gone"):
            await open_server(config(path))
    database.write_bytes(content)
    await assert_free(path)


# ---- stop


async def test_a_stopped_server_has_let_go_of_everything(tmp_path: Path) -> None:
    async with running(tmp_path / "d") as served:
        async with Client([f"{served.host}:{served.port}"]) as client:
            await client.job_list(pb.ScheduleJobListRequest())  # history is up
        pid = served.history_pid
        assert pid is not None
        assert lives(pid)
        await served.stopped()
        assert not lives(pid)
        with pytest.raises(OSError, match=r"[Cc]onnect"):
            await asyncio.open_connection(served.host, served.port)
    await assert_free(tmp_path / "d")


async def test_a_cancelled_server_has_let_go_of_everything_too(tmp_path: Path) -> None:
    async with running(tmp_path / "d") as served:
        served.task.cancel()
        async with asyncio.timeout(WITHIN):
            await asyncio.gather(served.task, return_exceptions=True)
        assert served.history_pid is None
    await assert_free(tmp_path / "d")


async def test_agents_are_sent_away_first_and_hold_up_nothing(tmp_path: Path) -> None:
    """An open stream would otherwise be cut, and every stop would take the whole grace."""
    with capture_logs() as logs:
        async with running(tmp_path / "d") as served:
            with pytest.raises(GRPCError) as ended:
                await _talk_until_sent_away(served)
            await served.stopped()
    assert (ended.value.status, ended.value.message) == (Status.UNAVAILABLE, "this server is stopping")
    assert [log for log in logs if log.get("event_name") == "calls_cut"] == []


async def _talk_until_sent_away(served: Running) -> None:
    async with agent_stream(served) as stream:
        await until(lambda: served.server.replica.state.nodes["node-1"].status == "ready", stream)
        served.stop.set()
        while await stream.recv_message() is not None:
            pass


async def until(condition: Callable[[], bool], stream: Any) -> None:
    """Beats until it holds: each is answered by turns of the loop."""
    async with asyncio.timeout(WITHIN):
        while not condition():
            await stream.send_message(pb.AgentMessage(beat=pb.AgentBeat()))
            await asyncio.sleep(0)


async def test_a_node_gets_no_new_work_after_a_restart_until_its_agent_is_back(tmp_path: Path) -> None:
    async with running(tmp_path / "d") as served:
        with pytest.raises(GRPCError):
            await _talk_until_sent_away(served)
        await served.stopped()
    async with running(tmp_path / "d") as served:
        node = served.server.replica.state.nodes["node-1"]
        assert node.status == "initializing"
        with pytest.raises(GRPCError):
            await _talk_until_sent_away(served)  # which waits until it is ready
        await served.stopped()


async def test_a_request_in_progress_is_finished_while_nothing_new_is_taken(tmp_path: Path) -> None:
    body = b'{"name": "late"}'
    head = (
        "POST /v3/schedule/namespaces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    async with running(tmp_path / "d") as served:
        reader, writer = await asyncio.open_connection(served.host, served.port)
        writer.write(head.encode() + body[:5])
        async with aiohttp.ClientSession() as http, http.get(f"{served.url}/readyz") as response:
            assert response.status == 200  # by then the other request has begun
        served.stop.set()
        async with asyncio.timeout(WITHIN):
            while not served.server._stopping:  # noqa: ASYNC110 — it is a turn of the loop away
                await asyncio.sleep(0)
        assert served.server._unready() == "STOPPING"
        assert served.server._trouble() == ""
        with pytest.raises(OSError, match=r"[Cc]onnect"):
            await asyncio.open_connection(served.host, served.port)
        writer.write(body[5:])
        async with asyncio.timeout(WITHIN):
            answer = await reader.read()
            await served.task
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
    async with running(tmp_path / "d") as served:
        assert "late" in served.server.replica.state.namespaces


async def test_a_service_that_breaks_ends_the_server_with_its_error(tmp_path: Path) -> None:
    with pytest.raises(JobpoolError, match="broken for the test"):
        await _break_while_serving(tmp_path / "d")
    await assert_free(tmp_path / "d")


async def _break_while_serving(path: Path) -> None:
    async with running(path) as served:
        served.server.replica.listen(_break)
        async with Client([f"{served.host}:{served.port}"]) as client:
            with pytest.raises(JobpoolError):
                await client.namespace_add(pb.ScheduleNameSpaceAddRequest(name="x"))
        async with asyncio.timeout(WITHIN):
            await served.task


def _break(_: object) -> None:
    raise InvalidArgument("test", "broken for the test")


# ---- overload


async def test_too_many_waiting_writes_are_answered_429(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path / "d") as served, aiohttp.ClientSession() as http:
        n = served.server.replica.n
        monkeypatch.setattr("jobpool.api.context.MAX_WAITING_WRITES", -1)
        async with http.post(f"{served.url}/v3/schedule/namespaces", json={"name": "x"}) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "1")
            assert (await response.json())["code"] == 8
        async with http.get(f"{served.url}/v3/schedule/namespaces") as response:
            assert response.status == 200
        assert served.server.replica.n == n
