"""What a server says to clients of etcd when it has none, and when it is not to answer for it."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.unit.server.test_main import running


async def post(url: str, path: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession(url) as http, http.post(path, json={}) as answer:
        return answer.status, await answer.json()


@pytest.mark.timeout(60)
async def test_the_embedded_engine_answers_what_clients_ask_first(tmp_path: Path) -> None:
    async with running(tmp_path, name="alone") as server:
        status, listed = await post(server.url, "/v3/cluster/member/list")
        (member,) = listed["members"]
        assert (status, member["name"], len(member["clientURLs"])) == (200, "alone", 1)
        status, found = await post(server.url, "/v3/maintenance/status")
        assert found["leader"] == member["ID"] == found["header"]["member_id"]
        assert int(found["dbSize"]) > 0
        assert int(found["header"]["cluster_id"]) > 0
        assert "enabled" not in (await post(server.url, "/v3/auth/status"))[1]
        status, refusal = await post(server.url, "/v3/auth/authenticate")
        assert (status, refusal["error"]) == (409, "etcdserver: authentication is not enabled")
        status, refusal = await post(server.url, "/v3/kv/range")
        assert (status, refusal["code"]) == (501, 12)
        assert "the etcd engine" in refusal["error"]


@pytest.mark.timeout(60)
async def test_the_switch(tmp_path: Path) -> None:
    async with running(tmp_path, enable_etcd_api=False) as server:
        for path in ("/v3/kv/range", "/v3/cluster/member/list"):
            status, refusal = await post(server.url, path)
            assert status == 501
            assert "`enable-etcd-api` is false" in refusal["error"]
