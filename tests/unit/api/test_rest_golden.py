"""REST as it looks on the wire, told in files: a request, a line of dashes, the answer. REWRITE=1 writes it anew."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobpool.api.request_ids import RequestIds
from jobpool.api.rest import SAFE, Gateway
from jobpool.api.rest_routes import RouteTable, split_path
from jobpool.api.service import METHODS
from jobpool.kit.effects.dice import Dice
from jobpool.testing.clock import settle
from tests.unit.api.nouns import World

GOLDEN = Path(__file__).parent / "golden"
FIRST_OF_OURS = "NodeEligibility"
STORIES = sorted(GOLDEN.glob("rest_*.txt"))


async def _ask(gateway: Gateway, request: list[str]) -> Iterator[str]:
    """The answer to a request line, header lines, and a body as the last line if it begins like one."""
    (line, *headers), body = request, b""
    if headers and ": " not in headers[-1].partition("{")[0]:
        body = headers.pop().encode()
        headers.append("content-type: application/json")
    headers += ["host: localhost", f"content-length: {len(body)}"]
    verb, _, target = line.partition(" ")
    path, _, query = target.partition("?")
    sent = []

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        sent.append(message)

    pairs = [header.partition(": ") for header in headers]
    scope: dict[str, object] = {
        "type": "http",
        "method": verb,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, _, value in pairs],
        "client": None,
    }
    await gateway(scope, receive, send)
    return _shown(sent)


def _shown(sent) -> Iterator[str]:
    """The length is left out, as whatever changes it shows anyway, and what every answer says."""
    yield str(sent[0]["status"])
    for name, value in sent[0]["headers"]:
        if name != b"content-length" and (name, value) not in SAFE:
            yield f"{name.decode()}: {value.decode()}"
    yield b"".join(message["body"] for message in sent[1:]).decode()


async def _played(script: str, gateway: Gateway) -> str:
    out: list[str] = []
    request: list[str] = []
    old_answer = False
    for line in script.splitlines():
        if old_answer and line:
            continue
        old_answer = line == "----"
        out.append(line)
        if old_answer:
            out += await _ask(gateway, request)
            await settle()
            request = []
        elif line and not line.startswith("#"):
            request.append(line)
    assert not request, "the last request has no ---- line"
    return "\n".join(out) + "\n"


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
async def test_story(path: Path, world: World) -> None:
    gateway = Gateway(world.service, ids=RequestIds(Dice(1), world.clock))
    script = path.read_text()  # noqa: ASYNC240
    played = await _played(script, gateway)
    if os.environ.get("REWRITE"):
        path.write_text(played)  # noqa: ASYNC240
    assert played == script


def test_every_call_of_the_original_is_in_a_story() -> None:
    routes, told = RouteTable(), set()
    for line in "\n".join(path.read_text() for path in STORIES).splitlines():
        verb, _, target = line.partition(" ")
        route = routes.find(verb, split_path(target.partition("?")[0].encode()))
        told.add(route.rpc if route else "")
    calls = list(METHODS)
    originals = calls[: calls.index(FIRST_OF_OURS)]
    assert len(originals) == 40
    assert [call for call in originals if call not in told] == []
