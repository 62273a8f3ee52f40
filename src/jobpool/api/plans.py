"""Plans: add, list, change, switch, delete, run by hand, preview."""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import TypeVar

from jobpool.api.checks import (
    check_enum,
    check_filter,
    check_name,
    check_namespace,
    check_page,
    check_text,
    optional_time,
)
from jobpool.api.context import Context
from jobpool.api.jobs import find_run, job_of
from jobpool.api.plan_requests import add_patch, update_patch
from jobpool.api.service import Call
from jobpool.model.errors import FailedPrecondition, InvalidArgument, NotFound
from jobpool.model.plan import Plan
from jobpool.model.schedule import Overlap
from jobpool.model.statuses import PlanStatus
from jobpool.store.commands import (
    AddPlan,
    DecideTicks,
    DeletePlan,
    LiftPause,
    PausePlan,
    ResumePlan,
    StartRun,
    StillCatchingUp,
    SwitchPlan,
    UpdatePlan,
)
from jobpool.store.commands.ticks import timetable_of
from jobpool.timetable import first_tick
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import plan_message, timestamp

T = TypeVar("T")

_MAX_PREVIEW = 1000
_DEFAULT_PREVIEW = 10
_BETWEEN_BREATHS = 20
"""Ticks of a sparse schedule cost up to 10 ms each: the loop must not stand still for a thousand of them."""
_MAX_KEY = 255
_MAX_DESCRIPTION = 4096
_MAX_CREATOR = 256
_MAX_NOTE = 512


class Plans:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def add(self, request: pb.SchedulePlanAddRequest, call: Call) -> pb.SchedulePlanAddResponse:
        namespace = check_namespace("namespace", request.namespace)
        plan_id = check_name("id", request.id) if request.id else self._mint(call)
        patch = add_patch(request)
        added = await self._context.write(AddPlan(namespace, plan_id, patch, self._context.default_time_zone), call)
        return pb.SchedulePlanAddResponse(header=self._context.header(), data=self._message(added))

    async def update(self, request: pb.SchedulePlanUpdateRequest, call: Call) -> pb.SchedulePlanUpdateResponse:
        namespace, plan_id = _named(request)
        patch = update_patch(request)
        zone = self._context.default_time_zone
        command = UpdatePlan(namespace, plan_id, patch, zone, _revision(request))
        updated = await self._caught_up(namespace, plan_id, call, lambda: self._context.write(command, call))
        return pb.SchedulePlanUpdateResponse(header=self._context.header(), data=self._message(updated))

    async def delete(self, request: pb.SchedulePlanDeleteRequest, call: Call) -> pb.SchedulePlanDeleteResponse:
        await self._context.write(DeletePlan(*_named(request), _revision(request)), call)
        return pb.SchedulePlanDeleteResponse(header=self._context.header())

    async def detail(self, request: pb.SchedulePlanDetailRequest, call: Call) -> pb.SchedulePlanDetailResponse:
        return self._detail(self._existing(*_named(request)))

    async def online(self, request: pb.SchedulePlanOnlineRequest, call: Call) -> pb.SchedulePlanDetailResponse:
        namespace, plan_id = _named(request)
        command = SwitchPlan(namespace, plan_id, True, _description(request), _revision(request))
        return self._detail(await self._caught_up(namespace, plan_id, call, lambda: self._context.write(command, call)))

    async def offline(self, request: pb.SchedulePlanOfflineRequest, call: Call) -> pb.SchedulePlanDetailResponse:
        namespace, plan_id = _named(request)
        command = SwitchPlan(namespace, plan_id, False, _description(request), _revision(request))
        return self._detail(await self._caught_up(namespace, plan_id, call, lambda: self._context.write(command, call)))

    async def pause(self, request: pb.PlanPauseRequest, call: Call) -> pb.SchedulePlanDetailResponse:
        namespace, plan_id = _named(request)
        command = PausePlan(
            namespace,
            plan_id,
            check_text("by", request.by, _MAX_CREATOR) or call.peer,
            check_text("note", request.note, _MAX_NOTE),
            optional_time(request, "until"),
            _revision(request),
        )
        return self._detail(await self._caught_up(namespace, plan_id, call, lambda: self._context.write(command, call)))

    async def resume(self, request: pb.PlanResumeRequest, call: Call) -> pb.SchedulePlanDetailResponse:
        command = ResumePlan(*_named(request), request.catch_up, _revision(request))
        return self._detail(await self._context.write(command, call))

    async def list(self, request: pb.SchedulePlanListRequest, call: Call) -> pb.SchedulePlanListResponse:
        page = check_page(request.pageNumber, request.pageSize)
        status = check_enum("status", request.status, PlanStatus) if request.status else None
        if request.synchronous not in (0, 1, 2):
            raise InvalidArgument("synchronous", f"must be 0, 1 or 2, found {request.synchronous}", engine_code=1002)
        for field in ("name", "namespace", "description", "id"):
            check_filter(field, getattr(request, field))
        found = [plan for plan in self._context.state.plans.values() if _matches(plan, request, status)]
        found.sort(key=lambda plan: (plan.created_at, plan.id, plan.namespace), reverse=True)
        shown = found[page.offset : page.offset + page.limit]
        return pb.SchedulePlanListResponse(
            header=self._context.header(),
            data=[self._message(plan) for plan in shown],
            totalElements=len(found),
            totalPages=page.pages(len(found)),
        )

    async def run(self, request: pb.PlanRunRequest, call: Call) -> pb.PlanRunResponse:
        namespace, plan_id = _named(request)
        if request.overlap not in ("", Overlap.ALLOW):
            raise InvalidArgument(
                "overlap", f"must be allow, or empty for the plan's own policy; found {request.overlap[:40]!r}"
            )
        key = _idempotency_key(request, call)
        command = StartRun(
            namespace,
            plan_id,
            self._mint(call),
            parameters=request.parameters if request.HasField("parameters") else None,
            mark=sha256("\0".join((namespace, plan_id, key)).encode()).hexdigest() if key else "",
            ignore_overlap=bool(request.overlap),
            created_by=check_text("created_by", request.created_by, _MAX_CREATOR),
        )
        job_id = await self._context.write(command, call)
        return pb.PlanRunResponse(header=self._context.header(), data=await self._job(request, job_id, call))

    async def _job(self, request: pb.PlanRunRequest, job_id: str, call: Call) -> pb.Job:
        """The run; of one that a key stands for and history has forgotten, what is known of it."""
        try:
            run = await find_run(self._context, job_id, call)
        except NotFound:
            return pb.Job(id=job_id, plan_id=request.id, namespace=request.namespace)
        return job_of(self._context.state, run)

    async def preview(self, request: pb.PlanPreviewRequest, call: Call) -> pb.PlanPreviewResponse:
        plan = self._existing(*_named(request))
        if not 0 <= request.n <= _MAX_PREVIEW:
            raise InvalidArgument("n", f"must be 1 to {_MAX_PREVIEW} (0 = {_DEFAULT_PREVIEW}), found {request.n}")
        periodic = plan.periodic
        if periodic is None:
            raise FailedPrecondition(f"plan {plan.namespace}/{plan.id} has no schedule", field="id")
        timetable = timetable_of(plan, periodic)
        after = optional_time(request, "after")
        at = self._context.clock.now() if after is None else after
        response = pb.PlanPreviewResponse(header=self._context.header())
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

    # ---- what they share

    def _mint(self, call: Call) -> str:
        return call.minted or self._context.dice.ulid(self._context.clock.now())

    def _message(self, plan: Plan) -> pb.Plan:
        return plan_message(plan, self._context.state.cursor(*plan.key))

    def _detail(self, plan: Plan) -> pb.SchedulePlanDetailResponse:
        return pb.SchedulePlanDetailResponse(header=self._context.header(), data=self._message(plan))

    def _existing(self, namespace: str, plan_id: str) -> Plan:
        plan = self._context.state.plan(namespace, plan_id)
        if plan is None:
            if self._context.state.namespace(namespace) is None:
                raise NotFound("namespace", namespace, field="namespace")
            raise NotFound("plan", f"{namespace}/{plan_id}", field="id")
        return plan

    async def _caught_up(self, namespace: str, plan_id: str, call: Call, write: Callable[[], Awaitable[T]]) -> T:
        """A change of a plan that is catching up waits until its due ticks are decided."""
        while True:
            try:
                return await write()
            except StillCatchingUp:
                await self._context.write(LiftPause(namespace, plan_id), call)
                while await self._context.write(DecideTicks(namespace, plan_id), call):
                    pass


def _named(request: "_Named") -> tuple[str, str]:
    return check_namespace("namespace", request.namespace), check_name("id", request.id)


def _revision(request: "_Guarded") -> int | None:
    return request.revision if request.HasField("revision") else None


def _description(request: pb.SchedulePlanOnlineRequest | pb.SchedulePlanOfflineRequest) -> str:
    return check_text("description", request.description, _MAX_DESCRIPTION)


def _idempotency_key(request: pb.PlanRunRequest, call: Call) -> str:
    """The request's own, else the one beside it (header or metadata)."""
    key = request.idempotency_key or call.idempotency_key
    if len(key) > _MAX_KEY:
        raise InvalidArgument("idempotency_key", f"holds at most {_MAX_KEY} characters, found {len(key)}")
    return key


def _matches(plan: Plan, request: pb.SchedulePlanListRequest, status: PlanStatus | None) -> bool:
    return (
        request.namespace in ("", plan.namespace)
        and request.id in ("", plan.id)
        and request.name in plan.name
        and request.description in plan.description
        and status in (None, plan.status)
        and (request.synchronous == 0 or (request.synchronous == 1) == plan.synchronous)
    )


_Guarded = (
    pb.SchedulePlanUpdateRequest
    | pb.SchedulePlanDeleteRequest
    | pb.SchedulePlanOnlineRequest
    | pb.SchedulePlanOfflineRequest
    | pb.PlanPauseRequest
    | pb.PlanResumeRequest
)
_Named = _Guarded | pb.SchedulePlanDetailRequest | pb.PlanRunRequest | pb.PlanPreviewRequest
