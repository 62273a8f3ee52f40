"""The table of calls to etcd: which are judged how, and what is said where there is no etcd to ask."""

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from google.protobuf.message import Message

from jobpool.api.etcd.administration import Administrators, Databases, Members, Users
from jobpool.api.etcd.guard import Guard
from jobpool.api.etcd.kv import Handler, Keys, Leases, Locks, Passing
from jobpool.api.etcd.methods import METHODS
from jobpool.api.etcd.passage import Caller, Passage
from jobpool.api.etcd.site import Site
from jobpool.api.etcd.streams import Give, Streams, Take
from jobpool.kit.effects.logging import get_logger
from jobpool.model.errors import JobpoolError, Unimplemented


class Calls(Protocol):
    """etcd's methods, by name. All raise JobpoolError, nothing else."""

    async def call(self, name: str, request: Message, caller: Caller) -> bytes:
        """Answer a call with one request and one answer."""
        ...

    async def converse(self, name: str, take: Take, give: Give, caller: Caller) -> None:
        """Serve a call with many requests to its end."""
        ...

    def answers(self, name: str, request: Message, caller: Caller) -> AsyncGenerator[bytes, None]:
        """The answers to one request."""
        ...


class EtcdCalls:
    """Of a server with an etcd beneath."""

    def __init__(self, passage: Passage, site: Site) -> None:
        passing = Passing(passage)
        guard = Guard(site.reserved, site.own_leases)
        administrators = Administrators(passing)
        self._streams = Streams(passage, guard, administrators, site)
        self._handlers: Mapping[str, Handler] = {
            **Keys(passing, guard, site).handlers,
            **Leases(passing, guard).handlers,
            **Locks(passing, guard).handlers,
            **Members(passing, administrators, site).handlers,
            **Databases(passing, administrators, site).handlers,
            **Users(passing, site).handlers,
        }
        self._log = get_logger("etcd-api")

    async def call(self, name: str, request: Message, caller: Caller) -> bytes:
        try:
            return await self._handlers[name](request, caller)
        except JobpoolError:
            raise
        except Exception as error:  # noqa: BLE001 — the edge: a caller gets an answer, the log the traceback
            raise self._hidden(name, error) from None

    async def converse(self, name: str, take: Take, give: Give, caller: Caller) -> None:
        await self._streams.converse(name, take, give, caller)

    def answers(self, name: str, request: Message, caller: Caller) -> AsyncGenerator[bytes, None]:
        return self._streams.answers(name, request, caller)

    def _hidden(self, name: str, error: Exception) -> JobpoolError:
        self._log.error("a call to etcd failed", event_name="call_failed", rpc=name, exc_info=error)
        return JobpoolError("internal error; the server's log says more")


class NoCalls:
    """Of a server that does not answer for an etcd; `why` says why. Some calls may have an answer all the same."""

    def __init__(self, why: str, answers: Mapping[str, Handler] | None = None) -> None:
        self._why = why
        self._answers = answers or {}

    async def call(self, name: str, request: Message, caller: Caller) -> bytes:
        handler = self._answers.get(name)
        if handler is None:
            raise self._refusal(name)
        return await handler(request, caller)

    async def converse(self, name: str, take: Take, give: Give, caller: Caller) -> None:
        raise self._refusal(name)

    def answers(self, name: str, request: Message, caller: Caller) -> AsyncGenerator[bytes, None]:
        raise self._refusal(name)

    def _refusal(self, name: str) -> Unimplemented:
        return Unimplemented(f"{METHODS[name].path.removeprefix('/')}: {self._why}")
