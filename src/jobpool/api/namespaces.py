"""Namespaces: add, list, change, rename, delete."""

from msgspec.structs import replace

from jobpool.api.checks import check_enum, check_filter, check_namespace, check_page, check_text
from jobpool.api.context import Context
from jobpool.api.idempotency import mark_of
from jobpool.api.keyset import check_seek
from jobpool.api.service import Call
from jobpool.model.errors import InvalidArgument, NotFound
from jobpool.model.namespace import WhenFull
from jobpool.store.commands import (
    AddNamespace,
    DeleteNamespace,
    NamespaceSettings,
    RenameNamespace,
    UpdateNamespace,
)
from jobpool.timetable.zones import find_zone, similar_zones
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import namespace_message

_MAX_LIMIT = 1_000_000
_MAX_DESCRIPTION = 4096


class Namespaces:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def add(self, request: pb.ScheduleNameSpaceAddRequest, call: Call) -> pb.ScheduleNameSpaceAddResponse:
        name = check_namespace("name", request.name)
        command = AddNamespace(name, _settings(request), mark=mark_of(request, call))
        await self._context.write(command, call)
        return pb.ScheduleNameSpaceAddResponse(header=self._context.header())

    async def update(
        self, request: pb.ScheduleNameSpaceUpdateRequest, call: Call
    ) -> pb.ScheduleNameSpaceUpdateResponse:
        name, settings = check_namespace("name", request.name), _settings(request)
        if request.old_name and request.old_name != name:
            old_name = check_namespace("old_name", request.old_name)
            await self._context.write(RenameNamespace(old_name, name, settings), call)
        else:
            await self._context.write(UpdateNamespace(name, settings), call)
        return pb.ScheduleNameSpaceUpdateResponse(header=self._context.header())

    async def delete(
        self, request: pb.ScheduleNameSpaceDeleteRequest, call: Call
    ) -> pb.ScheduleNameSpaceDeleteResponse:
        await self._context.write(DeleteNamespace(check_namespace("name", request.name)), call)
        return pb.ScheduleNameSpaceDeleteResponse(header=self._context.header())

    async def detail(
        self, request: pb.ScheduleNameSpaceDetailRequest, call: Call
    ) -> pb.ScheduleNameSpaceDetailResponse:
        name = check_namespace("name", request.name)
        namespace = self._context.state.namespace(name)
        if namespace is None:
            raise NotFound("namespace", name, field="name")
        message = namespace_message(namespace, self._context.state.slot_limit(name))
        return pb.ScheduleNameSpaceDetailResponse(header=self._context.header(), data=message)

    async def list(self, request: pb.ScheduleNameSpaceListRequest, call: Call) -> pb.ScheduleNameSpaceListResponse:
        seek = check_seek(request, str)
        page = check_page(request.pageNumber, request.pageSize)
        wanted = check_filter("name", request.name)
        state = self._context.state
        found = sorted(name for name in state.namespaces if wanted in name)
        response = pb.ScheduleNameSpaceListResponse(header=self._context.header())
        if seek is not None:
            shown, token = seek.take(found, lambda name: (name,))
            setattr(response, "continue", token)
        else:
            shown = found[page.offset : page.offset + page.limit]
            response.totalElements, response.totalPages = len(found), page.pages(len(found))
        response.data.extend(namespace_message(state.namespaces[name], state.slot_limit(name)) for name in shown)
        return response


def _settings(request: pb.ScheduleNameSpaceAddRequest | pb.ScheduleNameSpaceUpdateRequest) -> NamespaceSettings:
    settings = NamespaceSettings()
    if request.HasField("job_parallelism_limit"):
        limit = request.job_parallelism_limit
        if not 0 <= limit <= _MAX_LIMIT:
            raise InvalidArgument(
                "job_parallelism_limit", f"must be 1 to {_MAX_LIMIT} (0 = the server's default), found {limit}"
            )
        settings = replace(settings, job_parallelism_limit=limit)
    if request.HasField("when_full"):
        settings = replace(settings, when_full=check_enum("when_full", request.when_full, WhenFull))
    if request.HasField("default_time_zone"):
        settings = replace(settings, default_time_zone=check_zone("default_time_zone", request.default_time_zone))
    if request.HasField("description"):
        description = check_text("description", request.description, _MAX_DESCRIPTION)
        settings = replace(settings, description=description)
    return settings


def check_zone(field: str, name: str) -> str:
    """An IANA time zone that plans can be in; empty = none of its own."""
    if name and find_zone(name) is None:
        similar = ", ".join(similar_zones(name[:60]))
        meant = f"; similar are {similar}" if similar else ""
        raise InvalidArgument(field, f"wanted an IANA time zone such as Europe/Berlin, found {name[:60]!r}{meant}")
    return name
