"""Lists as asynchronous iterators, page after page, and the few calls that programs make most."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from jobpool.client.calls import Calls
from jobpool.model.errors import InvalidArgument
from jobpool.wire import jobpool_pb2 as pb

PAGE = 500

Item = TypeVar("Item", bound=Message)
Request = TypeVar("Request", bound=Message)


class _Page(Protocol[Item]):
    @property
    def data(self) -> RepeatedCompositeFieldContainer[Item]: ...


class Lists(Calls, Protocol):
    """What is over the calls; it raises what they raise.

    A list is read in pages of 500. What is there from its first page to its last is given once; what comes or goes
    meanwhile may be given or not. Namespaces: empty = all. `since` and `until` are aware datetimes: created after the
    one, and not after the other.
    """

    def plans(
        self, namespace: str = "", *, status: str = "", owner: str = "", labels: Iterable[str] = ()
    ) -> AsyncGenerator[pb.Plan, None]:
        """Newest first. `status`: pending, running or dead; `labels`: each `name=value` or `name`, all must hold."""
        request = pb.SchedulePlanListRequest(namespace=namespace, status=status, owner=owner, labels=labels, limit=PAGE)
        return _pages(self.plan_list, request)

    def jobs(
        self,
        namespace: str = "",
        *,
        plan_id: str = "",
        status: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncGenerator[pb.Job, None]:
        """Newest first. `status`: one, or several with commas between."""
        request = pb.ScheduleJobListRequest(
            namespace=namespace,
            plan_id=plan_id,
            status=status,
            start_time=_stamp("since", since),
            end_time=_stamp("until", until),
            limit=PAGE,
        )
        return _pages(self.job_list, request)

    def evaluations(
        self, namespace: str = "", *, plan_id: str = "", job_id: str = "", status: str = ""
    ) -> AsyncGenerator[pb.Evaluation, None]:
        """Newest first."""
        request = pb.ScheduleEvalListRequest(
            namespace=namespace, plan_id=plan_id, job_id=job_id, status=status, limit=PAGE
        )
        return _pages(self.eval_list, request)

    def allocations(
        self, namespace: str = "", *, plan_id: str = "", job_id: str = "", node_id: str = "", status: str = ""
    ) -> AsyncGenerator[pb.Allocation, None]:
        """Newest first."""
        request = pb.ScheduleAllocationListRequest(
            namespace=namespace, plan_id=plan_id, job_id=job_id, node_id=node_id, status=status, limit=PAGE
        )
        return _pages(self.allocation_list, request)

    def nodes(self, *, status: str = "") -> AsyncGenerator[pb.Node, None]:
        """By id."""
        return _pages(self.node_list, pb.NodeListRequest(status=status, limit=PAGE))

    def namespaces(self) -> AsyncGenerator[pb.NameSpace, None]:
        """By name."""
        return _pages(self.namespace_list, pb.ScheduleNameSpaceListRequest(limit=PAGE))

    async def plan(self, plan_id: str, namespace: str = "default") -> pb.Plan:
        """Raises NotFound."""
        return (await self.plan_detail(pb.SchedulePlanDetailRequest(id=plan_id, namespace=namespace))).data

    async def job(self, job_id: str) -> pb.Job:
        """Raises NotFound."""
        return (await self.job_detail(pb.ScheduleJobDetailRequest(id=job_id))).data

    def new_key(self) -> str:
        """An idempotency key that nobody else has."""
        ...

    async def run_plan(
        self,
        plan_id: str,
        namespace: str = "default",
        *,
        parameters: Mapping[str, object] | None = None,
        overlap: str = "",
        created_by: str = "",
        idempotency_key: str = "",
    ) -> pb.Job:
        """Start a run now, once, even when the answer is lost and it has to be asked for again.

        `parameters` None: the plan's own. `overlap` `allow`: beside a run that is live. Raises NotFound,
        FailedPrecondition (it overlaps, or no slot is free), InvalidArgument for parameters that are none.
        """
        request = pb.PlanRunRequest(
            id=plan_id,
            namespace=namespace,
            overlap=overlap,
            created_by=created_by,
            idempotency_key=idempotency_key or self.new_key(),
        )
        if parameters is not None:
            request.parameters = _json(parameters)
        return (await self.plan_run(request)).data


async def _pages(ask: Callable[[Request], Awaitable[_Page[Item]]], request: Request) -> AsyncGenerator[Item, None]:
    while True:
        page = await ask(request)
        for item in page.data:
            yield item
        more = getattr(page, "continue")
        if not more:
            return
        setattr(request, "continue", more)


def _stamp(field: str, at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidArgument(field, f"wanted a time with a zone, found {at.isoformat()}")
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def _json(parameters: Mapping[str, object]) -> str:
    if not isinstance(parameters, Mapping):
        raise InvalidArgument("parameters", f"wanted values by name, found {str(parameters)[:60]!r}")
    try:
        return json.dumps(dict(parameters), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidArgument("parameters", f"JSON cannot hold it: {error}") from error
