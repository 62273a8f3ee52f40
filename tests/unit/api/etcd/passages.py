"""An etcd that answers what it is told to, and remembers what it was asked."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from google.protobuf.message import Message

from jobpool.api.etcd.methods import METHODS
from jobpool.api.etcd.passage import Caller, Stream
from jobpool.api.etcd.ranges import Reserved
from jobpool.model.errors import FailedPrecondition, JobpoolError
from jobpool.wire import etcd_pb2 as etcd

LOCAL = Caller(peer="127.0.0.1:5", metadata={"token": "theirs", "cookie": "no"})
REMOTE = Caller(peer="192.0.2.7:5")


class FakePassage:
    """`answers` by the method's name: a message, or the error that etcd refuses with; otherwise the empty answer."""

    def __init__(self) -> None:
        self.answers: dict[str, Message | JobpoolError] = {}
        self.asked: list[tuple[str, Message]] = []
        self.closing = asyncio.Event()
        self.streams: list[FakeStream] = []
        self.opened = asyncio.Event()
        self._grown = asyncio.Event()

    async def call(self, path: str, request: bytes, caller: Caller, *, waits: bool = False) -> bytes:
        method = next(method for method in METHODS.values() if method.path == path)
        self.asked.append((method.name, method.request.FromString(request)))
        answer = self.answers.get(method.name, method.answer())
        if isinstance(answer, JobpoolError):
            raise answer
        return answer.SerializeToString()

    def stream(self, path: str, caller: Caller) -> Stream:
        self.streams.append(FakeStream())
        self.opened.set()
        self._grown.set()
        return self.streams[-1]

    async def open(self, count: int) -> None:
        """Wait until there were so many streams."""
        while len(self.streams) < count:
            self._grown.clear()
            await self._grown.wait()


class FakeStream:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.ended = asyncio.Event()
        self.gone = asyncio.Event()
        self._answers: deque[bytes | JobpoolError | None] = deque()
        self._news = asyncio.Event()

    def answer(self, answer: Message | JobpoolError | None) -> None:
        """None ends it."""
        self._answers.append(answer.SerializeToString() if isinstance(answer, Message) else answer)
        self._news.set()

    async def send(self, request: bytes) -> None:
        self.sent.append(request)

    async def end(self) -> None:
        self.ended.set()

    async def recv(self) -> bytes | None:
        while not self._answers:
            self._news.clear()
            await self._news.wait()
        answer = self._answers.popleft()
        if isinstance(answer, JobpoolError):
            raise answer
        return answer

    def close(self) -> None:
        self.gone.set()

    @property
    def closed(self) -> bool:
        return self.gone.is_set()


class FakeSite:
    """`removed` are the members that were to go; `strangers` servers that etcd would not know as `own_user`."""

    def __init__(self) -> None:
        self.reserved = Reserved(b"/j/", b"/j0")
        self.own_user = "jobpool-1"
        self.user = ""
        self.allows_remote_snapshots = False
        self.compactable = 10
        self.supervised = True
        self.removed: list[int] = []
        self.unknown: JobpoolError | None = None
        self.strangers = ""
        self.users_made = 0
        self.turn_is_taken = False

    def own_leases(self) -> Collection[int]:
        return {7}

    def urls_of(self, member_id: int) -> Sequence[str] | None:
        return [f"http://server-{member_id}:2379"] if self.supervised else None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        if self.turn_is_taken:
            raise FailedPrecondition("it is another member's turn")
        self.turn_is_taken = True
        yield
        self.turn_is_taken = False

    async def make_user(self) -> None:
        if self.strangers:
            raise FailedPrecondition(self.strangers)
        self.users_made += 1

    async def newest_compactable(self) -> int:
        return self.compactable

    async def remove_member(self, member_id: int, caller: Caller) -> None:
        if self.unknown is not None:
            raise self.unknown
        self.removed.append(member_id)


def listed(*members: int) -> etcd.MemberListResponse:
    return etcd.MemberListResponse(members=[etcd.Member(ID=one, clientURLs=["unix:///own"]) for one in members])
