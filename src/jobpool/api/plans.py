"""Plans: add, list, change, switch, delete, run by hand, preview."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec.structs import replace

from jobpool.api.checks import (
    check_name,
    check_namespace,
    check_text,
    optional_time,
)
from jobpool.api.context import Context
from jobpool.api.idempotency import mark_of
from jobpool.api.jobs import find_run, job_of
from jobpool.api.plan_list import list_plans
from jobpool.api.plan_preview import existing_plan, preview
from jobpool.api.plan_requests import add_patch, update_patch
from jobpool.api.service import Call
from jobpool.model.errors import InvalidArgument, NotFound
from jobpool.model.plan import Plan
from jobpool.model.schedule import Overlap
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
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import plan_message

T = TypeVar("T")

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
        mark = mark_of(request, call, namespace)
        command = AddPlan(namespace, plan_id, patch, self._context.default_time_zone, mark)
        if request.dry_run:
            plan = replace(self._would_add(command), version=0)
            return pb.SchedulePlanAddResponse(header=self._context.header(), data=plan_message(plan, None))
        added = await self._context.write(command, call)
        return pb.SchedulePlanAddResponse(header=self._context.header(), data=self._message(added))

    async def update(self, request: pb.SchedulePlanUpdateRequest, call: Call) -> pb.SchedulePlanUpdateResponse:
        namespace, plan_id = _named(request)
        patch = update_patch(request)
        zone = self._context.default_time_zone
        command = UpdatePlan(namespace, plan_id, patch, zone, _revision(request))
        if request.dry_run:
            plan = command.outcome(self._context.state, self._context.clock.now())
            return pb.SchedulePlanUpdateResponse(header=self._context.header(), data=plan_message(plan, None))
        updated = await self._caught_up(namespace, plan_id, call, lambda: self._context.write(command, call))
        return pb.SchedulePlanUpdateResponse(header=self._context.header(), data=self._message(updated))

    async def delete(self, request: pb.SchedulePlanDeleteRequest, call: Call) -> pb.SchedulePlanDeleteResponse:
        await self._context.write(DeletePlan(*_named(request), _revision(request)), call)
        return pb.SchedulePlanDeleteResponse(header=self._context.header())

    async def detail(self, request: pb.SchedulePlanDetailRequest, call: Call) -> pb.SchedulePlanDetailResponse:
        return self._detail(existing_plan(self._context, *_named(request)))

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
        return await list_plans(self._context, request)

    async def run(self, request: pb.PlanRunRequest, call: Call) -> pb.PlanRunResponse:
        namespace, plan_id = _named(request)
        if request.overlap not in ("", Overlap.ALLOW):
            raise InvalidArgument(
                "overlap", f"must be allow, or empty for the plan's own policy; found {request.overlap[:40]!r}"
            )
        command = StartRun(
            namespace,
            plan_id,
            self._mint(call),
            parameters=request.parameters if request.HasField("parameters") else None,
            mark=mark_of(request, call, namespace, plan_id),
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
        return await preview(self._context, request)

    def _would_add(self, command: AddPlan) -> Plan:
        if command.mark is not None:
            raise InvalidArgument("idempotency_key", "a dry run stores nothing, so there is nothing to repeat")
        return command.decide(self._context.state, self._context.clock.now()).result

    # ---- what they share

    def _mint(self, call: Call) -> str:
        return call.minted or self._context.dice.ulid(self._context.clock.now())

    def _message(self, plan: Plan) -> pb.Plan:
        return plan_message(plan, self._context.state.cursor(*plan.key))

    def _detail(self, plan: Plan) -> pb.SchedulePlanDetailResponse:
        return pb.SchedulePlanDetailResponse(header=self._context.header(), data=self._message(plan))

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


_Guarded = (
    pb.SchedulePlanUpdateRequest
    | pb.SchedulePlanDeleteRequest
    | pb.SchedulePlanOnlineRequest
    | pb.SchedulePlanOfflineRequest
    | pb.PlanPauseRequest
    | pb.PlanResumeRequest
)
_Named = _Guarded | pb.SchedulePlanDetailRequest | pb.PlanRunRequest
