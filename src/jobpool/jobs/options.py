"""What can be said of a job beside its function, and the fields of a plan that come of it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Literal, TypeAlias, TypedDict

from jobpool.kit.pure.durations import Millis, format_duration, parse_duration
from jobpool.model.errors import BadSchedule, InvalidArgument
from jobpool.model.parameters.python import python_parameters
from jobpool.model.reasons import RETRYABLE
from jobpool.model.schedule import CatchUpMode, DayMatch, Delivery, DstGap, DstOverlap, Overlap
from jobpool.timetable import ScheduleOptions, parse

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
Span: TypeAlias = str | timedelta
"""`90s`, `10m`, `1h30m`, `2d`, or a timedelta of whole milliseconds."""

Fields: TypeAlias = dict[str, object]
"""A plan's fields, as in a plan file."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_NAMESPACE = re.compile(r"[a-z][a-z0-9_]{0,127}", re.ASCII)


class Options(TypedDict, total=False):
    """Fields of a plan by short names; what is left out has the plan's own default (docs/python.md has the table)."""

    id: str
    name: str
    description: str
    namespace: str
    schedule: str
    tz: str
    start: datetime
    end: datetime
    enabled: bool
    overlap: Literal["allow", "skip"]
    timeout: Span
    retries: int
    retry_backoff: Span
    retry_max_backoff: Span
    retry_on: Sequence[str]
    catch_up: Literal["none", "latest", "all"]
    catch_up_window: Span
    catch_up_runs: int
    catch_up_rate: int
    dst_gap: Literal["run-after", "skip"]
    dst_overlap: Literal["first", "second", "both"]
    match: Literal["any", "all"]
    delivery: Literal["at-least-once", "at-most-once"]
    priority: int
    strategy: str
    labels: Mapping[str, str]
    args: Sequence[Json]
    kwargs: Mapping[str, Json]
    python: str
    venv: str
    path: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    kill_after: Span
    output_limit: int


Reader: TypeAlias = Callable[[str, object], object]


def merged(under: Options, over: Options) -> Options:
    """Those of `over`, and of `under` what it leaves open; labels and env name by name; `python` and `venv` are one."""
    laid = under.copy()
    if "python" in over or "venv" in over:
        laid.pop("python", None)
        laid.pop("venv", None)
    laid.update(over)
    if "labels" in under and "labels" in over:
        laid["labels"] = {**under["labels"], **over["labels"]}
    if "env" in under and "env" in over:
        laid["env"] = {**under["env"], **over["env"]}
    return laid


def check_names(options: Mapping[str, object], known: Sequence[str] = tuple(Options.__annotations__)) -> None:
    """Raises InvalidArgument for a name that is none."""
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
            raise InvalidArgument(name, f"is nothing that can be said of a job{hint}")


def plan_fields(options: Options, *, id_: str) -> Fields:
    """The fields of the plan `id_` that the options give. Raises InvalidArgument, which names the option."""
    check_names(options)
    if "python" in options and "venv" in options:
        raise InvalidArgument("venv", "python names an interpreter already; wanted one of the two")
    fields: Fields = {}
    for name, value in options.items():
        path, read = _READ[name]
        *outer, last = path.split(".")
        into = fields
        for part in outer:
            into = into.setdefault(part, {})  # type: ignore[assignment]
        into[last] = read(name, value)
    _check_schedule(options, fields, id_)
    return fields


def check_parameters(parameters: Fields) -> None:
    """What an agent reads must be what it can read. Raises InvalidArgument, which names the option."""
    try:
        python_parameters(json.dumps(parameters))
    except InvalidArgument as refusal:
        named = [option for option, (path, _) in _READ.items() if f"{refusal.field}.".startswith(f"{path}.")]
        raise InvalidArgument(named[0] if named else "function", refusal.reason) from refusal


def _check_schedule(options: Options, fields: Fields, id_: str) -> None:
    if "schedule" not in options:
        fields.pop("periodic", None)  # the rest of an app's defaults is for jobs that have one
        return
    said = ScheduleOptions(
        time_zone=options.get("tz") or "UTC",
        gap=DstGap(options.get("dst_gap", "run-after")),
        overlap=DstOverlap(options.get("dst_overlap", "first")),
        match=DayMatch(options.get("match", "any")),
        hash_key=f"{options.get('namespace', 'default')}/{id_}",
    )
    try:
        parse(options["schedule"], said)
    except BadSchedule as refusal:
        if refusal.field == "time_zone" and refusal.column is None:
            raise InvalidArgument("tz", refusal.reason) from refusal
        where = "" if refusal.field == "spec" else f"{refusal.field}: "
        raise InvalidArgument("schedule", where + refusal.reason) from refusal
    if "start" in options and "end" in options and options["end"] < options["start"]:
        raise InvalidArgument("end", "must not be before start")


# ---- one value


def text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wanted(field, "a text", value)
    return value


def _filled(field: str, value: object) -> str:
    if not text(field, value):
        raise _wanted(field, "a text", value)
    return str(value)


def plan_id(field: str, value: object) -> str:
    if not _NAME.fullmatch(text(field, value)):
        raise _wanted(field, "a letter or digit, then up to 127 of letters, digits, '.', '_', '-'", value)
    return str(value)


def namespace(field: str, value: object) -> str:
    if not _NAMESPACE.fullmatch(text(field, value)):
        raise _wanted(field, "a small letter, then up to 127 of small letters, digits and '_'", value)
    return str(value)


def _flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wanted(field, "True or False", value)
    return value


def _count(field: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wanted(field, "a whole number, 0 or more", value)
    return value


def _span(field: str, value: object) -> str:
    if isinstance(value, timedelta):
        millis, rest = divmod(value, timedelta(milliseconds=1))
        if rest or millis < 0:
            raise _wanted(field, "whole milliseconds, 0 or more", value)
        return format_duration(millis)
    try:
        span: Millis = parse_duration(text(field, value))
    except ValueError as error:
        raise InvalidArgument(field, str(error)) from error
    return format_duration(span)


def _time(field: str, value: object) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _wanted(field, "a datetime with a zone", value)
    return value.isoformat()


def _one_of(kind: type[StrEnum]) -> Reader:
    def read(field: str, value: object) -> str:
        known = [str(member) for member in kind]
        if value not in known:
            raise _wanted(field, " or ".join(repr(word) for word in known), value)
        return str(value)

    return read


def _reasons(field: str, value: object) -> list[str]:
    words = _words(field, value)
    for word in words:
        if word not in RETRYABLE:
            raise _wanted(field, f"reasons of failure ({', '.join(sorted(RETRYABLE))})", word)
    return words


def _words(field: str, value: object) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise _wanted(field, "a list of texts", value)
    return [_filled(field, word) for word in value]


def _texts_by_name(field: str, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise _wanted(field, "texts by name", value)
    return {_filled(field, name): text(f"{field}.{name}", held) for name, held in value.items()}


def _list(field: str, value: object) -> object:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise _wanted(field, "a list", value)
    return _json(field, list(value))


def _object(field: str, value: object) -> object:
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise _wanted(field, "values by name", value)
    return _json(field, dict(value))


def _json(field: str, value: object) -> object:
    """What the function will be given: JSON makes lists of tuples, and that is no surprise; other losses are."""
    try:
        held: object = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InvalidArgument(field, f"JSON cannot hold it: {error}") from error
    if held != _lists(value):
        raise InvalidArgument(field, f"JSON would make {str(held)[:60]} of it")
    return held


def _lists(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return {name: _lists(item) for name, item in value.items()} if isinstance(value, dict) else value


def _wanted(field: str, what: str, found: object) -> InvalidArgument:
    return InvalidArgument(
        field, f"wanted {what}, found {str(found)[:60]!r}" if found != "" else f"wanted {what}, found nothing"
    )


_READ: Mapping[str, tuple[str, Reader]] = {
    "id": ("id", plan_id),
    "name": ("name", _filled),
    "description": ("description", text),
    "namespace": ("namespace", namespace),
    "schedule": ("periodic.spec", _filled),
    "tz": ("periodic.time_zone", _filled),
    "start": ("periodic.start_time", _time),
    "end": ("periodic.end_time", _time),
    "enabled": ("periodic.enabled", _flag),
    "overlap": ("overlap", _one_of(Overlap)),
    "timeout": ("timeout", _span),
    "retries": ("retry.attempts", _count),
    "retry_backoff": ("retry.backoff", _span),
    "retry_max_backoff": ("retry.max_backoff", _span),
    "retry_on": ("retry.on", _reasons),
    "catch_up": ("catch_up.mode", _one_of(CatchUpMode)),
    "catch_up_window": ("catch_up.window", _span),
    "catch_up_runs": ("catch_up.max_runs", _count),
    "catch_up_rate": ("catch_up.rate_per_minute", _count),
    "dst_gap": ("dst.gap", _one_of(DstGap)),
    "dst_overlap": ("dst.overlap", _one_of(DstOverlap)),
    "match": ("match", _one_of(DayMatch)),
    "delivery": ("delivery", _one_of(Delivery)),
    "priority": ("priority", _count),
    "strategy": ("strategy", _filled),
    "labels": ("labels", _texts_by_name),
    "args": ("parameters.args", _list),
    "kwargs": ("parameters.kwargs", _object),
    "python": ("parameters.interpreter", _filled),
    "venv": ("parameters.venv", _filled),
    "path": ("parameters.path", _words),
    "cwd": ("parameters.cwd", _filled),
    "env": ("parameters.env", _texts_by_name),
    "kill_after": ("parameters.killAfter", _span),
    "output_limit": ("parameters.outputLimit", _count),
}
"""Each option: where it goes in a plan's document, and how it is read."""
