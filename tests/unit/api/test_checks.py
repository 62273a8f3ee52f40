"""What every request is held to: names, pages, statuses, texts and spans."""

import pytest

from jobpool.api.checks import (
    Page,
    check_enum,
    check_filter,
    check_name,
    check_namespace,
    check_page,
    check_span,
    check_statuses,
    check_text,
    optional_time,
)
from jobpool.model.errors import InvalidArgument
from jobpool.model.statuses import JobStatus
from jobpool.wire import jobpool_pb2 as pb


@pytest.mark.parametrize("name", ["a", "A", "0", "a.b_c-d", "x" * 128])
def test_a_name_is_what_can_be_a_part_of_a_key(name: str) -> None:
    assert check_name("id", name) == name


@pytest.mark.parametrize("name", [".", "-a", "_a", "a/b", "a b", "é", "a\n", "a\x00", "\ud7ff", "x" * 129, "²"])
def test_another_name_is_refused_briefly(name: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_name("id", name)
    assert refused.value.field == "id"
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize("name", ["a", "a1_b", "n" * 128])
def test_a_namespace_is_as_the_originals(name: str) -> None:
    assert check_namespace("namespace", name) == name


@pytest.mark.parametrize("name", ["", "A", "1a", "_a", "a-b", "a.b", "ª", "a\n"])
def test_another_namespace_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        check_namespace("namespace", name)


@pytest.mark.parametrize(
    ("number", "size", "page"),
    [
        (0, 0, Page(0, 1000)),
        (1, 0, Page(0, 1000)),
        (1, 1, Page(0, 1)),
        (3, 10, Page(20, 10)),
        (10_001, 1000, Page(10_000_000, 1000)),
    ],
)
def test_a_page_is_an_offset_and_a_limit(number: int, size: int, page: Page) -> None:
    assert check_page(number, size) == page


@pytest.mark.parametrize(
    ("number", "size", "field"),
    [(-1, 0, "pageNumber"), (1, -1, "pageSize"), (1, 1001, "pageSize"), (10_002, 1000, "pageNumber")],
)
def test_another_page_is_refused(number: int, size: int, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_page(number, size)
    assert refused.value.field == field


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (10, 1), (11, 2), (20, 2)])
def test_pages_are_counted_up(total: int, pages: int) -> None:
    assert Page(0, 10).pages(total) == pages


def test_statuses_are_words_between_commas() -> None:
    assert check_statuses("", JobStatus) == ()
    assert check_statuses("running", JobStatus) == (JobStatus.RUNNING,)
    assert check_statuses(" running ,pending,", JobStatus) == (JobStatus.RUNNING, JobStatus.PENDING)
    assert check_statuses("failed," * 1000, JobStatus) == (JobStatus.FAILED,)
    with pytest.raises(InvalidArgument, match="must be one of"):
        check_statuses("run", JobStatus)
    with pytest.raises(InvalidArgument) as refused:
        check_enum("status", "x" * 10_000, JobStatus)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("text", ["", "plain", "tab\tand\nline", "ünïcödé 🌙 \u2028", "x" * 10])
def test_a_text_may_say_anything_readable(text: str) -> None:
    assert check_text("info", text, 30) == text


@pytest.mark.parametrize("text", ["\x00", "\x07", "\r", "\x1b[0m", "\x7f", "\x85", "\x9b1m", "x" * 31])
def test_a_text_that_garbles_or_is_too_long_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        check_text("info", text, 30)


def test_a_filter_is_bounded() -> None:
    assert check_filter("name", "x" * 512) == "x" * 512
    with pytest.raises(InvalidArgument):
        check_filter("name", "x" * 513)


def test_a_span_is_a_duration() -> None:
    assert check_span("timeout", "1h30m") == 5_400_000
    with pytest.raises(InvalidArgument) as refused:
        check_span("timeout", "half an hour" * 1000)
    assert refused.value.field == "timeout"
    assert len(str(refused.value)) < 200


def test_a_time_that_is_not_given_is_none() -> None:
    request = pb.ScheduleJobListRequest()
    assert optional_time(request, "start_time") is None
    request.start_time.seconds = 0
    assert optional_time(request, "start_time") == 0
