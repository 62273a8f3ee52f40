"""What `jobpool dev` tells of its sample's runs."""

import pytest

from jobpool.cli.dev_sample import News, run_line
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z


def job(number: int, status: str, *, reason: str = "") -> pb.Job:
    due = timestamp(NOON)
    return pb.Job(id=f"j{number}", plan_id="hello", status=status, scheduled_time=due, reason=reason)


def ids(jobs: list[pb.Job]) -> list[str]:
    return [one.id for one in jobs]


def test_a_finished_run_is_one_line() -> None:
    done = job(1, "complete")
    done.scheduled_time.CopyFrom(timestamp(NOON + 5000))
    done.started_at.CopyFrom(timestamp(NOON + 5003))
    done.finished_at.CopyFrom(timestamp(NOON + 5015))
    done.lateness_ms = 3
    assert run_line(done) == "hello 12:00:05 +00:00 complete in 12 ms (late 3 ms)  j1"


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_a_run_that_did_not_do_its_work_says_why(status: str) -> None:
    assert run_line(job(1, status, reason="no_slot")) == f"hello 12:00:00 +00:00 {status} [no_slot]  j1"


def test_news_are_the_runs_that_ended_since_the_last_look_oldest_first() -> None:
    news = News()
    assert news.of([job(3, "running"), job(2, "complete"), job(1, "failed")]) == []
    assert ids(news.of([job(4, "pending"), job(3, "complete"), job(2, "complete"), job(1, "failed")])) == ["j3"]
    ended = [job(number, "complete") for number in (6, 5, 4, 3, 2)]
    assert ids(news.of(ended)) == ["j4", "j5", "j6"]
    assert news.of(ended) == []


def test_a_run_that_was_live_at_the_first_look_is_news_when_it_ends() -> None:
    news = News()
    assert news.of([job(1, "unknown")]) == []
    assert ids(news.of([job(1, "complete")])) == ["j1"]
