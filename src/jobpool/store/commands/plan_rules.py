"""What makes a plan sound: the rules between its fields, and how a request's fields are laid over it. Pure."""

import re
from collections.abc import Iterable

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from jobpool.kit.pure.durations import DAY, SECOND, Millis, format_duration
from jobpool.kit.pure.patches import set_fields
from jobpool.model.errors import BadSchedule, InvalidArgument
from jobpool.model.parameters import check_parameters
from jobpool.model.plan import DEFAULT_PRIORITY, MAX_PRIORITY, Plan
from jobpool.model.reasons import RETRYABLE
from jobpool.model.schedule import (
    CatchUp,
    CatchUpMode,
    DayMatch,
    Delivery,
    Dst,
    DstGap,
    DstOverlap,
    Overlap,
    Periodic,
    Retry,
)
from jobpool.model.statuses import PlanStatus
from jobpool.scheduler import check_strategy
from jobpool.store.commands.ticks import timetable_of

_MAX_RETRIES = 100
_MAX_CATCH_UP = 100_000
_LONGEST_TIMEOUT = 30 * DAY
_LONGEST_WINDOW = 366 * DAY
_LONGEST_TEXT = {"name": 256, "description": 4096, "owner": 256}
_MOST_LABELS = 64
_LONGEST_LABEL = 256
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}", re.ASCII)


class PeriodicPatch(Struct, frozen=True):
    enabled: bool | UnsetType = UNSET
    spec: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    start_time: Millis | UnsetType | None = UNSET
    end_time: Millis | UnsetType | None = UNSET


class CatchUpPatch(Struct, frozen=True):
    mode: CatchUpMode | UnsetType = UNSET
    window: Millis | UnsetType | None = UNSET
    max_runs: int | UnsetType = UNSET
    rate_per_minute: int | UnsetType = UNSET


class RetryPatch(Struct, frozen=True):
    attempts: int | UnsetType = UNSET
    backoff: Millis | UnsetType = UNSET
    max_backoff: Millis | UnsetType = UNSET
    on: tuple[str, ...] | UnsetType = UNSET


class DstPatch(Struct, frozen=True):
    gap: DstGap | UnsetType = UNSET
    overlap: DstOverlap | UnsetType = UNSET


class LabelsPatch(Struct, frozen=True):
    """`given` are laid over those that are left, when `gone` or, `emptied`, all have been taken away."""

    given: tuple[tuple[str, str], ...] | UnsetType = UNSET
    gone: tuple[str, ...] | UnsetType = UNSET
    emptied: bool | UnsetType = UNSET

    def on(self, labels: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        laid = {} if self.emptied is True else dict(labels)
        for name in () if self.gone is UNSET else self.gone:
            laid.pop(name, None)
        laid.update(() if self.given is UNSET else self.given)
        return tuple(sorted(laid.items()))


class PlanPatch(Struct, frozen=True):
    """The fields a request sets; UNSET stays as it is. The parts are laid over the plan's parts."""

    name: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    status: PlanStatus | UnsetType = UNSET
    stop: bool | UnsetType = UNSET
    synchronous: bool | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    description: str | UnsetType = UNSET
    executor: str | UnsetType = UNSET
    parameters: str | UnsetType = UNSET
    overlap: Overlap | UnsetType = UNSET
    timeout: Millis | UnsetType | None = UNSET
    delivery: Delivery | UnsetType = UNSET
    match: DayMatch | UnsetType = UNSET
    strategy: str | UnsetType = UNSET
    periodic: PeriodicPatch | UnsetType | None = UNSET
    catch_up: CatchUpPatch | UnsetType | None = UNSET
    retry: RetryPatch | UnsetType | None = UNSET
    dst: DstPatch | UnsetType | None = UNSET
    labels: LabelsPatch | UnsetType = UNSET
    owner: str | UnsetType = UNSET

    def on(self, plan: Plan) -> Plan:
        """The plan with this laid over it. None empties a part."""
        parts = ("periodic", "catch_up", "retry", "dst", "labels")
        given = {name: value for name, value in set_fields(self).items() if name not in parts}
        plan = replace(plan, **given)
        if self.periodic is not UNSET:
            plan = replace(plan, periodic=_laid_over(plan.periodic, self.periodic))
        if self.catch_up is not UNSET:
            base = CatchUp() if self.catch_up is None else plan.catch_up
            plan = replace(plan, catch_up=replace(base, **_given(self.catch_up)))
        if self.retry is not UNSET:
            again = Retry() if self.retry is None else plan.retry
            plan = replace(plan, retry=replace(again, **_given(self.retry)))
        if self.dst is not UNSET:
            dst = Dst() if self.dst is None else plan.dst
            plan = replace(plan, dst=replace(dst, **_given(self.dst)))
        if self.labels is not UNSET:
            plan = replace(plan, labels=self.labels.on(plan.labels))
        return plan


def _given(part: Struct | None) -> dict[str, object]:
    """None empties a part: then its defaults are all there is."""
    return {} if part is None else set_fields(part)


def _laid_over(periodic: Periodic | None, patch: PeriodicPatch | None) -> Periodic | None:
    if patch is None:
        return None
    if periodic is None:
        if patch.spec is UNSET or not patch.spec:
            raise InvalidArgument("periodic.spec", "a periodic block needs a schedule", engine_code=1001)
        periodic = Periodic(spec=patch.spec, time_zone="")
    return replace(periodic, **set_fields(patch))


def blank_plan(namespace: str, plan_id: str, *, version: int, now: Millis) -> Plan:
    """A plan that says nothing yet."""
    return Plan(plan_id, namespace, "", "", version, version, now, now, priority=DEFAULT_PRIORITY)


def check_plan(plan: Plan, *, parameters: bool = True) -> None:
    """Raises InvalidArgument (or BadSchedule) naming the first field that is wrong.

    `parameters` false: those are not looked at.
    """
    _check_words(plan)
    _check_labels(plan)
    _check_numbers(plan)
    if parameters:
        check_parameters(plan.executor, plan.parameters)
    check_strategy(plan.strategy)
    if plan.periodic is not None:
        _check_periodic(plan, plan.periodic)


def _check_words(plan: Plan) -> None:
    if not plan.name:
        raise InvalidArgument("name", "must not be empty", engine_code=1001)
    if plan.type != "service":
        found = f"found {plan.type!r}" if plan.type else "found nothing"
        raise InvalidArgument("type", f"must be 'service', {found}", engine_code=1002 if plan.type else 1001)
    for field, limit in _LONGEST_TEXT.items():
        text = str(getattr(plan, field))
        if len(text) > limit:
            raise InvalidArgument(field, f"holds at most {limit} characters, found {len(text)}", engine_code=1003)
        if any(ord(letter) < 32 and letter not in "\n\t" for letter in text):
            raise InvalidArgument(field, "must not hold control characters")


def _check_labels(plan: Plan) -> None:
    if len(plan.labels) > _MOST_LABELS:
        raise InvalidArgument("labels", f"a plan holds at most {_MOST_LABELS}, found {len(plan.labels)}")
    for name, value in plan.labels:
        check_label("labels", name)
        if len(value) > _LONGEST_LABEL:
            raise InvalidArgument(
                f"labels.{name}", f"holds at most {_LONGEST_LABEL} characters, found {len(value)}", engine_code=1003
            )
        if any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in value):
            raise InvalidArgument(f"labels.{name}", "must not hold control characters")


def check_label(field: str, name: str) -> str:
    """A label's name. Raises InvalidArgument."""
    if not _LABEL.fullmatch(name):
        raise InvalidArgument(
            field, f"wanted a letter or digit, then up to 62 of letters, digits and '._/-'; found {name[:60]!r}"
        )
    return name


def _check_numbers(plan: Plan) -> None:
    if not 1 <= plan.priority <= MAX_PRIORITY:
        raise InvalidArgument(
            "priority", f"must be 1 to {MAX_PRIORITY} (0 = {DEFAULT_PRIORITY}), found {plan.priority}"
        )
    if plan.timeout is not None:
        _check_span("timeout", plan.timeout, SECOND, _LONGEST_TIMEOUT)
    _check_count("retry.attempts", plan.retry.attempts, _MAX_RETRIES)
    _check_span("retry.backoff", plan.retry.backoff, 0, DAY)
    _check_span("retry.max_backoff", plan.retry.max_backoff, 0, DAY)
    for reason in plan.retry.on:
        if reason not in RETRYABLE:
            known = ", ".join(sorted(RETRYABLE))
            raise InvalidArgument("retry.on", f"{reason!r} is not a reason of failure; known are {known}")
    _check_count("catch_up.max_runs", plan.catch_up.max_runs, _MAX_CATCH_UP, least=1)
    _check_count("catch_up.rate_per_minute", plan.catch_up.rate_per_minute, 60_000)
    if plan.catch_up.window is not None:
        _check_span("catch_up.window", plan.catch_up.window, 0, _LONGEST_WINDOW)


def _check_span(field: str, span: Millis, least: Millis, most: Millis) -> None:
    if not least <= span <= most:
        raise InvalidArgument(
            field, f"must be {format_duration(least)} to {format_duration(most)}, found {format_duration(span)}"
        )


def _check_count(field: str, count: int, most: int, *, least: int = 0) -> None:
    if not least <= count <= most:
        raise InvalidArgument(field, f"must be {least} to {most}, found {count}")


def _check_periodic(plan: Plan, periodic: Periodic) -> None:
    start, end = periodic.start_time, periodic.end_time
    if start is not None and end is not None and end < start:
        raise InvalidArgument("periodic.end_time", "must not be before start_time", engine_code=1103)
    try:
        timetable_of(plan, periodic)
    except BadSchedule as refusal:
        if refusal.field == "time_zone":
            raise InvalidArgument("periodic.time_zone", refusal.reason) from refusal
        where = "" if refusal.field == "spec" else f"{refusal.field}: "
        raise InvalidArgument("periodic.spec", where + refusal.reason) from refusal
