"""`jobpoolctl plan ledger|explain`, `jobpoolctl job explain|rerun`: what is asked, what is printed."""

import json
from typing import Any

import pytest

from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli import samples
from tests.unit.cli.harness import Ctl, check_golden

at = samples.at

ENTRIES = [
    pb.LedgerEntry(
        decision="run",
        first=at("2026-11-01T06:00:00Z"),
        last=at("2026-11-01T06:00:00Z"),
        count=1,
        job_id="01M8A0000000000000000000AA",
        status="failed",
        reason="http_status",
        lateness_ms=90_000,
        trigger="catch-up",
    ),
    pb.LedgerEntry(
        decision="skipped",
        first=at("2026-11-01T05:00:00Z"),
        last=at("2026-11-01T05:00:00Z"),
        count=1,
        job_id="01M8A0000000000000000000AB",
        status="skipped",
        reason="overlap",
        trigger="schedule",
    ),
    pb.LedgerEntry(decision="paused", first=at("2026-10-31T20:00:00Z"), last=at("2026-11-01T04:00:00Z"), count=9),
    pb.LedgerEntry(decision="superseded_by_edit", first=at("2026-10-31T18:00:00Z"), last=at("2026-10-31T19:00:00Z")),
]


def ledger(*entries: pb.LedgerEntry, token: str = "") -> pb.PlanLedgerResponse:
    answer = pb.PlanLedgerResponse(
        header=samples.HEADER,
        data=entries,
        known_from=at("2026-10-25T08:00:00Z"),
        time_zone="America/New_York",
    )
    setattr(answer, "continue", token)
    return answer


FINDINGS = [
    pb.Finding(
        code="overlap",
        text="job 01M8A of the plan is live, and a tick that is due before it ends is skipped",
        blocks=True,
        since=at("2026-11-01T06:00:00Z"),
        facts={"job": "01M8A", "status": "running"},
        remedy="job_cancel",
        remedy_text="wait until it ends, or jobpoolctl job cancel 01M8A",
    ),
    pb.Finding(
        code="due",
        text="its next tick is due at 2026-11-01 02:00:00-05:00",
        until=at("2026-11-01T07:00:00Z"),
    ),
    pb.Finding(code="last_job", text="its last job is 01M8A\x1b[31m", remedy_text="jobpoolctl job explain 01M8A"),
]
PLAN = pb.PlanExplainResponse(
    header=samples.HEADER,
    verdict="held",
    data=FINDINGS,
    next_time=at("2026-11-01T07:00:00Z"),
    last_job="01M8A",
    time_zone="America/New_York",
)
JOB = pb.JobExplainResponse(header=samples.HEADER, verdict="waiting", data=FINDINGS[:1], job=samples.FAILED)


@pytest.mark.parametrize("form", ["simple", "table", "json"])
@pytest.mark.parametrize(
    ("words", "rpc", "answer"),
    [
        ("plan ledger hourly", "PlanLedger", ledger(*ENTRIES)),
        ("plan explain hourly", "PlanExplain", PLAN),
        ("job explain 01M8A", "JobExplain", JOB),
        ("job rerun 01M8A", "JobRerun", pb.PlanRunResponse(header=samples.HEADER, data=samples.FAILED)),
    ],
)
async def test_printed(run: Ctl, api: FakeApi, *, words: str, rpc: str, answer: Any, form: str) -> None:
    api.answers(rpc, answer)
    check_golden(f"{'-'.join(words.split()[:2])}.{form}", await run(*words.split(), "-w", form))


@pytest.mark.parametrize(
    ("words", "rpc", "request_"),
    [
        ("plan explain x --ns ops", "PlanExplain", pb.PlanExplainRequest(id="x", namespace="ops")),
        ("job explain j", "JobExplain", pb.JobExplainRequest(id="j")),
        ("plan ledger x", "PlanLedger", pb.PlanLedgerRequest(id="x", namespace="default", limit=50)),
        (
            "plan ledger x ops --since 2026-11-01T00:00:00+01:00 --until 2026-11-02T00:00:00Z --limit 7"
            " --decision skipped --decision no_slot",
            "PlanLedger",
            pb.PlanLedgerRequest(
                id="x",
                namespace="ops",
                start_time=at("2026-10-31T23:00:00Z"),
                end_time=at("2026-11-02T00:00:00Z"),
                decisions=["skipped", "no_slot"],
                limit=7,
            ),
        ),
        ("job rerun j", "JobRerun", pb.JobRerunRequest(id="j", created_by="jobpoolctl")),
        (
            "job rerun j --parameters {} --idempotency-key k --overlap allow",
            "JobRerun",
            pb.JobRerunRequest(id="j", parameters="{}", idempotency_key="k", overlap="allow", created_by="jobpoolctl"),
        ),
    ],
)
async def test_sent(run: Ctl, api: FakeApi, *, words: str, rpc: str, request_: Any) -> None:
    assert (await run(*words.split())).code == 0
    assert api.requests == [(rpc, request_)]


async def test_a_long_ledger_is_read_on(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanLedger", ledger(*ENTRIES[:2], token="t"), ledger(*ENTRIES[2:]))
    outcome = await run("plan", "ledger", "hourly", "--all", "-w", "json")
    assert len(json.loads(outcome.out)["data"]) == 4
    first, second = api.received("PlanLedger")
    assert isinstance(first, pb.PlanLedgerRequest)
    assert isinstance(second, pb.PlanLedgerRequest)
    assert (first.limit, getattr(first, "continue"), getattr(second, "continue")) == (1000, "", "t")


async def test_there_is_more_than_is_shown(run: Ctl, api: FakeApi) -> None:
    api.answers("PlanLedger", ledger(*ENTRIES[:2], token="t"))
    outcome = await run("plan", "ledger", "hourly", "--limit", "2")
    assert outcome.err == "2 shown (--all for more); known from 2026-10-25 04:00:00-04:00\n"
    assert len(api.requests) == 1
