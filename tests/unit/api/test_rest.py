"""REST: binding, strictness, error bodies, verbs, and what writing requests must show."""

import asyncio
import io

import pytest

from jobpool.api.rest_body import Body, BodyLimits
from jobpool.model.errors import TooLarge
from jobpool.wire import jobpool_pb2 as pb

pytestmark = pytest.mark.timeout(30)


async def test_path_query_and_answer(server):
    answer = await server.ask("GET", "/v3/schedule/plans/nightly?namespace=team_a")
    assert (answer.status, answer.body) == (200, b'{"data":{"id":"nightly","namespace":"team_a"}}')
    assert answer.headers["content-type"] == "application/json"
    assert server.toy.last == pb.SchedulePlanDetailRequest(id="nightly", namespace="team_a")


async def test_the_handler_learns_of_the_call(server):
    headers = {"Idempotency-Key": "k1", "Accept-Language": "zh"}
    await server.ask("GET", "/v3/schedule/jobs", headers=headers)
    call = server.toy.call
    assert (call.transport, call.idempotency_key, call.language, call.timeout) == ("rest", "k1", "zh", None)
    assert call.peer.startswith("127.0.0.1:")


async def test_path_variables_are_single_decoded_segments(server):
    await server.ask("GET", "/v3/schedule/plans/a%2Fb%20%E4%B8%AD+c")
    assert server.toy.last.id == "a/b 中+c"
    assert (await server.ask("GET", "/v3/schedule/plans/a/b")).status == 404
    assert (await server.ask("GET", "/v3/schedule/plans/")).status == 404
    refused = await server.ask("GET", "/v3/schedule/plans/%FF")
    assert (refused.status, refused.json["details"][0]["field"]) == (400, "id")


async def test_the_first_registered_route_wins(server):
    assert (await server.ask("GET", "/v3/schedule/jobs/exist")).body == b'{"count":7}'
    await server.ask("GET", "/v3/schedule/jobs/exists")
    assert isinstance(server.toy.last, pb.ScheduleJobDetailRequest)
    await server.ask("GET", "/v3/schedule/queues/job/default")
    assert server.toy.last == pb.QueueJobViewRequest(namespace="default")
    assert (await server.ask("GET", "/v3/schedule/queues/job")).body == b'{"data":{}}'
    wrong = await server.ask("DELETE", "/v3/schedule/jobs/exist")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD")


async def test_the_path_overrides_the_body(server):
    await server.ask("POST", "/v3/schedule/plans/real", text='{"id":"other","namespace":"n"}')
    assert server.toy.last == pb.SchedulePlanUpdateRequest(id="real", namespace="n")
    answer = await server.ask("POST", "/v3/schedule/nodes/01ABC/status", text='{"name":"a"}')
    assert (server.toy.last.ID, answer.body) == ("01ABC", b'{"heartbeat_ttl":"16247"}')


async def test_v3beta_is_v3(server):
    assert (await server.ask("GET", "/v3beta/schedule/jobs/exist")).status == 200


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("ids=a&ids=b", {"ids": ["a", "b"]}),
        ("plan_id=p&planId=", None),
        ("planId=p&jobId=j", {"plan_id": "p", "job_id": "j"}),
        ("pageNumber=2&pageSize=10", {"pageNumber": 2, "pageSize": 10}),
        ("name=%E4%B8%AD+x&&", {"name": "中 x"}),
        ("start_time=2026-11-22T09:59:04%2B08:00", {"start_time": {"seconds": 1795312744}}),
        ("start_time.seconds=5", None),
        ("pageSize=", None),
        ("pageSize=1.5", None),
        ("pageSize=2147483648", None),
        ("name=a&name=b", None),
        ("name=%FF", None),
        ("start_time=yesterday", None),
        ("nmae=x", None),
    ],
)
async def test_query_binding(server, query, wanted):
    answer = await server.ask("GET", f"/v3/schedule/allocations?{query}")
    if wanted is None:
        assert answer.status == 400
        assert answer.json["details"][0]["field"]
        assert server.toy.seen == []
    else:
        assert answer.status == 200
        assert server.toy.last == pb.ScheduleAllocationListRequest(**wanted)


async def test_unknown_query_key_suggests_the_nearest(server):
    answer = await server.ask("GET", "/v3/schedule/plans?namespce=x")
    assert answer.status == 400
    assert answer.json == {
        "error": "namespce: unknown field; did you mean namespace?",
        "code": 3,
        "message": "namespce: unknown field; did you mean namespace?",
        "details": [{"field": "namespce", "reason": "unknown field; did you mean namespace?", "engine_code": 1010}],
    }


async def test_a_writing_call_takes_no_query(server):
    answer = await server.ask("POST", "/v3/schedule/plans?namespace=x", text="{}")
    assert (answer.status, answer.json["details"][0]["field"]) == (400, "namespace")


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
async def test_a_body_where_none_is_read_is_refused(server, verb):
    answer = await server.ask(verb, "/v3/schedule/plans/a", text='{"namespace":"x"}')
    assert (answer.status, answer.json["details"][0]["field"]) == (400, "body")
    assert server.toy.seen == []


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"periodic":{"spec":5}}', "periodic.spec"),
        ('{"catch_up":{"max_runs":"many"}}', "catch_up.max_runs"),
        ('{"catchUp":{"maxRuns":2147483648}}', "catch_up.max_runs"),
        ('{"priority":-1}', "priority"),
        ('{"priority":true}', "priority"),
        ('{"priority":1.5}', "priority"),
        ('{"priority":1e400}', "priority"),
        ('{"priority":18446744073709551616}', "priority"),
        ('{"priority":' + "9" * 5000 + "}", "priority"),
        ('{"priority":NaN}', "body"),
        ('{"synchronous":"true"}', "synchronous"),
        ('{"retry":{"on":["a",5]}}', "retry.on[1]"),
        ('{"retry":{"on":"a"}}', "retry.on"),
        ('{"retry":{"on":[null]}}', "retry.on[0]"),
        ('{"retry":[]}', "retry"),
        ('{"periodic":{"start_time":"soon"}}', "periodic.start_time"),
        ('{"periodic":{"start_time":0}}', "periodic.start_time"),
        ('{"periodic":{"crontab":"* * * * *"}}', "periodic.crontab"),
        ('{"id":"a","id":"b"}', "id"),
        ('{"catch_up":{},"catchUp":{}}', "catch_up"),
        ('{"id":"\\ud800"}', "id"),
        ('{"\\ud800":1}', "\\ud800"),
        ('{"id":"a"} {}', "body"),
        ("{'id':1}", "body"),
        ("[]", "body"),
        ("null", "body"),
        ('"x"', "body"),
        ("[" * 10_000, "body"),
        ('{"a":' * 100_000, "body"),
    ],
    ids=lambda value: value[:40],
)
async def test_bad_bodies_are_refused_by_name(server, text, field):
    answer = await server.ask("POST", "/v3/schedule/plans", text=text)
    assert (answer.status, answer.json["code"]) == (400, 3)
    assert answer.json["details"][0]["field"] == field
    assert answer.json["message"].startswith(f"{field}: ")
    assert server.toy.seen == []


@pytest.mark.parametrize(
    "body", [b'{"id":"\xff"}', b'\xef\xbb\xbf{"id":"a"}', '{"id":"a"}'.encode("utf-16"), b"\x00", b"\x0b", b"\x0c\x0c"]
)
async def test_bytes_that_are_no_utf8_json_are_refused(server, body):
    answer = await server.ask("POST", "/v3/schedule/plans", text=body)
    assert (answer.status, answer.json["details"][0]["field"]) == (400, "body")


@pytest.mark.parametrize("body", [b"", b" \r\n"])
async def test_an_empty_body_is_the_empty_message(server, body):
    assert (await server.ask("POST", "/v3/schedule/plans", text=body)).status == 200
    assert server.toy.last == pb.SchedulePlanAddRequest()


async def test_nothing_at_all_needs_no_content_type(server):
    answer = await server.exchange(b"POST /v3/schedule/plans HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
async def test_other_media_types_are_refused(server, kind):
    answer = await server.ask("POST", "/v3/schedule/plans", text="{}", headers={"Content-Type": kind})
    assert answer.status == 415
    assert server.toy.seen == []


async def test_media_type_parameters_and_codings(server):
    kind = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await server.ask("POST", "/v3/schedule/plans", text="{}", headers=kind)).status == 200
    coded = {"Content-Encoding": "gzip"}
    assert (await server.ask("POST", "/v3/schedule/plans", text="{}", headers=coded)).status == 415


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:99", 200),
        ("127.0.0.1:2379", 200),
        ("127.9.9.9", 200),
        ("[::1]:2379", 200),
        ("jobs.example:80", 200),
        ("10.1.2.3", 200),
        ("evil.example", 421),
        ("10.1.2.4:2379", 421),
        ("localhost.evil.example", 421),
        ("jobs.example@evil.example", 421),
        ("", 421),
    ],
)
async def test_calls_must_be_meant_for_us(serve, host, status):
    async with serve(allowed_hosts=("Jobs.example", "10.1.2.3")) as server:
        answer = await server.ask("POST", "/v3/schedule/plans", text="{}", headers={"Host": host})
        assert answer.status == status
        assert (await server.ask("GET", "/v3/schedule/plans", headers={"Host": host})).status == status


async def test_every_host_can_be_allowed(serve):
    async with serve(allowed_hosts=("*",)) as server:
        answer = await server.ask("POST", "/v3/schedule/plans", text="{}", headers={"Host": "any.example"})
        assert answer.status == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:2379", 200),
        ("http://LOCALHOST:2379", 200),
        ("https://localhost:2379", 403),
        ("http://localhost", 403),
        ("http://evil.example", 403),
        ("http://127.0.0.1:2379", 403),
        ("null", 403),
    ],
)
async def test_writes_of_a_browser_must_come_from_our_pages(server, origin, status):
    headers = {"Host": "localhost:2379", "Origin": origin}
    assert (await server.ask("POST", "/v3/schedule/plans", text="{}", headers=headers)).status == status
    assert (await server.ask("DELETE", "/v3/schedule/plans/a", headers=headers)).status == status


async def test_errors_of_handlers(server):
    full = await server.ask("POST", "/v3/schedule/plans/a/run", text="{}")
    assert (full.status, full.json["code"], full.headers["retry-after"]) == (429, 8, "3")
    missing = await server.ask("POST", "/v3/schedule/jobs/x/status", text="{}")
    assert (missing.status, missing.json["code"]) == (404, 5)
    assert missing.json["details"] == [{"field": "id", "reason": "job 'j<1>' does not exist", "engine_code": 1101}]
    assert rb"\u003c1\u003e" in missing.body
    absent = await server.ask("GET", "/v3/schedule/nodes")
    assert (absent.status, absent.json["code"], absent.json["details"]) == (501, 12, [])
    assert "NodeList" in absent.json["message"]


@pytest.mark.parametrize(
    ("verb", "path"), [("POST", "/v3/schedule/jobs/j/cancel"), ("GET", "/v3/schedule/evals"), ("GET", "/broken")]
)
async def test_a_failure_gives_nothing_away(server, capsys, verb, path):
    answer = await server.ask(verb, path, text="" if verb == "POST" else None)
    assert (answer.status, answer.json["code"], answer.json["details"]) == (500, 13, [])
    assert b"secret" not in answer.body
    assert "Traceback" in capsys.readouterr().out
    assert (await server.ask("GET", "/v3/schedule/plans/a")).status == 200


async def test_unknown_paths_and_verbs(server):
    for path in ("/", "/v3", "/v3/schedule", "/v3/schedule/nope", "/v2/keys", "//v3/schedule/plans"):
        answer = await server.ask("GET", path)
        assert (answer.status, answer.json["code"]) == (404, 5)
    wrong = await server.ask("PUT", "/v3/schedule/plans/a", text="{}")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD, POST, DELETE")
    assert (await server.ask("OPTIONS", "/v3/schedule/plans")).status == 405
    assert (await server.ask("DELETE", "/v3/schedule/plans")).headers["allow"] == "GET, HEAD, POST"
    assert (await server.ask("DELETE", "/version")).headers["allow"] == "GET, HEAD"


async def test_head_is_get_without_the_body(server):
    get = await server.ask("GET", "/v3/schedule/plans/a")
    head = await server.ask("HEAD", "/v3/schedule/plans/a")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(get.body))
    assert (await server.ask("HEAD", "/v3/schedule/nope")).status == 404


async def test_plain_routes_beside_the_api(server):
    assert (await server.ask("GET", "/version")).json == {"jobpool": "0"}
    assert (await server.ask("POST", "/post", text="abc")).json == {"got": 3}
    assert (await server.ask("POST", "/post", text="abc", headers={"Host": "evil.example"})).status == 421


async def test_a_body_of_ten_megabytes_is_refused_and_the_client_learns_it(server):
    answer = await server.ask("POST", "/v3/schedule/plans", text=io.BytesIO(b"x" * 10_000_000))
    assert (answer.status, answer.json["code"], answer.headers["connection"]) == (413, 8, "close")
    assert (await server.ask("GET", "/v3/schedule/plans/a")).status == 200


async def test_a_body_is_refused_by_its_declared_length_alone(server):
    answer = await server.exchange(
        b"POST /v3/schedule/plans HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Expect: 100-continue\r\nContent-Length: 99999999999999999999\r\n\r\n"
    )
    assert answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))
    assert b"100 Continue" not in answer


async def test_chunked_bodies(server):
    async def chunks(count):
        for _ in range(count):
            yield b" " * 50_000

    assert (await server.ask("POST", "/v3/schedule/plans", text=chunks(20))).status == 200
    assert (await server.ask("POST", "/v3/schedule/plans", text=chunks(200))).status == 413


class _Upload:
    """The receiving side of a request that sends 64 KiB at a time, without end."""

    def __init__(self) -> None:
        self.sent = 0

    async def __call__(self):
        self.sent += 65_536
        return {"type": "http.request", "body": bytes(65_536), "more_body": True}


async def test_no_more_of_a_body_is_read_than_the_limit():
    upload = _Upload()
    body = Body({"transfer-encoding": "chunked"}, upload, BodyLimits(size=1_000_000, discard_size=300_000))
    with pytest.raises(TooLarge):
        await body.read()
    assert upload.sent <= 1_000_000 + 65_536
    await body.discard()
    assert upload.sent <= 1_300_000 + 2 * 65_536


async def test_a_declared_length_beyond_the_limit_is_not_read_at_all():
    upload = _Upload()
    with pytest.raises(TooLarge):
        await Body({"content-length": "1000001"}, upload, BodyLimits(size=1_000_000)).read()
    assert upload.sent == 0


async def test_a_slow_body_is_given_up(serve):
    async with serve(limits=BodyLimits(time=50, discard_time=50)) as server:
        answer = await server.exchange(
            b"POST /v3/schedule/plans HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10\r\n\r\n{"
        )
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_refused_body_that_never_ends_is_cut(serve):
    async with serve(limits=BodyLimits(discard_time=50)) as server:
        answer = await server.exchange(
            b"POST /v3/schedule/nope HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert b"connection: close" in answer


async def test_a_client_that_leaves_in_mid_body_leaves_nothing_behind(server):
    async with server.raw() as (reader, writer):
        writer.write(
            b"POST /v3/schedule/plans HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 10\r\n\r\n{"
        )
        await writer.drain()
        writer.write_eof()
        assert await reader.read() == b""
    assert server.toy.seen == []
    assert (await server.ask("GET", "/v3/schedule/plans/a")).status == 200


async def test_pipelined_requests_are_answered_in_order(server):
    one = b"GET /v3/schedule/plans/%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /v3/schedule/plans/c HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = await server.exchange(one % b"a" + one % b"b" + last)
    assert [answer.find(b'"id":"%s"' % name) > 0 for name in (b"a", b"b", b"c")] == [True] * 3
    assert answer.find(b'"id":"a"') < answer.find(b'"id":"b"') < answer.find(b'"id":"c"')


async def test_many_at_once(server):
    paths = [f"/v3/schedule/plans/p{n}" for n in range(200)]
    answers = await asyncio.gather(*(server.ask("GET", path) for path in paths))
    assert [answer.json["data"]["id"] for answer in answers] == [f"p{n}" for n in range(200)]
