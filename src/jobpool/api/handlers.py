"""The table of calls: which noun answers which RPC."""

from collections.abc import Callable, Mapping

from jobpool.api.allocation_records import AllocationRecords
from jobpool.api.changes import Changes
from jobpool.api.cluster import Cluster
from jobpool.api.context import Context
from jobpool.api.eval_queue import EvalQueue
from jobpool.api.eval_records import EvalRecords
from jobpool.api.evaluations import Allocations, Evaluations
from jobpool.api.explain import Explain
from jobpool.api.job_records import JobRecords
from jobpool.api.jobs import Jobs
from jobpool.api.ledger import Ledger, Ranges
from jobpool.api.logs import Logs, Outputs
from jobpool.api.namespaces import Namespaces
from jobpool.api.node_watch import NodeWatch
from jobpool.api.nodes import Nodes, Queues
from jobpool.api.open_streams import OpenStreams
from jobpool.api.operations import Operations
from jobpool.api.outcomes import Outcomes
from jobpool.api.pauses import Pauses
from jobpool.api.plans import Plans
from jobpool.api.pollers import Pollers
from jobpool.api.reruns import Reruns
from jobpool.api.run_waits import RunWaits
from jobpool.api.service import Handler, Route, ServerStream, Service
from jobpool.api.sessions import Sessions
from jobpool.api.sightings import Sightings
from jobpool.api.snapshots import Snapshots
from jobpool.api.timeline import Timeline
from jobpool.api.upcoming import Upcoming
from jobpool.api.watch import Watch


def build_service(
    context: Context,
    sessions: Sessions,
    snapshots: Snapshots,
    *,
    operations: Operations | None = None,
    cluster: Cluster | None = None,
    ranges: Ranges | None = None,
    outputs: Outputs | None = None,
    route: Route | None = None,
    streams: OpenStreams | None = None,
    is_behind: Callable[[], bool] = lambda: False,
    has_leader: Callable[[], bool] = lambda: True,
) -> Service:
    """Without `operations` the calls of an administrator are not served, without `outputs` only output that is here.

    Without `ranges` there is no ledger of a plan, without `cluster` no view of the whole.
    `streams` ends the streams when the server stops; `is_behind` tells whether this server is known not to have folded
    all there is, `has_leader` whether it knows of one.
    """
    streams = OpenStreams() if streams is None else streams
    logs = Logs(context, outputs or sessions, streams, RunWaits(context.replica))
    watch = Watch(context, Changes(context.replica), streams, is_behind=is_behind)
    handlers = dict(_handlers(context, logs, sessions.sightings))
    handlers |= operations.handlers if operations is not None else {}
    explain = Explain(context, has_leader=has_leader, ranges=ranges)
    handlers |= {
        "PlanExplain": explain.plan,
        "JobExplain": explain.job,
        "Timeline": Timeline(context).read,
    }
    if ranges is not None:
        handlers |= {
            "PlanLedger": Ledger(context, ranges).read,
        }
    streamed: dict[str, ServerStream] = {
        "Watch": watch.serve,
        "JobLogsFollow": logs.follow,
        "SnapshotSave": snapshots.save,
        "NodeWatch": NodeWatch(context, sessions.sightings, streams).serve,
    }
    if cluster is not None:
        handlers |= {
            "ClusterDetail": cluster.detail,
        }
        streamed |= {
            "ClusterWatch": cluster.watch,
        }
    return Service(handlers, agent_session=sessions.serve, streams=streamed, route=route)


def _handlers(context: Context, logs: Logs, sightings: Sightings) -> Mapping[str, Handler]:
    plans, namespaces, jobs = Plans(context), Namespaces(context), Jobs(context)
    evaluations, allocations, queues = Evaluations(context), Allocations(context), Queues(context)
    nodes, pollers, pauses = Nodes(context, sightings), Pollers(context, sightings), Pauses(context)
    taken, added, placed = EvalQueue(context), EvalRecords(context), AllocationRecords(context)
    return {
        "PlanAdd": plans.add,
        "PlanList": plans.list,
        "PlanUpdate": plans.update,
        "PlanDelete": plans.delete,
        "PlanDetail": plans.detail,
        "PlanOnline": plans.online,
        "PlanOffline": plans.offline,
        "PlanPause": plans.pause,
        "PlanResume": plans.resume,
        "PlanRun": plans.run,
        "PlanPreview": plans.preview,
        "PlanOutcomes": Outcomes(context).read,
        "Upcoming": Upcoming(context).read,
        "NameSpaceAdd": namespaces.add,
        "NameSpaceList": namespaces.list,
        "NameSpaceDelete": namespaces.delete,
        "NameSpaceDetail": namespaces.detail,
        "NameSpaceUpdate": namespaces.update,
        "JobAdd": JobRecords(context).add,
        "JobDelete": JobRecords(context).delete,
        "JobList": jobs.list,
        "JobExist": jobs.exist,
        "JobUpdate": jobs.report,
        "JobDetail": jobs.detail,
        "JobCancel": jobs.cancel,
        "JobRerun": Reruns(context).rerun,
        "JobLogs": logs.read,
        "EvalAdd": added.add,
        "EvalList": evaluations.list,
        "EvalUpdate": added.update,
        "EvalDelete": added.delete,
        "EvalDetail": evaluations.detail,
        "EvalDequeue": taken.dequeue,
        "EvalAck": taken.ack,
        "EvalNack": taken.nack,
        "AllocationAdd": placed.add,
        "AllocationList": allocations.list,
        "SimpleAllocationList": allocations.simple,
        "AllocationUpdate": placed.update,
        "AllocationDelete": placed.delete,
        "PlanAllocationEnqueue": placed.enqueue,
        "AllocationDetail": allocations.detail,
        "NodeAdd": pollers.add,
        "NodeUpdate": pollers.update,
        "NodeList": nodes.list,
        "NodeDetail": nodes.detail,
        "NodeDelete": nodes.delete,
        "NodeEligibility": nodes.eligibility,
        "NodeDrain": nodes.drain,
        "QueueDetail": queues.detail,
        "QueueJobViewDetail": queues.job_view,
        "QueuePause": pauses.pause,
        "QueueResume": pauses.resume,
    }
