"""Evaluations and allocations: lists and details over live runs and history."""

from collections.abc import Sequence

from msgspec import Struct

from jobpool.api.checks import check_enum, check_filter, check_id, check_page, check_statuses, optional_time
from jobpool.api.context import Context
from jobpool.api.jobs import candidates, place
from jobpool.api.keyset import Seek, check_seek
from jobpool.api.service import Call
from jobpool.history.merge import merged, widened
from jobpool.history.queries import (
    AllocationFilter,
    EvaluationFilter,
    GetJob,
    GetPart,
    ListAllocations,
    ListEvaluations,
)
from jobpool.model.errors import InvalidArgument, NotFound
from jobpool.model.run import Attempt, Evaluation, Run, allocation_id, allocation_name, evaluation_id, split_id
from jobpool.model.statuses import TERMINAL_ALLOCATION, AllocationStatus, DesiredStatus, EvaluationStatus
from jobpool.replica.state import State
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import allocation_message, evaluation_message

_MAX_IDS = 1000


class Evaluations:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def list(self, request: pb.ScheduleEvalListRequest, call: Call) -> pb.ScheduleEvalListResponse:
        seek = check_seek(request, int, str)
        page = check_page(request.pageNumber, request.pageSize)
        wanted = _evaluation_filter(request)
        live = self._live(wanted)
        if seek is not None:
            asked = ListEvaluations(wanted, 0, seek.limit + 1, sought=True, before=place(seek))
            found = await self._context.read(self._context.history.query(asked), call)
            shown, token = seek.take((*live, *found.items), _evaluation_order, descending=True)
            data = [evaluation_message(run, evaluation) for run, evaluation in shown]
            response = pb.ScheduleEvalListResponse(header=self._context.header(), data=data)
            setattr(response, "continue", token)
            return response
        offset, limit = widened(page.offset, page.limit, len(live))
        found = await self._context.read(self._context.history.query(ListEvaluations(wanted, offset, limit)), call)
        items = merged(live, found.items, key=_evaluation_order, offset=page.offset, limit=page.limit)
        total = len(live) + found.total
        return pb.ScheduleEvalListResponse(
            header=self._context.header(),
            data=[evaluation_message(run, evaluation) for run, evaluation in items],
            totalElements=total,
            totalPages=page.pages(total),
        )

    async def detail(self, request: pb.ScheduleEvalDetailRequest, call: Call) -> pb.ScheduleEvalDetailResponse:
        run, number = await find_part(self._context, "eval", request.id, call)
        evaluation = next(item for item in run.evaluations if item.number == number)
        data = evaluation_message(run, evaluation)
        return pb.ScheduleEvalDetailResponse(header=self._context.header(), data=data)

    def _live(self, wanted: EvaluationFilter) -> Sequence[tuple[Run, Evaluation]]:
        runs = candidates(self._context.state, wanted.job_id)
        live = [(run, item) for run in runs for item in run.evaluations if wanted.matches(run, item)]
        live.sort(key=_evaluation_order, reverse=True)
        return live


class Allocations:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def list(self, request: pb.ScheduleAllocationListRequest, call: Call) -> pb.ScheduleAllocationListResponse:
        found = await self._found(request, call)
        response = pb.ScheduleAllocationListResponse(
            header=self._context.header(),
            data=[allocation_of(self._context.state, run, attempt) for run, attempt in found.items],
            totalElements=found.total,
            totalPages=found.pages,
        )
        setattr(response, "continue", found.token)
        return response

    async def simple(
        self, request: pb.ScheduleAllocationListRequest, call: Call
    ) -> pb.ScheduleSimpleAllocationListResponse:
        found = await self._found(request, call)
        response = pb.ScheduleSimpleAllocationListResponse(
            header=self._context.header(),
            data=[pb.SimpleAllocation(id=allocation_name(run, attempt.number)) for run, attempt in found.items],
            totalElements=found.total,
            totalPages=found.pages,
        )
        setattr(response, "continue", found.token)
        return response

    async def detail(
        self, request: pb.ScheduleAllocationDetailRequest, call: Call
    ) -> pb.ScheduleAllocationDetailResponse:
        run, number = await find_part(self._context, "allocation", request.id, call)
        attempt = next(item for item in run.attempts if item.number == number)
        data = allocation_of(self._context.state, run, attempt)
        return pb.ScheduleAllocationDetailResponse(header=self._context.header(), data=data)

    async def _found(self, request: pb.ScheduleAllocationListRequest, call: Call) -> "_Found":
        """A part of the list. Without a page size a node's live allocations come whole, as its agent needs them."""
        seek = check_seek(request, int, str)
        wanted = _allocation_filter(request, self._context.state)
        page = check_page(request.pageNumber, request.pageSize)
        live = self._live(wanted)
        all_live = bool(wanted.statuses) and not TERMINAL_ALLOCATION.intersection(wanted.statuses)
        if seek is not None:
            return await self._sought(wanted, seek, live, call, all_live=all_live)
        if not request.pageSize and request.node_id and page.offset == 0 and len(live) > page.limit:
            return _Found(live, len(live), 1)
        if all_live:  # agents ask five times a second
            return _Found(live[page.offset : page.offset + page.limit], len(live), page.pages(len(live)))
        offset, limit = widened(page.offset, page.limit, len(live))
        found = await self._context.read(self._context.history.query(ListAllocations(wanted, offset, limit)), call)
        items = merged(live, found.items, key=_allocation_order, offset=page.offset, limit=page.limit)
        total = len(live) + found.total
        return _Found(items, total, page.pages(total))

    async def _sought(
        self,
        wanted: AllocationFilter,
        seek: Seek,
        live: Sequence[tuple[Run, Attempt]],
        call: Call,
        *,
        all_live: bool,
    ) -> "_Found":
        finished: Sequence[tuple[Run, Attempt]] = ()
        if not all_live:
            asked = ListAllocations(wanted, 0, seek.limit + 1, sought=True, before=place(seek))
            finished = (await self._context.read(self._context.history.query(asked), call)).items
        shown, token = seek.take((*live, *finished), _allocation_order, descending=True)
        return _Found(shown, token=token)

    def _live(self, wanted: AllocationFilter) -> Sequence[tuple[Run, Attempt]]:
        runs = _candidates(self._context.state, wanted)
        live = [(run, item) for run in runs for item in run.attempts if wanted.matches(run, item)]
        live.sort(key=_allocation_order, reverse=True)
        return live


class _Found(Struct, frozen=True):
    """Part of a list; what is sought by key counts nothing."""

    items: Sequence[tuple[Run, Attempt]]
    total: int = 0
    pages: int = 0
    token: str = ""


def _candidates(state: State, wanted: AllocationFilter) -> Sequence[Run]:
    """The live runs that can match; those of one node when only what it still has to take is wanted."""
    if wanted.node_id and wanted.statuses == (AllocationStatus.PENDING,) and not wanted.job_id:
        found = [run for job_id in state.node_runs(wanted.node_id) if (run := state.run(job_id)) is not None]
        node = state.node(wanted.node_id)
        # Of a run from before a restore nobody knows whether it ran: an agent that polls would run it again.
        return [run for run in found if not run.predates(state.era)] if node is not None and node.polling else found
    return candidates(state, wanted.job_id)


def _evaluation_order(item: tuple[Run, Evaluation]) -> tuple[int, str]:
    return (item[1].created_at, evaluation_id(item[0].id, item[1].number))


def _allocation_order(item: tuple[Run, Attempt]) -> tuple[int, str]:
    return (item[1].created_at, allocation_id(item[0].id, item[1].number))


async def find_part(context: Context, kind: str, text: str, call: Call, *, field: str = "id") -> tuple[Run, int]:
    """The run that the id of an `eval` or an `allocation` names, and the number within it. Raises NotFound."""
    letter, named = kind[0], split_id(check_id(field, text))
    alias = context.state.aliased(letter, text)
    if alias is None and named is not None and named[1] == letter:
        run = context.state.run(named[0])
        if run is None:
            run = await context.read(context.history.query(GetJob(named[0])), call)
        if run is not None and part_of(run, kind, named[2]) is not None:
            return run, named[2]
    run = context.state.run(alias) if alias is not None else None
    if run is None:
        run = await context.read(context.history.query(GetPart(letter, text)), call)
    for given in run.aliases if run is not None else ():
        if run is not None and (given.part, given.id) == (letter, text) and part_of(run, kind, given.number):
            return run, given.number
    raise NotFound(kind, text, field=field)


def part_of(run: Run, kind: str, number: int) -> Evaluation | Attempt | None:
    """The run's `eval` or `allocation` of that number."""
    parts: Sequence[Evaluation | Attempt] = run.evaluations if kind == "eval" else run.attempts
    return next((part for part in parts if part.number == number), None)


def allocation_of(state: State, run: Run, attempt: Attempt) -> pb.Allocation:
    """An allocation; one that only tells a callee of a tick that did not run brings the parameters to do so."""
    message = allocation_message(run, attempt)
    if attempt.status is AllocationStatus.PENDING and attempt.desired in (DesiredStatus.SKIP, DesiredStatus.FAIL):
        message.client_description = parameters_of(state, run)
    return message


def parameters_of(state: State, run: Run) -> str:
    """Those in force for the run; empty when its plan's version is forgotten."""
    if run.parameters is not None:
        return run.parameters
    plan = state.plan_version(run.namespace, run.plan_id, run.plan_version)
    return plan.parameters if plan is not None else ""


def _evaluation_filter(request: pb.ScheduleEvalListRequest) -> EvaluationFilter:
    for field in ("id", "namespace", "plan_id", "job_id"):
        check_filter(field, getattr(request, field))
    return EvaluationFilter(
        id=request.id,
        namespace=request.namespace,
        status=check_enum("status", request.status, EvaluationStatus) if request.status else None,
        plan_id=request.plan_id,
        job_id=request.job_id,
        created_after=optional_time(request, "start_time"),
        created_until=optional_time(request, "end_time"),
    )


def _allocation_filter(request: pb.ScheduleAllocationListRequest, state: State) -> AllocationFilter:
    for field in ("id", "namespace", "plan_id", "job_id", "node_id", "eval_id", "name"):
        check_filter(field, getattr(request, field))
    if len(request.ids) > _MAX_IDS:
        raise InvalidArgument("ids", f"holds at most {_MAX_IDS} ids, found {len(request.ids)}")
    ids = tuple(check_filter("ids", item) for item in request.ids)
    return AllocationFilter(
        id=request.id,
        ids=ids,
        namespace=request.namespace,
        statuses=check_statuses(request.status, AllocationStatus),
        plan_id=request.plan_id,
        job_id=request.job_id,
        node_id=state.node_named(request.node_id),
        evaluation_id=request.eval_id,
        name=request.name,
        created_after=optional_time(request, "start_time"),
        created_until=optional_time(request, "end_time"),
    )
