"""Showing answers: one thing, or a list page by page."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import click

from jobpool.cli.compat import compact_text, old_view, show_old_table
from jobpool.cli.ctl_options import MAX_PAGE, Paging, Settings
from jobpool.cli.ctl_session import run
from jobpool.cli.formats import Pages, shown_whole
from jobpool.cli.grid import Grid
from jobpool.cli.output import Lines, View, note, show_fields
from jobpool.model.errors import NotFound

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

    from jobpool.client import Client

Item = TypeVar("Item")
Shown = TypeVar("Shown", covariant=True)
Taken = TypeVar("Taken", contravariant=True)

PEOPLE = ("simple", "table")
"""The formats that are not for programs."""


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
        run(settings, lambda client: _show_all(client, careful, view=view, settings=settings))
        return
    answer = run(settings, lambda client: careful(client, paging.number, paging.size))
    if not shown_whole(settings, answer):
        show_items(settings, list(answer.data), view)
    if settings.write_out in PEOPLE and not settings.compat:
        note(_footer(paging, len(answer.data), answer.totalElements))


def show_items(settings: Settings, items: Sequence[Item], view: View[Item]) -> None:
    """Lines, or a table with `-w table`."""
    writer = _writer(settings, view)
    writer.show(items)
    writer.close()


def show_one(settings: Settings, answer: "Detail[Item]", *, view: View[Item], zone: tzinfo | None = None) -> None:
    """The item of an answer: all its fields, a table row, or the answer as programs read it."""
    if shown_whole(settings, cast("Message", answer)):
        return
    if settings.write_out == "table" or (settings.compat and old_view(cast("Message", answer.data)) is not None):
        show_items(settings, [answer.data], view)
    else:
        show_fields(cast("Message", answer.data), zone)


def show_changed(settings: Settings, answer: "Detail[Item]", *, view: View[Item]) -> None:
    """The item after a change: its line, a table row, or the answer as programs read it."""
    if not shown_whole(settings, cast("Message", answer)):
        show_items(settings, [answer.data], view)


def done(settings: Settings, answer: "Message", *, said: str) -> None:
    """A change was made: say so in words, or give the answer as programs read it."""
    if not shown_whole(settings, answer):
        Lines().show([("success" if settings.compat else said,)])


class _Writer(Protocol[Taken]):
    """Items as people read them, as they come."""

    def show(self, items: Sequence[Taken]) -> None: ...

    def close(self) -> None: ...


class _LineWriter(Generic[Item]):
    def __init__(self, view: View[Item]) -> None:
        self._view = view
        self._lines = Lines()

    def show(self, items: Sequence[Item]) -> None:
        self._lines.show([self._view.line(item) for item in items])

    def close(self) -> None:
        pass


class _TableWriter(Generic[Item]):
    def __init__(self, view: View[Item]) -> None:
        self._view = view
        self._grid = Grid(view.columns)

    def show(self, items: Sequence[Item]) -> None:
        if items:
            self._grid.show([self._view.row(item) for item in items])

    def close(self) -> None:
        self._grid.close()


class _OldWriter(Generic[Item]):
    """As the original: a line of protobuf's text form for each, or one table at the end."""

    def __init__(self, view: View[Item], *, table: bool) -> None:
        self._view = view
        self._table = table
        self._kept: list[Item] = []

    def show(self, items: Sequence[Item]) -> None:
        if self._table:
            self._kept += items
            return
        for item in items:
            self._line(item)

    def _line(self, item: Item) -> None:
        if old_view(cast("Message", item)) is not None:
            click.echo(compact_text(cast("Message", item)))
        else:
            Lines().show([self._view.line(item)])

    def close(self) -> None:
        if not self._table:
            return
        old = old_view(cast("Message", self._kept[0])) if self._kept else None
        columns, row = old or (self._view.columns, self._view.row)
        show_old_table(columns, [row(item) for item in cast("Any", self._kept)])


def _writer(settings: Settings, view: View[Item]) -> _Writer[Item]:
    table = settings.write_out == "table"
    if settings.compat:
        return _OldWriter(view, table=table)
    return _TableWriter(view) if table else _LineWriter(view)


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
        answer = await ask(client, number, size)
        if namespace and not answer.totalElements:
            await must_exist(client, namespace)
        return answer

    return careful


async def must_exist(client: "Client", namespace: str) -> None:
    """Raises NotFound."""
    from jobpool.wire import jobpool_pb2 as pb

    try:
        await client.namespace_detail(pb.ScheduleNameSpaceDetailRequest(name=namespace))
    except NotFound as error:
        raise NotFound("namespace", namespace, field="namespace") from error


def _footer(paging: Paging, shown: int, total: int) -> str:
    first = (paging.number - 1) * paging.size + 1
    if shown == 0:
        return "nothing there" if total == 0 else f"nothing on page {paging.number}: there are {total} in all"
    last = first + shown - 1
    more = f" (--number {paging.number + 1} for more)" if last < total else ""
    return f"showing {first}–{last} of {total}{more}"


async def _show_all(client: "Client", ask: Ask, *, view: View[Item], settings: Settings) -> None:
    """Everything is printed as the pages come. A page that moved meanwhile may repeat items: each is shown once."""
    seen: set[str] = set()
    people = settings.write_out in PEOPLE
    writer, pages, number = _writer(settings, view), Pages(settings), 1
    while True:
        answer = await ask(client, number, MAX_PAGE)
        last = not answer.data or number >= answer.totalPages
        fresh = [item for item in answer.data if _identity(item) not in seen]
        seen.update(map(_identity, fresh))
        if people:
            writer.show(fresh)
        else:
            if len(fresh) < len(answer.data):
                del answer.data[:]
                answer.data.extend(fresh)
            pages.show(answer)
        if last:
            break
        number += 1
    if not people:
        pages.close()
        return
    writer.close()
    if not settings.compat:
        note(f"{len(seen)} in all")


def _identity(item: Any) -> str:
    """What tells items apart; plans only with their namespace."""
    own = getattr(item, "id", "") or getattr(item, "ID", "") or item.name
    return f"{getattr(item, 'namespace', '')}/{own}"
