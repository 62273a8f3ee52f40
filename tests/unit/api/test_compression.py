"""gzip: when it is worth it, for who takes it."""

import gzip

import pytest

from jobpool.api.compression import WORTH_IT, accepts_gzip, compressed
from jobpool.api.rest_body import Answer

LARGE = "/v3/schedule/namespaces/default"


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZIP;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("br, *;q=0.1", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("deflate", False),
        ("identity", False),
        ("", False),
    ],
)
def test_what_callers_accept(accepted, wanted):
    assert accepts_gzip(accepted) is wanted


async def test_a_large_answer_is_smaller_and_says_so(server):
    plain = await server.ask("GET", LARGE, headers={"Accept-Encoding": "identity"})
    assert len(plain.body) > 1_000_000
    assert plain.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain.headers
    async with server.raw() as (reader, writer):
        writer.write(
            f"GET {LARGE} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode()
        )
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head
    assert b"content-length: %d" % len(body) in head
    assert len(body) < 10_000
    assert gzip.decompress(body) == plain.body


async def test_a_small_one_goes_as_it_is(server):
    answer = await server.ask("GET", "/v3/schedule/plans/a", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


@pytest.mark.parametrize("size", [WORTH_IT, 300_000])
async def test_nothing_else_of_an_answer_changes(size):
    answer = Answer(404, b"x" * size, (("etag", '"1"'),), "text/plain")
    small = await compressed(answer, "gzip")
    assert (small.status, small.headers[0], small.media_type) == (404, ("etag", '"1"'), "text/plain")
    assert gzip.decompress(small.body) == answer.body
