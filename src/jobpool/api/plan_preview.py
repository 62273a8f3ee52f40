"""When a plan fires next: one that is stored, or a definition that is not."""

import asyncio

from msgspec.structs import replace

from jobpool.api.checks import check_name, check_namespace, optional_time
from jobpool.api.context import Context
from jobpool.api.plan_requests import add_patch
from jobpool.model.errors import FailedPrecondition, InvalidArgument, NotFound
from jobpool.model.plan import Plan
from jobpool.model.schedule import Periodic
from jobpool.store.commands.plan_rules import blank_plan, check_plan
from jobpool.store.commands.plans import settled
from jobpool.store.commands.ticks import timetable_of
from jobpool.timetable import first_tick
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp

_MAX_PREVIEW = 1000
_DEFAULT_PREVIEW = 10
_BETWEEN_BREATHS = 20
"""Ticks of a sparse schedule cost up to 10 ms each: the loop must not stand still for a thousand of them."""


async def preview(context: Context, request: pb.PlanPreviewRequest) -> pb.PlanPreviewResponse:
    """The next ticks. Raises InvalidArgument, NotFound, and FailedPrecondition for a plan without a schedule."""
    namespace, plan_id = check_namespace("namespace", request.namespace), check_name("id", request.id)
    if not 0 <= request.n <= _MAX_PREVIEW:
        raise InvalidArgument("n", f"must be 1 to {_MAX_PREVIEW} (0 = {_DEFAULT_PREVIEW}), found {request.n}")
    after = optional_time(request, "after")
    if request.HasField("plan"):
        plan, periodic = _unsaved(context, request.plan, namespace, plan_id)
    else:
        plan, periodic = _stored(context, namespace, plan_id)
    timetable = timetable_of(plan, periodic)
    at = context.clock.now() if after is None else after
    response = pb.PlanPreviewResponse(header=context.header())
    for _ in range(request.n or _DEFAULT_PREVIEW):
        tick = first_tick(timetable, after=at, start=periodic.start_time, end=periodic.end_time)
        if tick is None:
            break
        at = tick
        note = timetable.describe_tick(tick)
        dst = "" if note.dst == "none" else note.dst
        response.data.add(time=timestamp(tick), local=note.wall, time_zone=note.zone, dst=dst)
        if len(response.data) % _BETWEEN_BREATHS == 0:
            await asyncio.sleep(0)
    return response


def existing_plan(context: Context, namespace: str, plan_id: str) -> Plan:
    """The plan as this server knows it. Raises NotFound naming what is missing."""
    plan = context.state.plan(namespace, plan_id)
    if plan is None:
        _check_there(context, namespace)
        raise NotFound("plan", f"{namespace}/{plan_id}", field="id")
    return plan


def _check_there(context: Context, namespace: str) -> None:
    if context.state.namespace(namespace) is None:
        raise NotFound("namespace", namespace, field="namespace")


def _stored(context: Context, namespace: str, plan_id: str) -> tuple[Plan, Periodic]:
    plan = existing_plan(context, namespace, plan_id)
    if plan.periodic is None:
        raise FailedPrecondition(f"plan {plan.namespace}/{plan.id} has no schedule", field="id")
    return plan, plan.periodic


def _unsaved(
    context: Context, request: pb.SchedulePlanAddRequest, namespace: str, plan_id: str
) -> tuple[Plan, Periodic]:
    """The definition, held to what PlanAdd holds it to; name, type and parameters may still be missing."""
    _check_there(context, namespace)
    for field, meant in (("id", plan_id), ("namespace", namespace)):
        if getattr(request, field) not in ("", meant):
            raise InvalidArgument(f"plan.{field}", f"is not {meant!r}, which the preview is of")
    for field in ("idempotency_key", "dry_run"):
        if getattr(request, field):
            raise InvalidArgument(f"plan.{field}", "a preview stores nothing")
    try:
        patch = add_patch(request)
        patch = replace(patch, name=request.name or plan_id, type=request.type or "service")
        now = context.clock.now()
        plan = settled(
            patch.on(blank_plan(namespace, plan_id, version=0, now=now)), context.state, context.default_time_zone
        )
        check_plan(plan, parameters=bool(request.parameters))
    except InvalidArgument as refusal:
        field = f"plan.{refusal.field}"
        raise InvalidArgument(field, refusal.reason, engine_code=refusal.engine_code) from refusal
    if plan.periodic is None:
        raise InvalidArgument("plan.periodic.spec", "must not be empty", engine_code=1001)
    return plan, plan.periodic
