"""What programs read: every format of every answer, page by page; and what cannot be printed is not begun."""

import io
import json
import sys
from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.message import Message

from jobpool.testing.fake_api import FakeApi
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.cli import samples
from tests.unit.cli.harness import Ctl, check_golden
from tests.unit.cli.samples import HEADER

FIELDS: dict[str, tuple[str, Message]] = {
    "plan list": ("PlanList", samples.PLANS),
    "node detail x": ("NodeDetail", pb.NodeDetailResponse(header=HEADER, data=samples.NODE)),
    "queue job": (
        "QueueJobViewDetail",
        pb.QueueJobViewResponse(data=pb.QueueJobStats(total=5, running_jobs=["a", "b"])),
    ),
}


@pytest.mark.parametrize("words", FIELDS)
async def test_fields(run: Ctl, api: FakeApi, words: str) -> None:
    rpc, answer = FIELDS[words]
    api.answers(rpc, answer)
    check_golden(f"{'-'.join(words.split()[:2])}.fields", await run(*words.split(), "-w", "fields"))


def three_pages(api: FakeApi) -> pb.SchedulePlanListResponse:
    """Answers three pages of which the second repeats an item; returns what all of them are together."""
    plans = [pb.Plan(id=name, namespace="default", labels={"é": "x"}) for name in "abcde"]

    def page(*data: pb.Plan) -> pb.SchedulePlanListResponse:
        return pb.SchedulePlanListResponse(header=HEADER, data=data, totalElements=5, totalPages=3)

    api.answers("PlanList", page(*plans[:2]), page(*plans[1:4]), page(plans[4]))
    return page(*plans)


@pytest.mark.parametrize("form", ["json", "fields", "protobuf"])
async def test_all_pages_are_one_page(run: Ctl, api: FakeApi, form: str) -> None:
    together = three_pages(api)
    pages = await run("plan", "list", "-w", form, "--all")
    api.answers("PlanList", together)
    whole = await run("plan", "list", "-w", form)
    if form == "protobuf":  # the order of its fields is free
        assert pb.SchedulePlanListResponse.FromString(pages.raw) == together
        assert pb.SchedulePlanListResponse.FromString(whole.raw) == together
    else:
        assert pages == whole


@pytest.mark.parametrize("form", ["json", "fields", "protobuf"])
async def test_all_pages_of_nothing(run: Ctl, api: FakeApi, form: str) -> None:
    api.answers("PlanList", pb.SchedulePlanListResponse(header=HEADER))
    assert await run("plan", "list", "-w", form, "--all") == await run("plan", "list", "-w", form)


def so_far() -> str:
    """What the command that runs has printed."""
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.flush()
    assert isinstance(sys.stdout.buffer, io.BytesIO)
    return sys.stdout.buffer.getvalue().decode()


@pytest.mark.parametrize("form", ["simple", "table", "json", "fields", "protobuf"])
async def test_rows_are_printed_before_the_last_page_is_asked_for(run: Ctl, api: FakeApi, form: str) -> None:
    printed: list[str] = []

    def page(number: int) -> Callable[[Message], Awaitable[Message]]:
        async def answer(request: Message) -> Message:
            assert isinstance(request, pb.SchedulePlanListRequest)
            assert request.pageNumber == number
            printed.append(so_far())
            return pb.SchedulePlanListResponse(data=[pb.Plan(id=f"plan-{number}")], totalElements=3, totalPages=3)

        return answer

    api.answers("PlanList", page(1), page(2), page(3))
    assert (await run("plan", "list", "--all", "-w", form)).code == 0
    assert [(f"plan-{at}" in text, f"plan-{at + 1}" in text) for at, text in enumerate(printed)] == [
        (False, False),
        (True, False),
        (True, False),
    ]


async def test_bytes_as_digits(run: Ctl, api: FakeApi) -> None:
    api.answers("NameSpaceAdd", pb.ScheduleNameSpaceAddResponse(header=HEADER))
    bare = await run("namespace", "add", "x", "-w", "protobuf")
    assert pb.ScheduleNameSpaceAddResponse.FromString(bare.raw).header == HEADER
    shown = await run("version", "-w", "fields", "--hex")
    assert shown.out.startswith('"jobpoolctl" : "')


@pytest.mark.parametrize(
    "words",
    [
        "endpoint health",
        "endpoint status --cluster",
        "endpoint hashkv",
        "version --server",
        "defrag",
        "snapshot save x",
        "snapshot status x",
        "snapshot restore x",
    ],
)
async def test_what_is_no_message_is_refused_before_anything_is_done(run: Ctl, api: FakeApi, words: str) -> None:
    outcome = await run(*words.split(), "-w", "protobuf")
    assert (outcome.code, outcome.out) == (4, "")
    assert "protobuf not supported as output format" in outcome.err
    assert api.requests == []


@pytest.mark.parametrize("form", ["yaml", "", "JSON"])
async def test_a_format_that_there_is_not(run: Ctl, api: FakeApi, form: str) -> None:
    outcome = await run("namespace", "add", "x", "-w", form)
    assert outcome.code == 4
    assert "simple, table, json, fields, protobuf" in outcome.err
    assert api.requests == []


async def test_values_of_the_program_itself_as_fields(bare: Ctl) -> None:
    outcome = await bare("endpoint", "health", "--endpoints", "127.0.0.1:1", "-w", "fields")
    assert outcome.code == 1
    lines = dict(line.split(" : ", 1) for line in outcome.out.splitlines() if line)
    assert json.loads(lines['"endpoint"']) == "http://127.0.0.1:1"
    assert lines['"health"'] == "false"


async def test_maps_have_one_order(run: Ctl, api: FakeApi) -> None:
    names = [f"label-{at}" for at in range(9)]
    plan = pb.Plan(id="x", labels=dict.fromkeys(reversed(names), "y"))
    api.answers("PlanDetail", pb.SchedulePlanDetailResponse(data=plan))
    api.answers("PlanList", pb.SchedulePlanListResponse(data=[plan], totalPages=1))
    for words in ("plan detail x", "plan list", "plan list --all"):
        for form in ("json", "fields"):
            printed = (await run(*words.split(), "-w", form)).out
            assert [name for line in printed.splitlines() for name in names if name in line] == names, (words, form)
