"""Which plans a list shows: filters, then a page by number or by key, newest first."""

from collections.abc import Callable

from jobpool.api.checks import check_enum, check_filter, check_page
from jobpool.api.context import Context
from jobpool.api.keyset import check_seek
from jobpool.model.errors import InvalidArgument
from jobpool.model.plan import Plan
from jobpool.model.statuses import PlanStatus
from jobpool.store.commands.plan_rules import check_label
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import plan_message

_TEXTS = ("name", "namespace", "description", "id", "owner")
_MOST_LABELS = 32


def list_plans(context: Context, request: pb.SchedulePlanListRequest) -> pb.SchedulePlanListResponse:
    """Raises InvalidArgument."""
    seek = check_seek(request, int, str, str)
    page = check_page(request.pageNumber, request.pageSize)
    matches = _filter(request)
    state = context.state
    found = (plan for plan in state.plans.values() if matches(plan))
    response = pb.SchedulePlanListResponse(header=context.header())
    if seek is not None:
        shown, token = seek.take(found, _key, descending=True)
        setattr(response, "continue", token)
    else:
        plans = sorted(found, key=_key, reverse=True)
        shown = plans[page.offset : page.offset + page.limit]
        response.totalElements, response.totalPages = len(plans), page.pages(len(plans))
    response.data.extend(plan_message(plan, state.cursor(*plan.key)) for plan in shown)
    return response


def _key(plan: Plan) -> tuple[int, str, str]:
    return (plan.created_at, plan.id, plan.namespace)


def _filter(request: pb.SchedulePlanListRequest) -> Callable[[Plan], bool]:
    status = check_enum("status", request.status, PlanStatus) if request.status else None
    if request.synchronous not in (0, 1, 2):
        raise InvalidArgument("synchronous", f"must be 0, 1 or 2, found {request.synchronous}", engine_code=1002)
    for field in _TEXTS:
        check_filter(field, getattr(request, field))
    if len(request.labels) > _MOST_LABELS:
        raise InvalidArgument("labels", f"a filter names at most {_MOST_LABELS}, found {len(request.labels)}")
    labels = [_label(text) for text in request.labels]

    def matches(plan: Plan) -> bool:
        return (
            request.namespace in ("", plan.namespace)
            and request.id in ("", plan.id)
            and request.name in plan.name
            and request.description in plan.description
            and status in (None, plan.status)
            and (request.synchronous == 0 or (request.synchronous == 1) == plan.synchronous)
            and request.owner in ("", plan.owner)
            and (not labels or _labelled(plan, labels))
        )

    return matches


def _label(text: str) -> tuple[str, str | None]:
    """`name=value`, or `name` for any value."""
    name, given, value = text.partition("=")
    return check_label("labels", name), check_filter("labels", value) if given else None


def _labelled(plan: Plan, labels: list[tuple[str, str | None]]) -> bool:
    has = dict(plan.labels)
    return all(name in has and value in (None, has[name]) for name, value in labels)
