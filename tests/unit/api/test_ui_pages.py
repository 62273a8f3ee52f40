"""The web UI over HTTP: found under its address, kept by browsers for as long as is right, under its policy."""

import gzip
import re

import pytest

from jobpool.api.ui_pages import POLICY
from jobpool.ui import INDEX, asset

BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


def index() -> str:
    found = asset(INDEX)
    assert found is not None
    return found.body.decode()


def hashed() -> list[str]:
    return re.findall(r'(?:src|href)="/ui/(assets/[^"]+)"', index())


async def ask(server, path, verb="GET", **headers):
    async with server.raw() as (reader, writer):
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"{verb} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in rest), body


def test_what_the_page_loads_is_there_and_nothing_of_it_is_inline():
    assert {name.rpartition(".")[2] for name in hashed()} == {"js", "css"}
    assert [name for name in hashed() if asset(name) is None] == []
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|https?://", index()) == []


@pytest.mark.parametrize(
    "path", ["/ui/", "/ui/plans", "/ui/plans/default/a%2Fb", "/ui/runs/x?status=failed", "/ui/index.html"]
)
async def test_every_view_is_the_page(server, path):
    status, headers, body = await ask(server, path)
    assert (status, body.decode()) == (200, index())
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["content-security-policy"] == POLICY
    assert headers["cache-control"] == "no-cache"
    assert headers["x-content-type-options"] == "nosniff"


async def test_the_page_is_not_sent_again_to_who_has_it(server):
    _, headers, _ = await ask(server, "/ui/")
    status, again, body = await ask(server, "/ui/plans", **{"If-None-Match": f'"other", {headers["etag"]}'})
    assert (status, body, again["etag"]) == (304, b"", headers["etag"])
    assert "content-length" not in again
    status, _, _ = await ask(server, "/ui/", **{"If-None-Match": '"other"'})
    assert status == 200


async def test_scripts_and_styles_are_kept_for_ever_and_sent_small(server):
    for name in hashed():
        found = asset(name)
        assert found is not None
        status, headers, body = await ask(server, f"/ui/{name}", **{"Accept-Encoding": "gzip"})
        assert (status, headers["content-encoding"], headers["vary"]) == (200, "gzip", "Accept-Encoding")
        assert gzip.decompress(body) == found.body
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
        assert headers["content-type"] == found.media_type


async def test_what_is_no_asset_is_not_the_page(server):
    status, _, _ = await ask(server, "/ui/assets/index-00000000.js")
    assert status == 404
    status, _, body = await ask(server, "/ui/../../etc/passwd")
    assert b"root:" not in body


async def test_the_root_leads_browsers_to_the_page_and_nobody_else(server):
    status, headers, _ = await ask(server, "/", **BROWSER)
    assert (status, headers["location"], headers["vary"]) == (303, "/ui/", "Accept")
    status, _, _ = await ask(server, "/", Accept="*/*")
    assert status == 404
    status, headers, _ = await ask(server, "/ui")
    assert (status, headers["location"]) == (303, "/ui/")


async def test_the_page_is_only_read(server):
    status, headers, body = await ask(server, "/ui/plans", verb="HEAD")
    assert (status, body, headers["content-length"]) == (200, b"", str(len(index())))
    status, headers, _ = await ask(server, "/ui/plans", verb="DELETE")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_the_policy_lets_nothing_in():
    assert "unsafe" not in POLICY
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= set(
        POLICY.split("; ")
    )


def test_the_first_load_is_small():
    files = [asset(name) for name in (INDEX, "icon.svg", *hashed())]
    assert sum(len(gzip.compress(file.body, 4)) for file in files if file is not None) <= 150 * 1024


@pytest.mark.parametrize(
    "path", ["/ui/assets/none.js", "/v3/schedule/plans", "/v3/schedule/none", "/docs", "/ui", "/ui/"]
)
async def test_no_answer_is_guessed_at_embedded_or_kept_unless_it_says_so(server, path):
    _, headers, _ = await ask(server, path)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if path == "/ui/" else "no-store")
