"""The parameters of `noop`."""

from msgspec import Struct

from jobpool.kit.pure.durations import DAY, Millis
from jobpool.model.parameters.reading import bad, json_object, kind, known, span, text_of


class NoopParameters(Struct, frozen=True, kw_only=True):
    """`fail` True, or the reason to fail with. `sleep` in milliseconds."""

    sleep: Millis = 0
    fail: bool | str = False
    result: str = ""


def noop_parameters(text: str) -> NoopParameters:
    """Raises InvalidArgument. Empty parameters are those of `{}`."""
    given = json_object(text or "{}")
    known(given, ("sleep", "fail", "result"))
    fail = given.get("fail", False)
    if not isinstance(fail, bool | str):
        raise bad("fail", f"wanted true, false or a reason, found {kind(fail)}")
    return NoopParameters(
        sleep=span("sleep", given.get("sleep", "0"), low=0, high=30 * DAY),
        fail=fail,
        result=text_of("result", given.get("result", "")),
    )
