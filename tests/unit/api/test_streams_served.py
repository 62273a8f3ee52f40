"""Watching and following through real sockets: events, ids, limits, the end of a server, and clients that go on."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from itertools import islice
from typing import Any

import aiohttp
import pytest

from jobpool.api.handlers import build_service
from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.node_watch import PERIOD
from jobpool.api.open_streams import OpenStreams
from jobpool.api.outgoing import Outgoing
from jobpool.api.rest import Gateway
from jobpool.api.service import Service
from jobpool.api.snapshots import Snapshots
from jobpool.api.sse import events_of
from jobpool.api.untaken import Untaken
from jobpool.client import Client
from jobpool.kit.effects.dice import Dice
from jobpool.model.errors import InvalidArgument, NotFound, ResourceExhausted, Unavailable
from jobpool.testing.clock import settle
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.json import encode
from tests.unit.api.nouns import SECOND, World, given, world_of

pytestmark = pytest.mark.timeout(30)

MIB = 1024 * 1024


class Site:
    """One of the servers over a world, as callers see it."""

    def __init__(self, world: World, most: int) -> None:
        self.world = world
        self.streams = OpenStreams(most)
        self.service: Service = build_service(
            world.context,
            world.sessions,
            Snapshots(world.store, world.clock, allow_remote=False),
            streams=self.streams,
        )
        self.listener = Listener(
            self.service, Gateway(self.service), ListenerConfig(urls=("http://127.0.0.1:0",), head_timeout=5 * SECOND)
        )

    @property
    def endpoint(self) -> str:
        host, port = self.listener.addresses[0]
        return f"{host}:{port}"

    async def stop(self) -> None:
        """As a server that is told to end."""
        self.streams.close()
        async with asyncio.timeout(25):
            await self.listener.close(60 * SECOND)


async def test_events_that_nobody_reads_are_cut_off_and_keep_nobody_from_lists() -> None:
    """The oldest: some hundred of them held a gigabyte, and whoever asked for a page of plans was refused."""
    async with AsyncExitStack() as stack:
        (site,) = await stack.enter_async_context(sites(1))
        site.service.untaken = untaken = Untaken(MIB)
        site.service.outgoing = Outgoing(0)
        for number in range(200):
            await site.world.add_plan(f"p{number}", executor="rest", parameters=f'{{"url": "http://{"x" * 50_000}/"}}')
        host, _, port = site.endpoint.rpartition(":")
        silent = []
        for _ in range(4):
            narrow = socket.create_connection((host, int(port)))
            narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
            reader, writer = await asyncio.open_connection(sock=narrow)
            stack.callback(writer.close)
            writer.write(f"GET /v3/schedule/watch?snapshot=true HTTP/1.1\r\nHost: {site.endpoint}\r\n\r\n".encode())
            silent.append(reader)
            await reader.readline()
        client = await stack.enter_async_context(Client([site.endpoint]))
        asked = pb.SchedulePlanListRequest(pageSize=1, pageNumber=1)
        while len(site.streams) > 1 or not untaken.held:
            assert (await client.plan_list(asked)).totalElements == 200
        assert untaken.held < 2 * MIB
        reading = [asyncio.get_running_loop().create_task(_ends_well(reader)) for reader in silent]
        ends = [await end for end in islice(asyncio.as_completed(reading), 3)]
        assert ends == [False, False, False]
        for task in reading:
            task.cancel()


async def _ends_well(reader: asyncio.StreamReader) -> bool:
    """Whether an answer in chunks ends with the last chunk."""
    said = b""
    try:
        while piece := await reader.read(MIB):
            said = (said + piece)[-5:]
    except ConnectionResetError:
        return False
    return said == b"0\r\n\r\n"


@asynccontextmanager
async def sites(count: int, most: int = 8) -> AsyncIterator[list[Site]]:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(world_of())
        made = [Site(world, most) for _ in range(count)]
        for site in made:
            await stack.enter_async_context(site.listener)
        yield made


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with sites(1, most=3) as [one]:
        yield one


class Events:
    """What a browser makes of a stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.last_id = ""
        self.comments = 0

    async def next(self) -> tuple[str, Any]:
        """The next event, as (name, data); comments are passed over."""
        name = data = ""
        async with asyncio.timeout(25):
            while line := await self.response.content.readline():
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "id":
                    self.last_id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data = value
                elif field.startswith(":"):
                    self.comments += 1
                elif not field and name:
                    return name, json.loads(data)
        return "", None

    async def greeted(self) -> None:
        """Until the first comment has come."""
        async with asyncio.timeout(25):
            while (await self.response.content.readline()).rstrip() != b"":
                continue


@asynccontextmanager
async def events(site: Site, path: str, **headers: str) -> AsyncIterator[Events]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://{site.endpoint}/v3/schedule/{path}", headers=headers) as response,
    ):
        assert response.status == 200, await response.text()
        yield Events(response)


async def test_changes_are_events_with_the_place_to_go_on_as_their_id(site: Site) -> None:
    headers = {"Accept-Encoding": "gzip"}
    async with events(site, "watch?kinds=plan,job&namespace=default", **headers) as stream:
        told = stream.response.headers
        assert told["content-type"] == "text/event-stream"
        assert told["cache-control"] == "no-store"
        assert told["x-request-id"]
        assert told["x-jobpool-cluster"] == str(site.world.context.header().cluster_id)
        assert "content-encoding" not in told
        await stream.greeted()
        await site.world.add_plan("p")
        name, change = await stream.next()
        assert (name, change["action"], change["plan"]["id"]) == ("plan", "set", "p")
        assert stream.last_id == f"1.{site.world.n}"
        assert change["n"] == str(site.world.n)
        seen = stream.last_id
    await site.world.add_plan("q")
    async with events(site, "watch?kinds=plan", **{"Last-Event-ID": seen}) as stream:
        assert (await stream.next())[1]["id"] == "q"
    async with events(site, "watch?after=0.1&snapshot=true&kinds=plan") as stream:
        assert (await stream.next())[0] == "reset"
        assert stream.last_id == ""
        assert [(await stream.next())[1]["id"] for _ in "pq"] == ["p", "q"]
        assert stream.last_id == f"1.{site.world.n}"
    async with events(site, "watch?after=0.1&kinds=plan") as stream:
        assert (await stream.next())[0] == "reset"
        assert stream.last_id == f"1.{site.world.n}"


@pytest.mark.parametrize("size", [1, 10_000])
def test_changes_that_are_told_again_are_told_as_they_are(size: int) -> None:
    """Short ones are remembered as they were written."""
    told = [pb.ScheduleChange(kind="plan", id="p", plan=pb.Plan(id="p", owner=owner * size)) for owner in "ab"]
    answer = pb.ScheduleWatchResponse(data=[*told, *told], position="1.9")
    lines = [line for line in events_of(answer).splitlines() if line.startswith(b"data: ")]
    assert [json.loads(line[6:])["plan"]["owner"][:1] for line in lines] == ["a", "b", "a", "b"]
    assert lines[0][6:] == encode(told[0])


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_a_client_of_http_1_0_is_sent_no_chunks(site: Site, version: str) -> None:
    """As a proxy may be, nginx by default: its answers end with their connection."""
    await site.world.add_plan("p")
    reader, writer = await asyncio.open_connection(*site.listener.addresses[0])
    head = f"GET /v3/schedule/watch?kinds=plan&snapshot=true HTTP/{version}\r\nHost: {site.endpoint}\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(25):
        told = await reader.readuntil(b"\r\n\r\n")
        assert (b"chunked" in told) is (version == "1.1")
        if version == "1.0":
            assert (await reader.readuntil(b"\n\n")).startswith(b"event: plan\n")
            await site.world.add_plan("q")
            assert b'"id":"q"' in await reader.readuntil(b"\n\n")
            site.streams.close()
            assert (await reader.read()).startswith(b": ")
    writer.close()


async def test_silence_is_broken_by_comments_that_bear_the_place(site: Site) -> None:
    async with events(site, "watch?kinds=node") as stream:
        await stream.greeted()
        await site.world.add_plan("p")
        await site.world.clock.advance(15 * SECOND)
        await site.world.core.add_node("n", executors=("none",))
        assert (await stream.next())[0] == "node"
        assert stream.comments == 1


async def test_output_is_events_until_the_end(site: Site) -> None:
    agent, [item] = await given(site.world)
    async with events(site, f"jobs/{item.job_id}/logs?follow=true") as stream:
        await say(agent, b"one\n")
        name, answer = await stream.next()
        assert (name, answer["data"], answer["attempt"], stream.last_id) == ("output", "b25lCg==", 1, "1.4")
        await say(agent, b"", complete=True)
        assert (await stream.next())[1]["complete"] is True
        await agent.finish(item)
        assert await stream.next() == ("end", {})
        assert await stream.next() == ("", None)
    said = site.world.spawn(say(agent, b"e\n", complete=True))
    async with events(site, f"jobs/{item.job_id}/logs?follow=true", **{"Last-Event-ID": "1.2"}) as stream:
        assert ((await said).offset, (await stream.next())[0]) == (2, "output")


async def until(condition: Callable[[], bool]) -> None:
    """Let sockets and tasks go on until it holds."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to be")


async def say(agent: Any, data: bytes, *, complete: bool = False) -> pb.ServerLogRequest:
    """Answer the newest log request, once there is one that was not answered."""
    answered = agent.__dict__.setdefault("answered", set())
    await until(lambda: any(one.request_id not in answered for one in agent.stream.of("log")))
    request: pb.ServerLogRequest = agent.stream.of("log")[-1]
    answered.add(request.request_id)
    end = request.offset + len(data)
    agent.stream.say(
        log=pb.AgentLogChunk(request_id=request.request_id, data=data, next_offset=end, size=end, complete=complete)
    )
    return request


async def test_output_that_ends_too_soon_says_why(site: Site) -> None:
    agent, [item] = await given(site.world)
    await agent.finish(item)
    site.world.spawn(say(agent, b"some"))
    async with events(site, f"jobs/{item.job_id}/logs?follow=true") as stream:
        assert (await stream.next())[0] == "output"
        await settle()
        request = agent.stream.of("log")[-1]
        agent.stream.say(log=pb.AgentLogChunk(request_id=request.request_id, error="swept away"))
        name, error = await stream.next()
        assert (name, error["code"]) == ("failed", 5)


@pytest.mark.parametrize(
    ("path", "headers", "status", "field"),
    [
        ("watch?kinds=runs", {}, 400, "kinds"),
        ("watch?kind=plan", {}, 400, "kind"),
        ("watch", {"Last-Event-ID": "now"}, 400, "after"),
        ("jobs/j/logs?follow=true", {}, 404, "id"),
        ("jobs/j/logs?follow=true", {"Last-Event-ID": "now"}, 400, "Last-Event-ID"),
        ("jobs/j/logs?follow=maybe", {}, 400, "follow"),
        ("watch", {"Host": "elsewhere"}, 421, None),
        ("watch", {"Origin": "http://evil.example"}, 403, None),
        ("watch", {"If-Match": '"1"'}, 400, "If-Match"),
    ],
)
async def test_what_is_refused_is_refused_as_any_call(
    site: Site, path: str, headers: dict[str, str], status: int, field: str | None
) -> None:
    url = f"http://{site.endpoint}/v3/schedule/{path}"
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as response:
        body = await response.json()
        assert response.status == status, body
        assert [detail["field"] for detail in body["details"]] == ([] if field is None else [field])
    assert len(site.streams) == 0


async def test_a_head_is_answered_and_ends(site: Site) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.head(f"http://{site.endpoint}/v3/schedule/watch") as response,
    ):
        assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    assert len(site.streams) == 0


async def test_streams_beyond_the_limit_are_429_and_those_who_leave_make_room(site: Site) -> None:
    url = f"http://{site.endpoint}/v3/schedule/watch"
    async with AsyncExitStack() as stack:
        for _ in range(3):
            stream = await stack.enter_async_context(events(site, "watch"))
            await stream.greeted()
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            assert response.status == 429
            assert response.headers["retry-after"]
        async with Client([site.endpoint], hasty=True) as client:
            with pytest.raises(ResourceExhausted):
                await anext(client.watch())
    await until(lambda: not len(site.streams))
    async with events(site, "watch") as stream:
        await stream.greeted()


async def test_a_stopping_server_ends_its_streams_and_waits_for_nobody(site: Site) -> None:
    agent, [item] = await given(site.world)
    async with (
        events(site, "watch") as stream,
        events(site, f"jobs/{item.job_id}/logs?follow=true") as output,
        Client([site.endpoint], hasty=True) as client,
    ):
        watching = site.world.spawn(_next(client.watch()))
        await stream.greeted()
        await say(agent, b"x")
        await output.next()
        await until(lambda: len(site.streams) == 3)
        await site.stop()
        assert await stream.next() == ("", None)
        assert await output.next() == ("", None)
        assert not watching.done()  # it tries to go on


async def _next(changes: Any) -> Any:
    return await anext(changes)


async def test_nodes_are_watched_as_they_are_heard_by_both_transports(site: Site) -> None:
    agent = await site.world.agent("a", resources=pb.NodeResources(millicpus=2)).join()
    async with (
        events(site, "watch/nodes?id=a") as stream,
        Client([site.endpoint], hasty=True) as client,
        aclosing(client.watch_nodes(["a"])) as nodes,
    ):
        seen = await anext(nodes)
        assert (seen.id, seen.resources.millicpus) == ("a", 2)
        name, told = await stream.next()
        assert (name, told["data"][0]["resources"]["millicpus"]) == ("nodes", 2)
        agent.stream.say(beat=pb.AgentBeat(resources=pb.NodeResources(millicpus=2, millicpus_used=1)))
        await settle()
        later = [site.world.spawn(_next(nodes)), site.world.spawn(stream.next())]
        while not all(task.done() for task in later):
            await site.world.clock.advance(PERIOD // 4)
        assert later[0].result().resources.millicpus_used == 1
        name, told = later[1].result()
        assert (name, told["data"][0]["resources"]["millicpus_used"]) == ("nodes", 1)


async def test_a_client_goes_on_at_another_server_with_nothing_lost_or_twice() -> None:
    async with sites(3) as servers, Client([site.endpoint for site in servers], dice=Dice(1)) as client:
        world = servers[0].world
        start = world.n
        async with aclosing(client.watch(["plan"], after=str(start))) as changes:
            seen: list[str] = []
            for at in range(12):
                await world.add_plan(f"p{at}")
                if at == 4:
                    await servers[0].stop()
                if at == 8:
                    await servers[1].listener.close(0)
                if at % 3 == 2:
                    seen += [(await _next(changes)).id for _ in range(3)]
            assert seen == [f"p{at}" for at in range(12)]


async def test_a_client_learns_that_changes_were_missed() -> None:
    async with sites(1) as [server], Client([server.endpoint]) as client:
        await server.world.add_plan("p")
        async with aclosing(client.watch(["plan"], after="0.1", snapshot=True)) as changes:
            reset, there = await _next(changes), await _next(changes)
        assert (reset.action, reset.kind) == ("reset", "")
        assert (reset.position, there.position) == ("", f"1.{server.world.n}")
        assert (there.action, there.kind) == ("set", "plan")
        assert isinstance(there.item, pb.Plan)


async def test_a_client_follows_output_over_the_end_of_a_server() -> None:
    async with sites(2) as servers, Client([site.endpoint for site in servers], dice=Dice(1)) as client:
        agent, [item] = await given(servers[0].world)
        async with aclosing(client.follow_logs(item.job_id)) as pieces:
            waiting = servers[0].world.spawn(_piece(pieces))
            await say(agent, b"one")
            assert (await waiting).data == b"one"
            waiting = servers[0].world.spawn(_piece(pieces))
            await settle()
            await servers[0].stop()
            request = await say(agent, b"two")
            assert (request.offset, (await waiting).data) == (3, b"two")
            waiting = servers[0].world.spawn(_piece(pieces))
            await say(agent, b"", complete=True)
            assert (await waiting).complete
            await agent.finish(item)
            assert [piece async for piece in pieces] == []


async def _piece(pieces: Any) -> pb.JobLogsResponse:
    piece: pb.JobLogsResponse = await anext(pieces)
    return piece


async def test_a_client_waits_for_the_end_of_a_run_over_the_end_of_a_server() -> None:
    async with sites(2) as servers, Client([site.endpoint for site in servers], dice=Dice(1)) as client:
        agent, [item] = await given(servers[0].world)
        waiting = servers[0].world.spawn(client.wait(item.job_id))
        await until(lambda: len(servers[0].streams) > 0)
        await servers[0].stop()
        await agent.finish(item)
        assert (await waiting).status == "complete"
        assert (await client.wait(item.job_id)).status == "complete"
        with pytest.raises(NotFound):
            await client.wait("none")


async def test_a_client_is_told_what_is_refused_and_when_nobody_is_there() -> None:
    async with sites(1) as [server], Client([server.endpoint], hasty=True) as client:
        with pytest.raises(InvalidArgument):
            await anext(client.watch(["runs"]))
        await server.stop()
        with pytest.raises(Unavailable):
            await anext(client.watch())
