"""The original's Chinese texts, by engine code; what they name comes from the error's terms.

A text whose terms are not all known ends with the English reason in the last one's place. An error without a code of
the original's has no Chinese text, and stays English.
"""

from jobpool.model.errors import Code, JobpoolError

TEMPLATES = {
    1001: "{}不能为空",
    1002: "{}的值只能为[{}]",
    1003: "{}的长度不能超过[{}]",
    1004: "{}[{}]无效",
    1005: "{}不能大于{}[{}，{}]",
    1006: "{}不能重复",
    1007: "{}必须是正整数",
    1008: "{}必须大于{}",
    1009: "{}必须大于等于{}",
    1010: "{}格式不正确[{}]",
    1011: "存在循环依赖，创建失败",
    1100: "{}[{}]已经存在",
    1101: "{}[{}]不存在",
    1102: "{}[{}]不能重复",
    1103: "结束时间不能小于开始时间",
    1104: "{}[{}]不支持",
    1105: "{}[{}]已被使用,无法删除",
    1106: "{}[{}]是{},无法{}",
    1107: "执行{}[{}]失败：{}",
    1108: "{}[{}]存在{},无法删除",
    1109: "{}不存在",
}
"""A pair of braces for each term."""

_GENERAL = {
    Code.INVALID_ARGUMENT: "参数有误",
    Code.PERMISSION_DENIED: "无权操作",
    Code.UNAUTHENTICATED: "无权操作",
    Code.INTERNAL: "系统异常",
}
_WORDS = {
    "evaluation": "eval",
    "delete plan": "删除流程",
    "bring plan online": "上线流程",
    "take plan offline": "下线流程",
    "online": "已上线",
    "offline": "已下线",
    "plan or job": "plan或job",
    "free slot": "允许范围内的并发任务节点",
}
"""What the original calls a thing where we say it otherwise."""


def chinese(error: JobpoolError) -> str:
    """The error in Chinese; its English message where the original has no text for it."""
    template = TEMPLATES.get(error.engine_code)
    terms = _terms(error)
    wanted = template.count("{}") if template else 0
    if template and len(terms) >= wanted:
        return template.format(*terms[:wanted])
    if template and terms and len(terms) == wanted - 1:
        return template.format(*terms, error.reason)
    general = _GENERAL.get(error.code)
    if general is None:
        return error.message
    return general if error.code is Code.INTERNAL else f"{general}：{error.message}"


def _terms(error: JobpoolError) -> list[str]:
    terms = [_WORDS.get(term, term) for term in error.terms]
    if terms[:1] == ["plan"] and len(terms) == 2:
        terms[1] = terms[1].rpartition("/")[2]  # there a plan goes by its id alone
    return terms
