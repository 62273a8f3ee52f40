"""The rest executor against an HTTP server: what is sent, and what an answer means."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace
from yarl import URL

from jobpool import __version__
from jobpool.agent.executor import Context
from jobpool.agent.executors.rest import RestExecutor
from jobpool.agent.executors.rest_redirect import same_origin
from jobpool.agent.executors.rest_request import message, prepare
from jobpool.agent.lease import Lease
from jobpool.agent.rundirs import read_output
from jobpool.agent.task import Outcome, Status, Task
from jobpool.model.parameters import rest_parameters
from jobpool.model.parameters.template import NAMES


class Callee:
    """An HTTP server that keeps what it hears and answers what it is told to."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, str], str]] = []
        self.status = 200
        self.text = ""
        self.headers: dict[str, str] = {}
        self.silent = False
        self.hops: list[str] = []
        """Where callers are redirected to, one after the other."""
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append((request.method, request.path_qs, dict(request.headers), await request.text()))
        if self.silent:
            await asyncio.Event().wait()
        if len(self.heard) <= len(self.hops):
            return web.Response(status=self.status, headers={"Location": self.hops[len(self.heard) - 1]})
        return web.Response(status=200 if self.hops else self.status, text=self.text, headers=self.headers)


@pytest.fixture
async def callee() -> AsyncIterator[Callee]:
    callee = Callee()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", callee.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    callee.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield callee
    await runner.cleanup()


@pytest.fixture
async def rest() -> AsyncIterator[RestExecutor]:
    executor = RestExecutor()
    yield executor
    await executor.close()


def _task(
    callee: Callee | str, *, synchronous: bool = True, desired: str = "", job: str = "job1", **parameters: object
) -> Task:
    url = callee if isinstance(callee, str) else callee.url
    text = json.dumps({"url": url, **parameters})
    return Task(f"{job}-a1", 99, job, "nightly", "default", "N", 2, "rest", text, synchronous, 0, 1500, desired)


async def _run(rest: RestExecutor, task: Task, tmp_path: Path) -> Outcome:
    rest.check(task)
    async with asyncio.timeout(20):
        return await rest.run(task, Context(tmp_path / task.allocation_id, 0, Lease(tmp_path / "lease")))


@pytest.mark.parametrize("method", ["get", "HEAD", "Post", "PUT", "patch", "DELETE", "options"])
async def test_every_method_in_any_case(callee: Callee, rest: RestExecutor, tmp_path: Path, method: str) -> None:
    outcome = await _run(rest, _task(callee, method=method, body="hi"), tmp_path)
    assert outcome.status is Status.COMPLETE
    assert callee.heard[0][0] == method.upper()
    assert callee.heard[0][3] == ("" if method.lower() in ("get", "head") else "hi")


async def test_what_identifies_the_run_is_in_the_headers(callee: Callee, rest: RestExecutor, tmp_path: Path) -> None:
    await _run(rest, _task(callee, body={"a": "ü"}, headers={"X-Mine": "yes"}), tmp_path)
    method, _, headers, body = callee.heard[0]
    assert (method, body) == ("POST", '{"a":"ü"}')
    wanted = {
        "Idempotency-Key": "job1",
        "X-Jobpool-Fence": "99",
        "X-Jobpool-Job": "job1",
        "X-Jobpool-Plan": "nightly",
        "X-Jobpool-Attempt": "2",
        "X-Jobpool-Scheduled-Time": "1970-01-01T00:00:01.500Z",
        "User-Agent": f"jobpool/{__version__}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "X-Mine": "yes",
    }
    assert {name: headers[name] for name in wanted} == wanted


async def test_a_get_accepts_what_the_content_type_names(callee: Callee, rest: RestExecutor, tmp_path: Path) -> None:
    await _run(rest, _task(callee, contentType="text/plain"), tmp_path)
    method, _, headers, _ = callee.heard[0]
    assert (method, headers["Accept"]) == ("GET", "text/plain")
    assert "Content-Type" not in headers


async def test_the_answer_is_kept_as_output_and_its_beginning_as_result(
    callee: Callee, rest: RestExecutor, tmp_path: Path
) -> None:
    callee.text = "x" * 100_000
    outcome = await _run(rest, _task(callee), tmp_path)
    assert outcome.result == "x" * 4096
    chunk = read_output(tmp_path, "job1-a1", offset=0, limit=0, ended=True)
    assert (chunk.size, chunk.truncated) == (65536, True)


async def test_an_answer_that_cannot_be_kept_still_ends_the_run_as_it_did(
    callee: Callee, rest: RestExecutor, tmp_path: Path
) -> None:
    callee.text = "done"
    (tmp_path / "job1-a1").write_text("a file where the directory should be")
    outcome = await _run(rest, _task(callee), tmp_path)
    assert (outcome.status, outcome.result) == (Status.COMPLETE, "done")


@pytest.mark.parametrize(
    ("status", "expected", "ends"),
    [
        (200, None, Status.COMPLETE),
        (204, None, Status.COMPLETE),
        (404, None, Status.FAILED),
        (500, None, Status.FAILED),
        (404, [200, "404-410"], Status.COMPLETE),
        (201, [200], Status.FAILED),
    ],
)
async def test_the_status_decides(
    callee: Callee, rest: RestExecutor, tmp_path: Path, *, status: int, expected: list[object] | None, ends: Status
) -> None:
    callee.status = status
    outcome = await _run(rest, _task(callee, expected_status=expected), tmp_path)
    assert outcome.status is ends
    if ends is Status.FAILED:
        assert (outcome.reason, outcome.description) == ("http_status", f"the answer has status {status}")


async def test_nobody_there(rest: RestExecutor, tmp_path: Path) -> None:
    outcome = await _run(rest, _task("http://127.0.0.1:9/?token=geheim"), tmp_path)
    assert (outcome.status, outcome.reason) == (Status.FAILED, "request_failed")
    assert outcome.description == "send request to url failed: cannot connect to 127.0.0.1:9: Connection refused"


async def test_the_parameters_timeout(callee: Callee, rest: RestExecutor, tmp_path: Path) -> None:
    callee.silent = True
    outcome = await _run(rest, _task(callee, timeout="100ms"), tmp_path)
    assert (outcome.status, outcome.reason) == (Status.EXPIRED, "timeout")


async def test_redirects_are_followed_but_not_for_ever(callee: Callee, rest: RestExecutor, tmp_path: Path) -> None:
    callee.status, callee.headers = 302, {"Location": "/again?token=geheim"}
    outcome = await _run(rest, _task(callee), tmp_path)
    assert (outcome.reason, outcome.description) == (
        "request_failed",
        "send request to url failed: more than 10 redirects",
    )
    assert len(callee.heard) == 10


@pytest.mark.parametrize("status", [302, 307, 308])
async def test_what_is_for_the_callee_alone_does_not_follow_a_redirect_elsewhere(
    callee: Callee, rest: RestExecutor, tmp_path: Path, status: int
) -> None:
    """Another name of the same machine is another origin; what comes back from there is not the plan's call either."""
    callee.status = status
    elsewhere = callee.url.replace("127.0.0.1", "localhost")
    callee.hops = ["/here", elsewhere, callee.url]
    headers = {"Authorization": "geheim", "X-Key": "geheim"}
    task = replace(
        _task(callee, method="post", headers=headers, body="hi"), callback_token="T", callback_url="http://a"
    )
    assert (await _run(rest, task, tmp_path)).status is Status.COMPLETE
    private = ("Authorization", "X-Key", "X-Jobpool-Token", "X-Jobpool-Callback")
    heard = [{name.lower(): value for name, value in call[2].items()} for call in callee.heard]
    told = [[heard[at].get(name.lower()) for name in private] for at in range(4)]
    assert told == [["geheim", "geheim", "T", "http://a"]] * 2 + [[None] * 4] * 2
    assert [one["x-jobpool-job"] for one in heard] == ["job1"] * 4
    assert callee.heard[2][3] == ("" if status == 302 else "hi")


async def test_a_body_with_the_token_is_not_sent_elsewhere(callee: Callee, rest: RestExecutor, tmp_path: Path) -> None:
    body = {"token": "{{token}}"}
    task = _task(callee, synchronous=False, method="post", template=True, body=body)
    task = replace(task, callback_token="T", callback_url="http://a")
    callee.status = 307
    callee.hops = ["/here", callee.url.replace("127.0.0.1", "localhost")]
    outcome = await _run(rest, task, tmp_path)
    assert (outcome.reason, outcome.description) == (
        "request_failed",
        "send request to url failed: the callee redirects a body with the run's token to another origin",
    )
    assert [call[3] for call in callee.heard] == ['{"token":"T"}'] * 2


@pytest.mark.parametrize(
    ("home", "url", "is_same"),
    [
        ("http://a/x", "http://a:80/y", True),
        ("http://a/x", "https://a/x", True),
        ("http://a:8080/x", "https://a/x", False),
        ("http://a/x", "https://a:8443/x", False),
        ("https://a/x", "http://a/x", False),
        ("http://a/x", "http://b.a/x", False),
        ("http://A/x", "http://a/x", True),
        ("http://a@b/x", "http://a/x", False),
    ],
)
def test_what_is_the_same_origin(home: str, url: str, *, is_same: bool) -> None:
    assert same_origin(URL(home), URL(url)) is is_same


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    rest: RestExecutor, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    """The same server is called when its own certificate is named as `ca_file`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    heard = []

    async def answer(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
    refused = await _run(rest, _task(url), tmp_path)
    roots = tmp_path / "roots.pem"
    roots.write_bytes(certificate[0].read_bytes())
    trusted = await _run(rest, _task(url, ca_file=str(roots)), tmp_path)
    roots.write_text("replaced by something else")
    replaced = await _run(rest, _task(url, ca_file=str(roots)), tmp_path)
    missing = await _run(rest, _task(url, ca_file=str(tmp_path / "gone.pem")), tmp_path)
    await runner.cleanup()
    assert (refused.status, refused.reason) == (Status.FAILED, "request_failed")
    assert "certificate" in refused.description.lower()
    assert trusted.status is Status.COMPLETE
    assert {(end.status, end.reason) for end in (replaced, missing)} == {(Status.FAILED, "bad_parameters")}
    assert heard == ["/"]


async def test_ids_cannot_inject_headers(callee: Callee, rest: RestExecutor, tmp_path: Path) -> None:
    outcome = await _run(rest, _task(callee, job="a\r\nX-Evil: 1"), tmp_path)
    assert outcome.status is Status.FAILED
    assert callee.heard == []


# ---- asynchronous


@pytest.mark.parametrize(
    ("text", "status", "reason", "description"),
    [
        ('{"code": 200}', "running", "", "accepted by the callee"),
        ('{"CODE": 200, "error": "ignored"}', "running", "", "accepted by the callee"),
        ("", "running", "", "accepted by the callee"),
        ("<html>", "running", "", "accepted by the callee"),
        ("null", "running", "", "accepted by the callee"),
        ("[1]", "running", "", "accepted by the callee"),
        ('{"code": "200"}', "running", "", "accepted by the callee"),
        ('{"code": 1.5}', "running", "", "accepted by the callee"),
        ('{"code": true}', "running", "", "accepted by the callee"),
        ("[" * 60_000, "running", "", "accepted by the callee"),
        ('{"code": 500, "error": "no disk"}', "failed", "rejected", "no disk"),
        ('{"Code": 500, "Error": "no disk"}', "failed", "rejected", "no disk"),
        ('{"code": 500}', "failed", "rejected", "the callee answered code 500 without an error text"),
        (
            '{"code": 500, "error": {"a": 1}}',
            "failed",
            "rejected",
            "the callee answered code 500 without an error text",
        ),
        ('{"error": "no"}', "failed", "rejected", "no"),
        ("{}", "failed", "rejected", "the answer has no code"),
        ('{"code": null}', "failed", "rejected", "the answer has no code"),
    ],
)
async def test_what_an_asynchronous_callee_answers(
    callee: Callee, rest: RestExecutor, tmp_path: Path, *, text: str, status: str, reason: str, description: str
) -> None:
    callee.text = text
    outcome = await _run(rest, _task(callee, synchronous=False, method="post"), tmp_path)
    assert (outcome.status, outcome.reason, outcome.description) == (status, reason, description)
    assert outcome.accepted is (status == "running")


async def test_an_asynchronous_callee_gets_the_ids_instead_of_the_body(
    callee: Callee, rest: RestExecutor, tmp_path: Path
) -> None:
    await _run(rest, _task(callee, synchronous=False, method="post", body="mine"), tmp_path)
    assert callee.heard[0][3] == '{"planId": "nightly", "jobId":"job1"}'


async def test_an_asynchronous_get_carries_the_ids_in_its_query(
    callee: Callee, rest: RestExecutor, tmp_path: Path
) -> None:
    task = _task(callee.url + "?a=%2F", synchronous=False, method="get", job="job 1")
    await _run(rest, task, tmp_path)
    assert callee.heard[0][1] == "/hook?a=%2F&planId=nightly&jobId=job+1"


async def test_an_asynchronous_call_with_a_bad_status_fails(callee: Callee, rest: RestExecutor, tmp_path: Path) -> None:
    callee.status = 503
    outcome = await _run(rest, _task(callee, synchronous=False, method="post"), tmp_path)
    assert (outcome.status, outcome.reason) == (Status.FAILED, "http_status")


@pytest.mark.parametrize(
    ("desired", "body"),
    [
        (
            "skip",
            '{"planId": "nightly", "jobId":"job1", "status": "skipped", "message":"same job is running, skipped"}',
        ),
        (
            "fail",
            '{"planId": "nightly", "jobId":"job1", "status": "failed", "message":"no slot left in scheduler engine"}',
        ),
    ],
)
async def test_callbacks_have_the_originals_bodies(
    callee: Callee, rest: RestExecutor, tmp_path: Path, *, desired: str, body: str
) -> None:
    outcome = await _run(rest, _task(callee, synchronous=False, desired=desired, method="post"), tmp_path)
    assert outcome.status is Status.COMPLETE
    assert callee.heard[0][3] == body
    callee.status = 500
    outcome = await _run(rest, _task(callee, synchronous=False, desired=desired, method="post"), tmp_path)
    assert (outcome.status, outcome.reason) == (Status.FAILED, "http_status")


def test_values_are_escaped_in_the_message() -> None:
    task = _task("http://a/", synchronous=False, job='a"\\\n')
    assert json.loads(message(task)) == {"planId": "nightly", "jobId": 'a"\\\n'}


def test_a_get_callback_says_its_status_in_the_query() -> None:
    task = _task("http://a/b", synchronous=False, desired="skip", method="get")
    request = prepare(task, rest_parameters(task.parameters))
    assert (request.url, request.body) == ("http://a/b?planId=nightly&jobId=job1&status=skipped", None)


# ---- callbacks


def _handing_over(callee: Callee, *, synchronous: bool = False, **parameters: Any) -> Task:
    task = _task(callee, synchronous=synchronous, method="post", **parameters)
    if synchronous:
        return task
    return replace(task, callback_url="http://jobs:2379/v3/schedule/jobs/job1/status", callback_token="t0ken")


async def test_an_asynchronous_callee_is_told_where_to_report_and_what_to_show_there(
    callee: Callee, rest: RestExecutor, tmp_path: Path
) -> None:
    assert (await _run(rest, _handing_over(callee), tmp_path)).accepted
    _, _, headers, body = callee.heard[0]
    assert headers["X-Jobpool-Callback"] == "http://jobs:2379/v3/schedule/jobs/job1/status"
    assert headers["X-Jobpool-Token"] == "t0ken"
    assert body == '{"planId": "nightly", "jobId":"job1"}'


async def test_without_a_token_the_headers_are_not_there(callee: Callee, rest: RestExecutor, tmp_path: Path) -> None:
    await _run(rest, _task(callee, synchronous=False, method="post"), tmp_path)
    assert not {"X-Jobpool-Callback", "X-Jobpool-Token"} & set(callee.heard[0][2])


async def test_a_template_is_the_body_of_an_asynchronous_call(
    callee: Callee, rest: RestExecutor, tmp_path: Path
) -> None:
    wanted = {name: f"{{{{{name}}}}}" for name in NAMES}
    outcome = await _run(rest, _handing_over(callee, body={"all": wanted, "odd": "{ }}"}, template=True), tmp_path)
    assert outcome.accepted
    assert json.loads(callee.heard[0][3]) == {
        "all": {
            "job_id": "job1",
            "plan_id": "nightly",
            "namespace": "default",
            "attempt": "2",
            "fence": "99",
            "scheduled_time": "1970-01-01T00:00:01.500Z",
            "callback_url": "http://jobs:2379/v3/schedule/jobs/job1/status",
            "token": "t0ken",
        },
        "odd": "{ }}",
    }


async def test_a_template_of_a_synchronous_call_has_no_token(
    callee: Callee, rest: RestExecutor, tmp_path: Path
) -> None:
    body = "{{job_id}} [{{callback_url}}] [{{token}}]"
    await _run(rest, _handing_over(callee, synchronous=True, body=body, template=True, contentType="a/b"), tmp_path)
    assert callee.heard[0][3] == "job1 [] []"


async def test_braces_are_left_alone_without_template(callee: Callee, rest: RestExecutor, tmp_path: Path) -> None:
    await _run(rest, _task(callee, body="{{job_id}} {{x"), tmp_path)
    assert callee.heard[0][3] == "{{job_id}} {{x"


async def test_what_a_callee_is_told_of_a_skip_is_no_template(
    callee: Callee, rest: RestExecutor, tmp_path: Path
) -> None:
    task = _task(callee, synchronous=False, desired="skip", body="{{token}}", template=True)
    await _run(rest, task, tmp_path)
    assert json.loads(callee.heard[0][3])["status"] == "skipped"
