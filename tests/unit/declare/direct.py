"""The API's nouns as a client sees them, without a transport."""

from typing import Any

from jobpool.model.errors import JobpoolError
from jobpool.wire import jobpool_pb2 as pb
from tests.unit.api.nouns import World


class Direct:
    """The calls that applying needs; `failures` are raised instead of the next answers to a call, None = answer.

    `asked` lists the calls that were made but for dry runs and reads.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.failures: dict[str, list[JobpoolError | None]] = {}
        self.asked: list[str] = []

    async def _ask(self, name: str, request: Any) -> Any:
        failures = self.failures.get(name)
        failure = failures.pop(0) if failures and not getattr(request, "dry_run", False) else None
        if failure is not None:
            raise failure
        if not getattr(request, "dry_run", False) and name not in ("PlanDetail", "PlanList", "PlanPreview", "JobList"):
            self.asked.append(f"{name} {request.id}")
        return await self.world.ask(name, request)

    async def plan_add(self, request: pb.SchedulePlanAddRequest) -> pb.SchedulePlanAddResponse:
        answer: pb.SchedulePlanAddResponse = await self._ask("PlanAdd", request)
        return answer

    async def plan_update(self, request: pb.SchedulePlanUpdateRequest) -> pb.SchedulePlanUpdateResponse:
        answer: pb.SchedulePlanUpdateResponse = await self._ask("PlanUpdate", request)
        return answer

    async def plan_detail(self, request: pb.SchedulePlanDetailRequest) -> pb.SchedulePlanDetailResponse:
        answer: pb.SchedulePlanDetailResponse = await self._ask("PlanDetail", request)
        return answer

    async def plan_list(self, request: pb.SchedulePlanListRequest) -> pb.SchedulePlanListResponse:
        answer: pb.SchedulePlanListResponse = await self._ask("PlanList", request)
        return answer

    async def plan_preview(self, request: pb.PlanPreviewRequest) -> pb.PlanPreviewResponse:
        answer: pb.PlanPreviewResponse = await self._ask("PlanPreview", request)
        return answer

    async def plan_offline(self, request: pb.SchedulePlanOfflineRequest) -> pb.SchedulePlanDetailResponse:
        answer: pb.SchedulePlanDetailResponse = await self._ask("PlanOffline", request)
        return answer

    async def plan_delete(self, request: pb.SchedulePlanDeleteRequest) -> pb.SchedulePlanDeleteResponse:
        answer: pb.SchedulePlanDeleteResponse = await self._ask("PlanDelete", request)
        return answer

    async def job_list(self, request: pb.ScheduleJobListRequest) -> pb.ScheduleJobListResponse:
        answer: pb.ScheduleJobListResponse = await self._ask("JobList", request)
        return answer
