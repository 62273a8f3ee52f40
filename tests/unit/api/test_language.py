"""The language of refusals: Chinese texts of the original for who prefers them, English for all others."""

import pytest
from grpclib.exceptions import GRPCError

from jobpool.api.language import wants_chinese
from jobpool.api.texts_zh import TEMPLATES, chinese
from jobpool.model.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    JobpoolError,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from jobpool.model.retold import retold
from jobpool.wire import jobpool_pb2 as pb


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("zh", True),
        ("zh-CN,zh;q=0.9,en;q=0.8", True),
        ("ZH-hans", True),
        ("de, zh ;q=0.3", True),
        ("en;q=0.5, zh; q=0.5", False),
        ("zh;q=0.5,en;q=0.5", True),
        ("en-US,en;q=0.9,zh;q=0.8", False),
        ("zh;q=0", False),
        ("zh;q=2", False),
        ("zh;level=1", False),
        ("*, zh;q=0.9", False),
        ("de", False),
        ("zhx", False),
        ("", False),
        (";;,,q=", False),
        ("en;q=0.1," * 10_000 + "zh", False),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_preferred_of_both_is_taken(accepted, wanted):
    assert wants_chinese(accepted) is wanted


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InvalidArgument("name", "must not be empty", engine_code=1001), "name不能为空"),
        (
            InvalidArgument("status", "bad", engine_code=1002, terms=("status", "pending,running")),
            "status的值只能为[pending,running]",
        ),
        (InvalidArgument("name", "too long", engine_code=1003), "name的长度不能超过[too long]"),
        (InvalidArgument("pageSize", "no", engine_code=1007), "pageSize必须是正整数"),
        (InvalidArgument("name", "found 'x'"), "name格式不正确[found 'x']"),
        (InvalidArgument("body", "found 'x'", engine_code=0), "参数有误：body: found 'x'"),
        (AlreadyExists("plan", "default/p"), "plan[p]已经存在"),
        (NotFound("evaluation", "e"), "eval[e]不存在"),
        (NotFound("namespace", "a{b}"), "namespace[a{b}]不存在"),
        (
            FailedPrecondition("is running", terms=("delete plan", "p", "online")),
            "执行删除流程[p]失败：已上线",
        ),
        (FailedPrecondition("is running"), "is running"),
        (PermissionDenied("not you"), "无权操作：not you"),
        (JobpoolError("internal error"), "系统异常"),
        (Unavailable("no leader"), "no leader"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_texts_of_the_original(error, text):
    assert chinese(error) == text


@pytest.mark.parametrize("code", TEMPLATES)
def test_every_template_is_filled_whole_or_not_at_all(code):
    for known in range(6):
        text = chinese(FailedPrecondition("reason", engine_code=code, terms=("term",) * known))
        assert "{}" not in text
        assert text == "reason" or "term" in text or not TEMPLATES[code].count("{}") or "reason" in text


def test_what_another_server_refused_reads_the_same():
    error = NotFound("plan", "default/p", field="id")
    again = retold(int(error.code), error.reason, field="id", engine_code=error.engine_code, terms=error.terms)
    assert chinese(again) == chinese(error)


async def test_by_rest(server):
    zh = await server.ask("POST", "/v3/schedule/jobs/x/status", text="{}", headers={"Accept-Language": "zh-CN"})
    assert (zh.status, zh.json["code"]) == (404, 5)
    assert zh.json["error"] == zh.json["message"] == "job[j<1>]不存在"
    assert zh.json["details"] == [{"field": "id", "reason": "job 'j<1>' does not exist", "engine_code": 1101}]
    assert (zh.headers["content-language"], zh.headers["vary"]) == ("zh", "Accept-Language")
    en = await server.ask("POST", "/v3/schedule/jobs/x/status", text="{}", headers={"Accept-Language": "fr"})
    assert en.json["message"] == "id: job 'j<1>' does not exist"
    assert "content-language" not in en.headers


async def test_by_grpc(server, channel):
    report = server.rpc(channel, "JobUpdate")
    with pytest.raises(GRPCError) as refused:
        await report(pb.ScheduleJobStatusUpdateRequest(), metadata={"accept-language": "zh"})
    assert refused.value.message == "job[j<1>]不存在"
    with pytest.raises(GRPCError) as refused:
        await report(pb.ScheduleJobStatusUpdateRequest())
    assert refused.value.message == "id: job 'j<1>' does not exist"
