"""Showing answers: one thing, or a list page by page."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from jobpool.cli.ctl_options import MAX_PAGE, Paging, Settings
from jobpool.cli.ctl_session import run
from jobpool.cli.output import Lines, View, note, show_fields, show_json, show_table
from jobpool.model.errors import NotFound

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

    from jobpool.client import Client

Item = TypeVar("Item")
Shown = TypeVar("Shown", covariant=True)


class Listing(Protocol):
    """What every list answer has, by its names on the wire."""

    totalElements: int
    totalPages: int

    @property
    def data(self) -> Any: ...


class Detail(Protocol[Shown]):
    """What every answer about one thing has."""

    @property
    def data(self) -> Shown: ...


Ask = Callable[["Client", int, int], Coroutine[Any, Any, Any]]
"""Asks for a page: (client, number, size) → a Listing."""


def show_list(settings: Settings, ask: Ask, *, view: View[Item], paging: Paging, namespace: str | None = None) -> None:
    """Print the page that was asked for, or all of them; how many there are goes to stderr.

    An empty list of a namespace that does not exist is refused: NotFound.
    """
    careful = _refusing_unknown(ask, namespace)
    if paging.everything:
        run(settings, lambda client: _show_all(client, careful, view=view, form=settings.write_out))
        return
    answer = run(settings, lambda client: careful(client, paging.number, paging.size))
    if settings.write_out == "json":
        show_json(answer)
        return
    show_items(settings, list(answer.data), view)
    note(_footer(paging, len(answer.data), answer.totalElements))


def show_items(settings: Settings, items: Sequence[Item], view: View[Item]) -> None:
    if settings.write_out == "table":
        show_table(view.columns, [view.row(item) for item in items])
    else:
        Lines().show([view.line(item) for item in items])


def show_one(settings: Settings, answer: "Detail[Item]", *, view: View[Item], zone: tzinfo | None = None) -> None:
    """The item of an answer: all its fields, a table row, or the answer as JSON."""
    if settings.write_out == "json":
        show_json(cast("Message", answer))
    elif settings.write_out == "table":
        show_table(view.columns, [view.row(answer.data)])
    else:
        show_fields(cast("Message", answer.data), zone)


def show_changed(settings: Settings, answer: "Detail[Item]", *, view: View[Item]) -> None:
    """The item after a change: its line, a table row, or the answer as JSON."""
    if settings.write_out == "simple":
        Lines().show([view.line(answer.data)])
    else:
        show_one(settings, answer, view=view)


def done(settings: Settings, answer: "Message", *, said: str) -> None:
    """A change was made: say so in words, or give the answer as JSON."""
    if settings.write_out == "json":
        show_json(answer)
    else:
        Lines().show([(said,)])


def timestamp(at: datetime | None) -> "Timestamp | None":
    from google.protobuf.timestamp_pb2 import Timestamp

    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp


def _refusing_unknown(ask: Ask, namespace: str | None) -> Ask:
    """History may know a namespace that is gone, so it is looked up only when nothing was found."""

    async def careful(client: "Client", number: int, size: int) -> Any:
        from jobpool.wire import jobpool_pb2 as pb

        answer = await ask(client, number, size)
        if namespace and not answer.totalElements:
            try:
                await client.namespace_detail(pb.ScheduleNameSpaceDetailRequest(name=namespace))
            except NotFound as error:
                raise NotFound("namespace", namespace, field="namespace") from error
        return answer

    return careful


def _footer(paging: Paging, shown: int, total: int) -> str:
    first = (paging.number - 1) * paging.size + 1
    if shown == 0:
        return "nothing there" if total == 0 else f"nothing on page {paging.number}: there are {total} in all"
    last = first + shown - 1
    more = f" (--number {paging.number + 1} for more)" if last < total else ""
    return f"showing {first}–{last} of {total}{more}"


async def _show_all(client: "Client", ask: Ask, *, view: View[Item], form: str) -> None:
    """Lines are printed as the pages come. A page that moved meanwhile may repeat items: each is shown once."""
    seen: set[str] = set()
    kept: list[Item] = []
    lines, number = Lines(), 1
    while True:
        answer = await ask(client, number, MAX_PAGE)
        fresh = [item for item in answer.data if _identity(item) not in seen]
        seen.update(map(_identity, fresh))
        if form == "simple":
            lines.show([view.line(item) for item in fresh])
        else:
            kept += fresh
        if not answer.data or number >= answer.totalPages:
            break
        number += 1
    if form == "json":
        del answer.data[:]
        answer.data.extend(kept)
        show_json(answer)
    elif form == "table":
        show_table(view.columns, [view.row(item) for item in kept])
    note(f"{len(seen)} in all")


def _identity(item: Any) -> str:
    """What tells items apart; plans only with their namespace."""
    own = getattr(item, "id", "") or getattr(item, "ID", "") or item.name
    return f"{getattr(item, 'namespace', '')}/{own}"
