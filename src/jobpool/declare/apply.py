"""Making stored plans what documents say: what would change is asked of the server first, then each change is made only
to the revision that was looked at.

A plan that fails keeps the others from nothing, but for a server that cannot be reached: then nothing more is tried.
Plans are deleted last, and only when all else went well.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import StrEnum
from typing import Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from jobpool.declare.differ import FieldChange, changes, changes_timing
from jobpool.declare.documents import Document
from jobpool.declare.requests import definition_request, replacing_request
from jobpool.model.errors import (
    AlreadyExists,
    Code,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    JobpoolError,
    NotFound,
    Unavailable,
)
from jobpool.wire import jobpool_pb2 as pb

T = TypeVar("T")
R = TypeVar("R")

FIRES = 3
_AT_ONCE = 16
_PAGE = 1000
_LIVE = "pending,running"
_OUT_OF_REACH = (Unavailable, DeadlineExceeded)


class Plans(Protocol):
    """The calls that are needed; `jobpool.client.Client` has them."""

    async def plan_add(self, request: pb.SchedulePlanAddRequest) -> pb.SchedulePlanAddResponse: ...

    async def plan_update(self, request: pb.SchedulePlanUpdateRequest) -> pb.SchedulePlanUpdateResponse: ...

    async def plan_detail(self, request: pb.SchedulePlanDetailRequest) -> pb.SchedulePlanDetailResponse: ...

    async def plan_list(self, request: pb.SchedulePlanListRequest) -> pb.SchedulePlanListResponse: ...

    async def plan_preview(self, request: pb.PlanPreviewRequest) -> pb.PlanPreviewResponse: ...

    async def plan_offline(self, request: pb.SchedulePlanOfflineRequest) -> pb.SchedulePlanDetailResponse: ...

    async def plan_delete(self, request: pb.SchedulePlanDeleteRequest) -> pb.SchedulePlanDeleteResponse: ...

    async def job_list(self, request: pb.ScheduleJobListRequest) -> pb.ScheduleJobListResponse: ...


class Action(StrEnum):
    ADD = "add"
    UPDATE = "update"
    DELETE = "delete"
    NONE = "none"


class Step(Struct, frozen=True, kw_only=True):
    """What is to become of one plan, and what became of it.

    `revision` is the one that was looked at. `error`: why it cannot be or was not done. `done`: it was; `result` is the
    plan as stored then. `before` and `after` are its next fires (`with_fires`), `live` the runs that a deleted plan
    leaves to their end. `source` is empty for a plan that no document names.
    """

    action: Action
    namespace: str
    plan_id: str
    source: str = ""
    changes: tuple[FieldChange, ...] = ()
    revision: int = 0
    definition: pb.SchedulePlanAddRequest | None = None
    update: pb.SchedulePlanUpdateRequest | None = None
    stored: pb.Plan | None = None
    result: pb.Plan | None = None
    error: JobpoolError | None = None
    before: tuple[pb.PreviewTick, ...] = ()
    after: tuple[pb.PreviewTick, ...] = ()
    live: int = 0
    done: bool = False

    @property
    def name(self) -> str:
        return f"{self.namespace}/{self.plan_id}"


class Survey(Struct, frozen=True):
    """What applying would do: a step for each document in their order, then one for each plan to be deleted."""

    steps: tuple[Step, ...]

    @property
    def differs(self) -> bool:
        return any(step.action is not Action.NONE for step in self.steps)

    @property
    def deletions(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.action is Action.DELETE)

    @property
    def failed(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.error is not None)


class Report(Struct, frozen=True):
    """What applying did; `steps` as in the survey, each with `done` or `error` where something was to be done."""

    steps: tuple[Step, ...]

    @property
    def failed(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.error is not None)

    def count(self, action: Action) -> int:
        """How many plans were added, changed or deleted; of NONE, how many were as they should be."""
        good = (step for step in self.steps if step.action is action and step.error is None)
        return sum(step.done or action is Action.NONE for step in good)


async def apply_documents(
    client: Plans,
    documents: Sequence[Document],
    *,
    owner: str = "",
    prune: bool = False,
    namespace: str = "default",
    confirm: Callable[[Survey], bool] | None = None,
) -> Report:
    """Make the stored plans what the documents say.

    `namespace` holds for documents that name none. `owner` is written into every plan; with `prune`, plans of this
    owner that no document names are taken offline and deleted, in every namespace. `confirm` may look at what would be
    done and refuse it: then nothing is done, and the report's steps are neither done nor failed.

    Raises InvalidArgument for documents that cannot be read as plans or name a plan twice, and what a server that
    cannot be reached raises, before anything is done; what goes wrong with a plan afterwards stands in its step.
    """
    found = await survey(client, documents, owner=owner, prune=prune, namespace=namespace)
    if confirm is not None and not confirm(found):
        return Report(found.steps)
    return await carry_out(client, found)


async def survey(
    client: Plans, documents: Sequence[Document], *, owner: str = "", prune: bool = False, namespace: str = "default"
) -> Survey:
    """What `apply_documents` would do, with nothing done."""
    if prune and not owner:
        raise InvalidArgument("owner", "pruning needs to know whose plans these are; found no owner")
    wanted = _definitions(documents, namespace=namespace, owner=owner)
    steps = await _each(wanted, lambda item: _look_at(client, item[0], item[1], owner=owner))
    return Survey((*steps, *(await _unnamed(client, steps, owner) if prune else ())))


async def with_fires(client: Plans, found: Survey) -> Survey:
    """The survey with the next fires of each plan before and after, where its timing changes."""
    return Survey(tuple(await _each(found.steps, lambda step: _with_fires(client, step))))


async def carry_out(client: Plans, found: Survey) -> Report:
    """Do what the survey found. A step that had an error is not tried."""
    kept = [step for step in found.steps if step.action is not Action.DELETE]
    done = await _all_within_reach(kept, lambda step: _change(client, step))
    if any(step.error is not None for step in done):
        reason = "not tried: other plans failed, and plans are deleted only when all is well"
        return Report((*done, *(replace(step, error=FailedPrecondition(reason)) for step in found.deletions)))
    return Report((*done, *await _all_within_reach(found.deletions, lambda step: _delete(client, step))))


def _definitions(
    documents: Sequence[Document], *, namespace: str, owner: str
) -> list[tuple[Document, pb.SchedulePlanAddRequest]]:
    """Raises InvalidArgument naming the document at fault, for two of the same plan both."""
    wanted: list[tuple[Document, pb.SchedulePlanAddRequest]] = []
    places: dict[tuple[str, str], str] = {}
    for document in documents:
        try:
            request = definition_request(document.fields, namespace=namespace, owner=owner)
        except InvalidArgument as error:
            raise InvalidArgument(error.field, f"{error.reason} (in {document.place})") from error
        key = (request.namespace, request.id)
        if key in places:
            raise InvalidArgument(
                "id", f"plan {'/'.join(key)} is there twice: in {places[key]} and in {document.place}"
            )
        places[key] = document.place
        wanted.append((document, request))
    return wanted


async def _look_at(client: Plans, document: Document, request: pb.SchedulePlanAddRequest, *, owner: str) -> Step:
    step = Step(
        action=Action.ADD, namespace=request.namespace, plan_id=request.id, source=document.place, definition=request
    )
    try:
        stored = await _stored(client, request)
        if stored is None:
            return replace(step, changes=await _if_added(client, request))
        step = replace(step, action=Action.UPDATE, stored=stored, revision=stored.revision)
        if owner and stored.owner not in ("", owner) and "owner" not in document.fields:
            reason = f"the plan is of {stored.owner!r}; a document with `owner: {owner}` takes it over"
            raise FailedPrecondition(reason, field="owner")
        update = replacing_request(request, stored, status=request.status if "status" in document.fields else "")
        found = await _if_updated(client, stored, update)
    except _OUT_OF_REACH:
        raise
    except JobpoolError as error:
        return replace(step, error=error)
    return replace(step, action=Action.UPDATE if found else Action.NONE, changes=found, update=update)


async def _stored(client: Plans, request: pb.SchedulePlanAddRequest) -> pb.Plan | None:
    try:
        named = pb.SchedulePlanDetailRequest(id=request.id, namespace=request.namespace)
        return (await client.plan_detail(named)).data
    except NotFound:
        return None


async def _if_added(client: Plans, request: pb.SchedulePlanAddRequest) -> tuple[FieldChange, ...]:
    asked = pb.SchedulePlanAddRequest(dry_run=True)
    asked.MergeFrom(request)
    after = (await client.plan_add(asked)).data
    return changes(pb.Plan(id=after.id, namespace=after.namespace), after)


async def _if_updated(client: Plans, stored: pb.Plan, update: pb.SchedulePlanUpdateRequest) -> tuple[FieldChange, ...]:
    asked = pb.SchedulePlanUpdateRequest(dry_run=True)
    asked.MergeFrom(update)
    return changes(stored, (await client.plan_update(asked)).data)


async def _unnamed(client: Plans, steps: Iterable[Step], owner: str) -> list[Step]:
    named = {(step.namespace, step.plan_id) for step in steps}
    found: list[Step] = []
    request = pb.SchedulePlanListRequest(owner=owner, limit=_PAGE)
    while True:
        page = await client.plan_list(request)
        found += [_to_delete(plan) for plan in page.data if (plan.namespace, plan.id) not in named]
        further = getattr(page, "continue")
        if not further:
            break
        setattr(request, "continue", further)
    found.sort(key=lambda step: step.name)
    return await _each(found, lambda step: _with_live_runs(client, step))


def _to_delete(plan: pb.Plan) -> Step:
    return Step(action=Action.DELETE, namespace=plan.namespace, plan_id=plan.id, revision=plan.revision, stored=plan)


async def _with_live_runs(client: Plans, step: Step) -> Step:
    request = pb.ScheduleJobListRequest(plan_id=step.plan_id, namespace=step.namespace, status=_LIVE, pageSize=1)
    return replace(step, live=(await client.job_list(request)).totalElements)


async def _with_fires(client: Plans, step: Step) -> Step:
    if step.error is not None or not changes_timing(step.changes):
        return step
    request = pb.PlanPreviewRequest(id=step.plan_id, namespace=step.namespace, n=FIRES)
    if step.stored is not None and step.stored.periodic.spec:
        step = replace(step, before=tuple((await client.plan_preview(request)).data))
    if step.definition is not None and step.definition.periodic.spec:
        request.plan.CopyFrom(step.definition)
        step = replace(step, after=tuple((await client.plan_preview(request)).data))
    return step


async def _change(client: Plans, step: Step) -> Step:
    if step.error is not None or step.action is Action.NONE:
        return step
    try:
        if step.update is not None:
            stored = (await client.plan_update(step.update)).data
        else:
            assert step.definition is not None
            stored = (await client.plan_add(step.definition)).data
    except JobpoolError as error:
        return replace(step, error=_meanwhile(error))
    return replace(step, done=True, result=stored)


async def _delete(client: Plans, step: Step) -> Step:
    assert step.stored is not None
    named = {"id": step.plan_id, "namespace": step.namespace}
    revision, offline = step.revision, False
    try:
        if step.stored.status == "running":
            answer = await client.plan_offline(pb.SchedulePlanOfflineRequest(**named, revision=revision))
            revision, offline = answer.data.revision, True
        await client.plan_delete(pb.SchedulePlanDeleteRequest(**named, revision=revision))
    except NotFound:
        return replace(step, done=True)  # it is gone, as it should be
    except JobpoolError as error:
        told = _meanwhile(error)
        if offline:
            told = FailedPrecondition(f"it is offline now, but not deleted: {told}")
        return replace(step, error=told)
    return replace(step, done=True)


def _meanwhile(error: JobpoolError) -> JobpoolError:
    """What another hand did between the look and the change, said as that."""
    if error.code is Code.ABORTED:
        return FailedPrecondition("it was changed meanwhile; nothing of it was applied, look again", field="revision")
    if isinstance(error, AlreadyExists):
        return FailedPrecondition("it was added meanwhile by somebody else; look again", field="id")
    if isinstance(error, NotFound):
        return FailedPrecondition("it was deleted meanwhile; look again", field="id")
    return error


async def _all_within_reach(steps: Sequence[Step], do: Callable[[Step], Awaitable[Step]]) -> list[Step]:
    """As `_each`, but once a server does not answer, what is left is not tried."""
    done: list[Step] = []
    for first in range(0, len(steps), _AT_ONCE):
        some = steps[first : first + _AT_ONCE]
        if any(isinstance(step.error, _OUT_OF_REACH) for step in done):
            done += [replace(step, error=step.error or Unavailable("not tried: no server answered")) for step in some]
        else:
            done += await _each(some, do)
    return done


async def _each(items: Sequence[T], do: Callable[[T], Awaitable[R]]) -> list[R]:
    """In their order, some at once."""
    results: list[R] = []
    for first in range(0, len(items), _AT_ONCE):
        results += await asyncio.gather(*(do(item) for item in items[first : first + _AT_ONCE]))
    return results
