"""Plan requests as patches: which fields a request sets, in the model's terms."""

from collections.abc import Callable, Iterable, Mapping

from msgspec import UNSET, Struct, UnsetType, structs
from msgspec.structs import replace

from jobpool.api.checks import check_enum, check_name, check_span
from jobpool.kit.pure.patches import set_fields
from jobpool.model.errors import InvalidArgument
from jobpool.model.schedule import (
    CatchUp,
    CatchUpMode,
    DayMatch,
    Delivery,
    Dst,
    DstGap,
    DstOverlap,
    Overlap,
    Retry,
)
from jobpool.model.statuses import PlanStatus
from jobpool.store.commands import CatchUpPatch, DstPatch, LabelsPatch, PeriodicPatch, PlanPatch, RetryPatch
from jobpool.store.commands.plan_rules import blank_plan, check_label
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import millis_of

_LABEL = "labels."
"""What `clear` begins with to take a single label away."""

EVERYTHING = "*"
"""What `clear` holds to say that the request is the whole definition of the plan."""

PlanRequest = pb.SchedulePlanAddRequest | pb.SchedulePlanUpdateRequest


def add_patch(request: pb.SchedulePlanAddRequest) -> PlanPatch:
    """Everything the request says; what it does not say has the model's default."""
    patch = _common(request)
    status = check_enum("status", request.status or "pending", PlanStatus)
    patch = replace(patch, name=request.name, type=request.type, status=status)
    return replace(patch, stop=request.stop) if request.HasField("stop") else patch


def update_patch(request: pb.SchedulePlanUpdateRequest) -> PlanPatch:
    """What the request changes: fields that are given, and those named in `clear`."""
    patch = _common(request)
    if request.name:
        patch = replace(patch, name=request.name)
    if request.type:
        patch = replace(patch, type=request.type)
    if request.status:
        patch = replace(patch, status=check_enum("status", request.status, PlanStatus))
    if EVERYTHING in request.clear:
        if set(request.clear) != {EVERYTHING}:
            raise InvalidArgument("clear", f"{EVERYTHING!r} says all that can be cleared; found others beside it")
        return _whole(patch)
    unlabelled, fields = _split(request.clear)
    for field in fields:
        patch = _cleared(patch, field)
    return patch if not unlabelled else replace(patch, labels=_unlabelled(patch.labels, unlabelled))


_CLEARED_WHOLE = ("description", "parameters", "priority", "executor", "synchronous", "overlap", "timeout", "delivery")
_BLANK_PLAN = blank_plan("", "", version=0, now=0)
_BLANK: Mapping[str, object] = {
    field: getattr(_BLANK_PLAN, field) for field in (*_CLEARED_WHOLE, "match", "strategy", "owner")
}
_WHOLE_PARTS: Mapping[str, Struct] = {
    "periodic": PeriodicPatch(spec="", time_zone="", start_time=None, end_time=None),
    "catch_up": CatchUpPatch(**structs.asdict(CatchUp())),
    "retry": RetryPatch(**structs.asdict(Retry())),
    "dst": DstPatch(**structs.asdict(Dst())),
}


def _whole(patch: PlanPatch) -> PlanPatch:
    """What the patch does not give has the model's default again; operators' switches stay as they are."""
    given = set_fields(patch)
    laid: dict[str, object] = {**_BLANK, **given}
    for part, blank in _WHOLE_PARTS.items():
        said = given.get(part)
        laid[part] = replace(blank, **set_fields(said)) if isinstance(said, Struct) else None
    labels = LabelsPatch() if patch.labels is UNSET else patch.labels
    return replace(patch, **(laid | {"labels": replace(labels, emptied=True)}))


def _split(clear: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """The names of single labels, and the other fields to clear; each once."""
    fields = list(dict.fromkeys(clear))
    labels = tuple(check_label("clear", field.removeprefix(_LABEL)) for field in fields if field.startswith(_LABEL))
    return labels, [field for field in fields if not field.startswith(_LABEL)]


def _unlabelled(labels: LabelsPatch | UnsetType, gone: tuple[str, ...]) -> LabelsPatch:
    laid = LabelsPatch() if labels is UNSET else labels
    given = () if laid.given is UNSET else laid.given
    for name in gone:
        if any(name == other for other, _ in given):
            raise InvalidArgument("clear", f"'labels.{name}' is given a value by the same request")
    return replace(laid, gone=gone)


def _common(request: PlanRequest) -> PlanPatch:
    given: dict[str, object] = {}
    for field in ("description", "parameters"):
        if text := getattr(request, field):
            given[field] = text
    for field in ("priority", "synchronous", "strategy", "owner"):
        if request.HasField(field):
            given[field] = getattr(request, field)
    for field, convert in _CONVERTED.items():
        if request.HasField(field):
            given[field] = convert(getattr(request, field))
    if request.HasField("periodic") and request.periodic.ByteSize():
        given["periodic"] = _periodic(request.periodic)
        if request.periodic.HasField("prohibit_overlap"):
            given["overlap"] = _overlap(request)
    if request.HasField("catch_up"):
        given["catch_up"] = _catch_up(request.catch_up)
    if request.HasField("retry"):
        given["retry"] = _retry(request.retry)
    if request.HasField("dst"):
        given["dst"] = _dst(request.dst)
    if request.labels:
        given["labels"] = LabelsPatch(given=tuple(sorted(request.labels.items())))
    return replace(PlanPatch(), **given)


_CONVERTED: Mapping[str, Callable[[str], object]] = {
    "executor": lambda text: check_name("executor", text),
    "overlap": lambda text: check_enum("overlap", text, Overlap),
    "timeout": lambda text: check_span("timeout", text) or None,
    "delivery": lambda text: check_enum("delivery", text, Delivery),
    "match": lambda text: check_enum("match", text, DayMatch),
}


def _overlap(request: PlanRequest) -> Overlap:
    """The original's `prohibit_overlap` and our `overlap` say the same thing, or the request is refused."""
    meant = Overlap.SKIP if request.periodic.prohibit_overlap else Overlap.ALLOW
    if request.HasField("overlap") and check_enum("overlap", request.overlap, Overlap) is not meant:
        raise InvalidArgument(
            "overlap", f"is {request.overlap!r} while periodic.prohibit_overlap says {meant.value!r}; give one of them"
        )
    return meant


def _periodic(message: pb.PeriodicConfig) -> PeriodicPatch:
    patch = PeriodicPatch()
    if message.HasField("enabled"):
        patch = replace(patch, enabled=message.enabled)
    if message.HasField("spec"):
        patch = replace(patch, spec=message.spec)
    if message.HasField("time_zone"):
        patch = replace(patch, time_zone=message.time_zone)
    if message.HasField("start_time"):
        patch = replace(patch, start_time=millis_of("periodic.start_time", message.start_time))
    if message.HasField("end_time"):
        patch = replace(patch, end_time=millis_of("periodic.end_time", message.end_time))
    return patch


def _catch_up(message: pb.CatchUp) -> CatchUpPatch:
    patch = CatchUpPatch()
    if message.HasField("mode"):
        patch = replace(patch, mode=check_enum("catch_up.mode", message.mode, CatchUpMode))
    if message.HasField("window"):
        patch = replace(patch, window=check_span("catch_up.window", message.window))
    if message.HasField("max_runs"):
        patch = replace(patch, max_runs=message.max_runs)
    if message.HasField("rate_per_minute"):
        patch = replace(patch, rate_per_minute=message.rate_per_minute)
    return patch


def _retry(message: pb.Retry) -> RetryPatch:
    patch = RetryPatch()
    if message.HasField("attempts"):
        patch = replace(patch, attempts=message.attempts)
    if message.HasField("backoff"):
        patch = replace(patch, backoff=check_span("retry.backoff", message.backoff))
    if message.HasField("max_backoff"):
        patch = replace(patch, max_backoff=check_span("retry.max_backoff", message.max_backoff))
    return replace(patch, on=tuple(dict.fromkeys(message.on))) if message.on else patch


def _dst(message: pb.Dst) -> DstPatch:
    patch = DstPatch()
    if message.HasField("gap"):
        patch = replace(patch, gap=check_enum("dst.gap", message.gap, DstGap))
    if message.HasField("overlap"):
        patch = replace(patch, overlap=check_enum("dst.overlap", message.overlap, DstOverlap))
    return patch


_CLEARS: Mapping[str, PlanPatch] = {
    "description": PlanPatch(description=""),
    "parameters": PlanPatch(parameters=""),
    "strategy": PlanPatch(strategy=""),
    "owner": PlanPatch(owner=""),
    "labels": PlanPatch(labels=LabelsPatch(emptied=True)),
    "timeout": PlanPatch(timeout=None),
    "overlap": PlanPatch(overlap=Overlap.ALLOW),
    "delivery": PlanPatch(delivery=Delivery.AT_LEAST_ONCE),
    "match": PlanPatch(match=DayMatch.ANY),
    "priority": PlanPatch(priority=0),
    "periodic": PlanPatch(periodic=None),
    "catch_up": PlanPatch(catch_up=None),
    "retry": PlanPatch(retry=None),
    "dst": PlanPatch(dst=None),
    "periodic.start_time": PlanPatch(periodic=PeriodicPatch(start_time=None)),
    "periodic.end_time": PlanPatch(periodic=PeriodicPatch(end_time=None)),
    "periodic.time_zone": PlanPatch(periodic=PeriodicPatch(time_zone="")),
    "catch_up.window": PlanPatch(catch_up=CatchUpPatch(window=None)),
    "retry.on": PlanPatch(retry=RetryPatch(on=())),
}


def _cleared(patch: PlanPatch, field: str) -> PlanPatch:
    empty = _CLEARS.get(field)
    if empty is None:
        raise InvalidArgument("clear", f"{field[:60]!r} cannot be cleared; known are {', '.join(sorted(_CLEARS))}")
    for name, value in set_fields(empty).items():
        present = getattr(patch, name)
        laid = value
        if isinstance(value, Struct) and isinstance(present, Struct):
            laid = _laid_over(field, present, value)
        elif present is not UNSET:
            raise InvalidArgument("clear", f"{field!r} is given a value by the same request")
        patch = replace(patch, **{name: laid})
    return patch


def _laid_over(field: str, present: Struct, value: Struct) -> Struct:
    inner = set_fields(value)
    if any(getattr(present, name) is not UNSET for name in inner):
        raise InvalidArgument("clear", f"{field!r} is given a value by the same request")
    return replace(present, **inner)
