"""Which plans a list shows: filters, then a page by number or by key, in the order that is asked for."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial
from heapq import merge, nlargest, nsmallest
from itertools import chain, islice

from msgspec import Struct

from jobpool.api.checks import MAX_PAGE, check_enum, check_filter, check_page
from jobpool.api.context import Context
from jobpool.api.keyset import Key, Seek, check_seek
from jobpool.history.queries import holds_text
from jobpool.model.errors import InvalidArgument
from jobpool.model.plan import Plan
from jobpool.model.statuses import PlanStatus
from jobpool.replica.state import State
from jobpool.store.commands.plan_rules import check_label
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import plan_message

_TEXTS = ("name", "namespace", "description", "id", "owner", "text", "executor")
_MOST_LABELS = 32
_BETWEEN_BREATHS = 4_000
"""Plans that are looked at in one go: some ms, so that a list of 100,000 does not hold the loop."""
_MOST_AT_ONCE = MAX_PAGE + 1
"""A later page by number needs all that is before it: what was looked at in one go is sorted by itself, then merged."""

_NEVER = 2**62
"""The time of a next tick that will not come."""

Check = Callable[[Plan], bool]


class Order(StrEnum):
    """What comes first: what was added last, the first id, or what fires next."""

    CREATED = "created"
    ID = "id"
    NEXT = "next"


class _Sorting(Struct, frozen=True):
    """How an order sorts. `kinds` are the types within its key."""

    key: Callable[[State, Plan], Key]
    kinds: tuple[type, ...]
    descending: bool = False

    def first(self, plans: Iterable[Plan], most: int, state: State) -> list[Plan]:
        pick = nlargest if self.descending else nsmallest
        return pick(most, plans, key=partial(self.key, state))

    def sorted(self, plans: Iterable[Plan], state: State) -> list[Plan]:
        return sorted(plans, key=partial(self.key, state), reverse=self.descending)

    def merged(self, pieces: Iterable[Sequence[Plan]], state: State) -> Iterator[Plan]:
        """Of pieces that are sorted."""
        return merge(*pieces, key=partial(self.key, state), reverse=self.descending)


class _Found(Struct, frozen=True):
    """The first plans of a list, and how many there are in all."""

    first: Sequence[Plan]
    total: int


async def list_plans(context: Context, request: pb.SchedulePlanListRequest) -> pb.SchedulePlanListResponse:
    """Raises InvalidArgument."""
    order = check_enum("order", request.order or Order.CREATED, Order)
    sorting = _SORTINGS[order]
    seek = check_seek(request, *sorting.kinds)
    page = check_page(request.pageNumber, request.pageSize)
    checks = _checks(request)
    response = pb.SchedulePlanListResponse(header=context.header())  # as of now: who watches from it on misses nothing
    if seek is not None:
        found = await _search(context, sorting, [*checks, *_behind(seek, sorting, context.state)], seek.limit + 1)
        shown, token = seek.take(found.first, partial(sorting.key, context.state), descending=sorting.descending)
        setattr(response, "continue", token)
    else:
        found = await _search(context, sorting, checks, page.offset + page.limit)
        shown = list(found.first[page.offset :])
        response.totalElements, response.totalPages = found.total, page.pages(found.total)
    response.data.extend(plan_message(plan, context.state.cursor(*plan.key)) for plan in shown)
    return response


async def _search(context: Context, sorting: _Sorting, checks: Sequence[Check], most: int) -> _Found:
    """The first `most` of the plans that are there now and pass every check."""
    state = context.state
    plans = list(state.plans.values())
    pieces: list[list[Plan]] = []
    total = 0
    for start in range(0, len(plans), _BETWEEN_BREATHS):
        if start:
            await asyncio.sleep(0)
        piece = plans[start : start + _BETWEEN_BREATHS]
        for check in checks:
            piece = [plan for plan in piece if check(plan)]
        total += len(piece)
        if most <= _MOST_AT_ONCE:
            pieces = [sorting.first(chain(*pieces, piece), most, state)]
        else:
            pieces.append(sorting.sorted(piece, state))
    found = sorting.merged(pieces, state)
    first = list(islice(found, min(most, _BETWEEN_BREATHS)))
    while len(first) < most and (more := list(islice(found, min(most - len(first), _BETWEEN_BREATHS)))):
        await asyncio.sleep(0)
        first += more
    return _Found(first, total)


def _created(_: State, plan: Plan) -> Key:
    return (plan.created_at, plan.id, plan.namespace)


def _by_id(_: State, plan: Plan) -> Key:
    return (plan.id, plan.namespace)


def _next(state: State, plan: Plan) -> Key:
    cursor = state.cursor(*plan.key) if plan.fires else None
    due = cursor.next_due if cursor is not None else None
    return (_NEVER if due is None else due, plan.id, plan.namespace)


_SORTINGS: Mapping[Order, _Sorting] = {
    Order.CREATED: _Sorting(_created, (int, str, str), descending=True),
    Order.ID: _Sorting(_by_id, (str, str)),
    Order.NEXT: _Sorting(_next, (int, str, str)),
}


def _behind(seek: Seek, sorting: _Sorting, state: State) -> Sequence[Check]:
    after, key = seek.after, sorting.key
    if after is None:
        return ()
    if sorting.descending:
        return (lambda plan: key(state, plan) < after,)
    return (lambda plan: key(state, plan) > after,)


def _checks(request: pb.SchedulePlanListRequest) -> Sequence[Check]:
    """What a plan must pass, the cheap ones first; nothing for a filter that is not given."""
    if request.synchronous not in (0, 1, 2):
        raise InvalidArgument("synchronous", f"must be 0, 1 or 2, found {request.synchronous}", engine_code=1002)
    for field in _TEXTS:
        check_filter(field, getattr(request, field))
    status = check_enum("status", request.status, PlanStatus) if request.status else None
    labels = _labels(request.labels)
    name, description, text = request.name, request.description, request.text
    checks = _exact(request)
    if status is not None:
        checks.append(lambda plan: plan.status == status)
    if request.synchronous:
        synchronous = request.synchronous == 1
        checks.append(lambda plan: plan.synchronous == synchronous)
    if request.HasField("paused"):
        paused = request.paused
        checks.append(lambda plan: (plan.paused is not None) == paused)
    if name:
        checks.append(lambda plan: name in plan.name)
    if description:
        checks.append(lambda plan: description in plan.description)
    if text:
        checks.append(lambda plan: holds_text(text, plan.id, plan.name))
    if labels:
        checks.append(lambda plan: _labelled(plan, labels))
    return checks


def _exact(request: pb.SchedulePlanListRequest) -> list[Check]:
    namespace, plan_id, owner, executor = request.namespace, request.id, request.owner, request.executor
    checks: list[Check] = []
    if plan_id:
        checks.append(lambda plan: plan.id == plan_id)
    if namespace:
        checks.append(lambda plan: plan.namespace == namespace)
    if owner:
        checks.append(lambda plan: plan.owner == owner)
    if executor:
        checks.append(lambda plan: plan.executor == executor)
    return checks


def _labels(texts: Sequence[str]) -> Sequence[tuple[str, str | None]]:
    """Of each `name=value`, or `name` for any value."""
    if len(texts) > _MOST_LABELS:
        raise InvalidArgument("labels", f"a filter names at most {_MOST_LABELS}, found {len(texts)}")
    split = [text.partition("=") for text in texts]
    return [
        (check_label("labels", name), check_filter("labels", value) if given else None) for name, given, value in split
    ]


def _labelled(plan: Plan, labels: Sequence[tuple[str, str | None]]) -> bool:
    has = dict(plan.labels)
    return all(name in has and value in (None, has[name]) for name, value in labels)
