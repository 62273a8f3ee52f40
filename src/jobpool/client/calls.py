"""Every call of the service, one typed method each: what it reads may be asked again elsewhere, what it writes not."""

from typing import Protocol, TypeVar

from google.protobuf.message import Message

from jobpool.kit.pure.durations import Millis
from jobpool.wire import jobpool_pb2 as pb

Reply = TypeVar("Reply", bound=Message)


class Calls(Protocol):
    """The unary calls, over one `call`; they raise what `call` raises."""

    async def call(
        self,
        rpc: str,
        request: Message,
        *,
        reply: type[Reply],
        repeatable: bool = False,
        timeout: Millis | None = None,
    ) -> Reply: ...

    async def plan_add(self, request: pb.SchedulePlanAddRequest) -> pb.SchedulePlanAddResponse:
        return await self.call(
            "PlanAdd", request, reply=pb.SchedulePlanAddResponse, repeatable=bool(request.idempotency_key)
        )

    async def plan_list(self, request: pb.SchedulePlanListRequest) -> pb.SchedulePlanListResponse:
        return await self.call("PlanList", request, reply=pb.SchedulePlanListResponse, repeatable=True)

    async def plan_update(self, request: pb.SchedulePlanUpdateRequest) -> pb.SchedulePlanUpdateResponse:
        return await self.call("PlanUpdate", request, reply=pb.SchedulePlanUpdateResponse)

    async def plan_delete(self, request: pb.SchedulePlanDeleteRequest) -> pb.SchedulePlanDeleteResponse:
        return await self.call("PlanDelete", request, reply=pb.SchedulePlanDeleteResponse)

    async def plan_detail(self, request: pb.SchedulePlanDetailRequest) -> pb.SchedulePlanDetailResponse:
        return await self.call("PlanDetail", request, reply=pb.SchedulePlanDetailResponse, repeatable=True)

    async def plan_online(self, request: pb.SchedulePlanOnlineRequest) -> pb.SchedulePlanDetailResponse:
        return await self.call("PlanOnline", request, reply=pb.SchedulePlanDetailResponse)

    async def plan_offline(self, request: pb.SchedulePlanOfflineRequest) -> pb.SchedulePlanDetailResponse:
        return await self.call("PlanOffline", request, reply=pb.SchedulePlanDetailResponse)

    async def plan_pause(self, request: pb.PlanPauseRequest) -> pb.SchedulePlanDetailResponse:
        return await self.call("PlanPause", request, reply=pb.SchedulePlanDetailResponse)

    async def plan_resume(self, request: pb.PlanResumeRequest) -> pb.SchedulePlanDetailResponse:
        return await self.call("PlanResume", request, reply=pb.SchedulePlanDetailResponse)

    async def namespace_add(self, request: pb.ScheduleNameSpaceAddRequest) -> pb.ScheduleNameSpaceAddResponse:
        return await self.call(
            "NameSpaceAdd", request, reply=pb.ScheduleNameSpaceAddResponse, repeatable=bool(request.idempotency_key)
        )

    async def namespace_list(self, request: pb.ScheduleNameSpaceListRequest) -> pb.ScheduleNameSpaceListResponse:
        return await self.call("NameSpaceList", request, reply=pb.ScheduleNameSpaceListResponse, repeatable=True)

    async def namespace_delete(self, request: pb.ScheduleNameSpaceDeleteRequest) -> pb.ScheduleNameSpaceDeleteResponse:
        return await self.call("NameSpaceDelete", request, reply=pb.ScheduleNameSpaceDeleteResponse)

    async def namespace_detail(self, request: pb.ScheduleNameSpaceDetailRequest) -> pb.ScheduleNameSpaceDetailResponse:
        return await self.call("NameSpaceDetail", request, reply=pb.ScheduleNameSpaceDetailResponse, repeatable=True)

    async def namespace_update(self, request: pb.ScheduleNameSpaceUpdateRequest) -> pb.ScheduleNameSpaceUpdateResponse:
        return await self.call("NameSpaceUpdate", request, reply=pb.ScheduleNameSpaceUpdateResponse)

    async def job_add(self, request: pb.ScheduleJobAddRequest) -> pb.ScheduleJobAddResponse:
        return await self.call("JobAdd", request, reply=pb.ScheduleJobAddResponse)

    async def job_list(self, request: pb.ScheduleJobListRequest) -> pb.ScheduleJobListResponse:
        return await self.call("JobList", request, reply=pb.ScheduleJobListResponse, repeatable=True)

    async def job_exist(self, request: pb.ScheduleJobExistRequest) -> pb.ScheduleJobExistResponse:
        return await self.call("JobExist", request, reply=pb.ScheduleJobExistResponse, repeatable=True)

    async def job_update(self, request: pb.ScheduleJobStatusUpdateRequest) -> pb.ScheduleJobStatusUpdateResponse:
        return await self.call("JobUpdate", request, reply=pb.ScheduleJobStatusUpdateResponse)

    async def job_delete(self, request: pb.ScheduleJobDeleteRequest) -> pb.ScheduleJobDeleteResponse:
        return await self.call("JobDelete", request, reply=pb.ScheduleJobDeleteResponse)

    async def job_detail(self, request: pb.ScheduleJobDetailRequest) -> pb.ScheduleJobDetailResponse:
        return await self.call("JobDetail", request, reply=pb.ScheduleJobDetailResponse, repeatable=True)

    async def eval_add(self, request: pb.ScheduleEvalAddRequest) -> pb.ScheduleEvalAddResponse:
        return await self.call("EvalAdd", request, reply=pb.ScheduleEvalAddResponse)

    async def eval_list(self, request: pb.ScheduleEvalListRequest) -> pb.ScheduleEvalListResponse:
        return await self.call("EvalList", request, reply=pb.ScheduleEvalListResponse, repeatable=True)

    async def eval_update(self, request: pb.ScheduleEvalStatusUpdateRequest) -> pb.ScheduleEvalStatusUpdateResponse:
        return await self.call("EvalUpdate", request, reply=pb.ScheduleEvalStatusUpdateResponse)

    async def eval_delete(self, request: pb.ScheduleEvalDeleteRequest) -> pb.ScheduleEvalDeleteResponse:
        return await self.call("EvalDelete", request, reply=pb.ScheduleEvalDeleteResponse)

    async def eval_detail(self, request: pb.ScheduleEvalDetailRequest) -> pb.ScheduleEvalDetailResponse:
        return await self.call("EvalDetail", request, reply=pb.ScheduleEvalDetailResponse, repeatable=True)

    async def allocation_add(self, request: pb.ScheduleAllocationAddRequest) -> pb.ScheduleAllocationAddResponse:
        return await self.call("AllocationAdd", request, reply=pb.ScheduleAllocationAddResponse)

    async def allocation_list(self, request: pb.ScheduleAllocationListRequest) -> pb.ScheduleAllocationListResponse:
        return await self.call("AllocationList", request, reply=pb.ScheduleAllocationListResponse, repeatable=True)

    async def simple_allocation_list(
        self, request: pb.ScheduleAllocationListRequest
    ) -> pb.ScheduleSimpleAllocationListResponse:
        return await self.call(
            "SimpleAllocationList", request, reply=pb.ScheduleSimpleAllocationListResponse, repeatable=True
        )

    async def allocation_update(
        self, request: pb.ScheduleAllocationStatusUpdateRequest
    ) -> pb.ScheduleAllocationStatusUpdateResponse:
        return await self.call("AllocationUpdate", request, reply=pb.ScheduleAllocationStatusUpdateResponse)

    async def allocation_delete(
        self, request: pb.ScheduleAllocationDeleteRequest
    ) -> pb.ScheduleAllocationDeleteResponse:
        return await self.call("AllocationDelete", request, reply=pb.ScheduleAllocationDeleteResponse)

    async def allocation_detail(
        self, request: pb.ScheduleAllocationDetailRequest
    ) -> pb.ScheduleAllocationDetailResponse:
        return await self.call("AllocationDetail", request, reply=pb.ScheduleAllocationDetailResponse, repeatable=True)

    async def eval_dequeue(self, request: pb.ScheduleEvalDequeueRequest) -> pb.ScheduleEvalDequeueResponse:
        return await self.call("EvalDequeue", request, reply=pb.ScheduleEvalDequeueResponse)

    async def eval_ack(self, request: pb.ScheduleEvalAckRequest) -> pb.ScheduleEvalAckResponse:
        return await self.call("EvalAck", request, reply=pb.ScheduleEvalAckResponse)

    async def eval_nack(self, request: pb.ScheduleEvalNackRequest) -> pb.ScheduleEvalNackResponse:
        return await self.call("EvalNack", request, reply=pb.ScheduleEvalNackResponse)

    async def node_add(self, request: pb.NodeAddRequest) -> pb.NodeAddResponse:
        return await self.call("NodeAdd", request, reply=pb.NodeAddResponse)

    async def node_list(self, request: pb.NodeListRequest) -> pb.NodeListResponse:
        return await self.call("NodeList", request, reply=pb.NodeListResponse, repeatable=True)

    async def node_update(self, request: pb.NodeUpdateRequest) -> pb.NodeUpdateResponse:
        return await self.call("NodeUpdate", request, reply=pb.NodeUpdateResponse)

    async def node_delete(self, request: pb.NodeDeleteRequest) -> pb.NodeDeleteResponse:
        return await self.call("NodeDelete", request, reply=pb.NodeDeleteResponse)

    async def node_detail(self, request: pb.NodeDetailRequest) -> pb.NodeDetailResponse:
        return await self.call("NodeDetail", request, reply=pb.NodeDetailResponse, repeatable=True)

    async def node_eligibility(self, request: pb.NodeEligibilityRequest) -> pb.NodeEligibilityResponse:
        return await self.call("NodeEligibility", request, reply=pb.NodeEligibilityResponse)

    async def node_drain(self, request: pb.NodeDrainRequest) -> pb.NodeDrainResponse:
        return await self.call("NodeDrain", request, reply=pb.NodeDrainResponse)

    async def plan_allocation_enqueue(
        self, request: pb.PlanAllocationEnqueueRequest
    ) -> pb.PlanAllocationEnqueueResponse:
        return await self.call("PlanAllocationEnqueue", request, reply=pb.PlanAllocationEnqueueResponse)

    async def queue_detail(self, request: pb.QueueDetailRequest) -> pb.QueueDetailResponse:
        return await self.call("QueueDetail", request, reply=pb.QueueDetailResponse, repeatable=True)

    async def queue_pause(self, request: pb.QueuePauseRequest) -> pb.QueuePauseResponse:
        return await self.call("QueuePause", request, reply=pb.QueuePauseResponse)

    async def queue_resume(self, request: pb.QueueResumeRequest) -> pb.QueueResumeResponse:
        return await self.call("QueueResume", request, reply=pb.QueueResumeResponse)

    async def queue_job_view_detail(self, request: pb.QueueJobViewRequest) -> pb.QueueJobViewResponse:
        return await self.call("QueueJobViewDetail", request, reply=pb.QueueJobViewResponse, repeatable=True)

    async def plan_run(self, request: pb.PlanRunRequest) -> pb.PlanRunResponse:
        return await self.call("PlanRun", request, reply=pb.PlanRunResponse, repeatable=bool(request.idempotency_key))

    async def plan_preview(self, request: pb.PlanPreviewRequest) -> pb.PlanPreviewResponse:
        return await self.call("PlanPreview", request, reply=pb.PlanPreviewResponse, repeatable=True)

    async def plan_outcomes(self, request: pb.PlanOutcomesRequest) -> pb.PlanOutcomesResponse:
        return await self.call("PlanOutcomes", request, reply=pb.PlanOutcomesResponse, repeatable=True)

    async def upcoming(self, request: pb.UpcomingRequest) -> pb.UpcomingResponse:
        return await self.call("Upcoming", request, reply=pb.UpcomingResponse, repeatable=True)

    async def plan_explain(self, request: pb.PlanExplainRequest) -> pb.PlanExplainResponse:
        return await self.call("PlanExplain", request, reply=pb.PlanExplainResponse, repeatable=True)

    async def job_explain(self, request: pb.JobExplainRequest) -> pb.JobExplainResponse:
        return await self.call("JobExplain", request, reply=pb.JobExplainResponse, repeatable=True)

    async def timeline(self, request: pb.TimelineRequest) -> pb.TimelineResponse:
        return await self.call("Timeline", request, reply=pb.TimelineResponse, repeatable=True)

    async def plan_ledger(self, request: pb.PlanLedgerRequest) -> pb.PlanLedgerResponse:
        return await self.call("PlanLedger", request, reply=pb.PlanLedgerResponse, repeatable=True)

    async def job_cancel(self, request: pb.JobCancelRequest) -> pb.JobCancelResponse:
        return await self.call("JobCancel", request, reply=pb.JobCancelResponse)

    async def job_rerun(self, request: pb.JobRerunRequest) -> pb.PlanRunResponse:
        return await self.call("JobRerun", request, reply=pb.PlanRunResponse, repeatable=bool(request.idempotency_key))

    async def job_logs(self, request: pb.JobLogsRequest) -> pb.JobLogsResponse:
        return await self.call("JobLogs", request, reply=pb.JobLogsResponse, repeatable=True)

    async def server_status(self, request: pb.ServerStatusRequest) -> pb.ServerStatusResponse:
        return await self.call("ServerStatus", request, reply=pb.ServerStatusResponse, repeatable=True)

    async def cluster_detail(self, request: pb.ClusterDetailRequest) -> pb.ClusterDetailResponse:
        return await self.call("ClusterDetail", request, reply=pb.ClusterDetailResponse, repeatable=True)

    async def server_list(self, request: pb.ServerListRequest) -> pb.ServerListResponse:
        return await self.call("ServerList", request, reply=pb.ServerListResponse, repeatable=True)

    async def member_list(self, request: pb.MemberListRequest) -> pb.MemberListResponse:
        return await self.call("MemberList", request, reply=pb.MemberListResponse, repeatable=True)

    async def member_add(self, request: pb.MemberAddRequest) -> pb.MemberAddResponse:
        return await self.call("MemberAdd", request, reply=pb.MemberAddResponse)

    async def member_remove(self, request: pb.MemberRemoveRequest) -> pb.MemberRemoveResponse:
        return await self.call("MemberRemove", request, reply=pb.MemberRemoveResponse)

    async def member_update(self, request: pb.MemberUpdateRequest) -> pb.MemberUpdateResponse:
        return await self.call("MemberUpdate", request, reply=pb.MemberUpdateResponse)

    async def member_promote(self, request: pb.MemberPromoteRequest) -> pb.MemberPromoteResponse:
        return await self.call("MemberPromote", request, reply=pb.MemberPromoteResponse)

    async def move_leader(self, request: pb.MoveLeaderRequest) -> pb.MoveLeaderResponse:
        return await self.call("MoveLeader", request, reply=pb.MoveLeaderResponse)

    async def move_raft_leader(self, request: pb.MoveRaftLeaderRequest) -> pb.MoveRaftLeaderResponse:
        return await self.call("MoveRaftLeader", request, reply=pb.MoveRaftLeaderResponse)

    async def alarm_list(self, request: pb.AlarmListRequest) -> pb.AlarmListResponse:
        return await self.call("AlarmList", request, reply=pb.AlarmListResponse, repeatable=True)

    async def alarm_disarm(self, request: pb.AlarmDisarmRequest) -> pb.AlarmDisarmResponse:
        return await self.call("AlarmDisarm", request, reply=pb.AlarmDisarmResponse)

    async def defragment(self, request: pb.DefragmentRequest) -> pb.DefragmentResponse:
        return await self.call("Defragment", request, reply=pb.DefragmentResponse)

    async def hash_kv(self, request: pb.HashKVRequest) -> pb.HashKVResponse:
        return await self.call("HashKV", request, reply=pb.HashKVResponse, repeatable=True)
