"""What can be said of a job beside its function, and the fields of a plan that come of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Literal, TypeAlias, TypedDict

from jobpool.jobs import values
from jobpool.kit.pure.durations import DAY, HOUR, SECOND
from jobpool.model.errors import BadSchedule, InvalidArgument
from jobpool.model.parameters.python import python_parameters
from jobpool.model.parameters.reading import OUTPUT_LIMIT
from jobpool.model.schedule import CatchUpMode, DayMatch, Delivery, DstGap, DstOverlap, Overlap
from jobpool.timetable import ScheduleOptions, parse

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
Span: TypeAlias = str | timedelta
"""`90s`, `10m`, `1h30m`, `2d`, or a timedelta of whole milliseconds."""

Fields: TypeAlias = dict[str, object]
"""A plan's fields, as in a plan file."""


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


_READ: Mapping[str, tuple[str, values.Reader]] = {
    "id": ("id", values.plan_id),
    "name": ("name", values.up_to(256, values.filled)),
    "description": ("description", values.up_to(4096, values.text)),
    "namespace": ("namespace", values.namespace),
    "schedule": ("periodic.spec", values.filled),
    "tz": ("periodic.time_zone", values.filled),
    "start": ("periodic.start_time", values.time),
    "end": ("periodic.end_time", values.time),
    "enabled": ("periodic.enabled", values.flag),
    "overlap": ("overlap", values.one_of(Overlap)),
    "timeout": ("timeout", values.span(SECOND, 30 * DAY)),
    "retries": ("retry.attempts", values.whole(0, 100)),
    "retry_backoff": ("retry.backoff", values.span(0, DAY)),
    "retry_max_backoff": ("retry.max_backoff", values.span(0, DAY)),
    "retry_on": ("retry.on", values.reasons),
    "catch_up": ("catch_up.mode", values.one_of(CatchUpMode)),
    "catch_up_window": ("catch_up.window", values.span(0, 366 * DAY)),
    "catch_up_runs": ("catch_up.max_runs", values.whole(1, 100_000)),
    "catch_up_rate": ("catch_up.rate_per_minute", values.whole(0, 60_000)),
    "dst_gap": ("dst.gap", values.one_of(DstGap)),
    "dst_overlap": ("dst.overlap", values.one_of(DstOverlap)),
    "match": ("match", values.one_of(DayMatch)),
    "delivery": ("delivery", values.one_of(Delivery)),
    "priority": ("priority", values.whole(1, 200)),
    "strategy": ("strategy", values.filled),
    "labels": ("labels", values.labels),
    "args": ("parameters.args", values.listed),
    "kwargs": ("parameters.kwargs", values.named),
    "python": ("parameters.interpreter", values.filled),
    "venv": ("parameters.venv", values.filled),
    "path": ("parameters.path", values.words),
    "cwd": ("parameters.cwd", values.filled),
    "env": ("parameters.env", values.texts_by_name),
    "kill_after": ("parameters.kill_after", values.span(0, HOUR)),
    "output_limit": ("parameters.output_limit", values.whole(0, OUTPUT_LIMIT)),
}
"""Each option: where it goes in a plan's document, and how it is read."""
