"""What is to start in the hours to come: counts by minute, the herds among them, and the plans of one minute.

Counting goes in slices between which others have their turn. The first who asks waits for it, or is told how far it
came; later ones find it done.
"""

import asyncio
from heapq import nsmallest
from itertools import islice
from statistics import median_high

from msgspec import Struct

from jobpool.api.checks import check_namespace, optional_time
from jobpool.api.context import Context
from jobpool.api.forecast import DAY_MINUTES, Window, first_in, window_start
from jobpool.api.service import Call
from jobpool.kit.pure.durations import DAY, MINUTE, SECOND, Millis
from jobpool.model.errors import InvalidArgument, NotFound
from jobpool.model.plan import Plan
from jobpool.replica.replica import Replica
from jobpool.replica.state import Folded, State
from jobpool.timetable.timetable import FIRST_INSTANT, LAST_INSTANT
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp

_MAX_HOURS = DAY_MINUTES // 60
_MAX_PLANS = 100
_DEFAULT_PLANS = 10
_HERD = 5
_WINDOWS = 3
_SLICE: Millis = 5
_IN_A_SLICE = 1000
_PATIENCE: Millis = 2 * SECOND
_AT_ONCE = 256
"""Plans of one group that are compared between two looks at the clock, some 0.1 ms."""


class _Asked(Struct, frozen=True):
    """Minutes since the epoch. `minute` None = no plans are listed."""

    namespace: str
    first: int
    count: int
    minute: int | None
    limit: int


class _Due(Struct, frozen=True):
    plan: Plan
    starts: int


class Upcoming:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._windows = _Windows(context.replica)
        self._turn = asyncio.Lock()

    async def read(self, request: pb.UpcomingRequest, call: Call) -> pb.UpcomingResponse:
        """Raises InvalidArgument, NotFound."""
        asked = self._asked(request)
        return await self._context.read(self._answer(asked), call)

    def _asked(self, request: pb.UpcomingRequest) -> _Asked:
        namespace = check_namespace("namespace", request.namespace) if request.namespace else ""
        if namespace and self._context.state.namespace(namespace) is None:
            raise NotFound("namespace", namespace, field="namespace")
        if not 0 <= request.hours <= _MAX_HOURS:
            raise InvalidArgument("hours", f"must be 1 to {_MAX_HOURS} (0 = {_MAX_HOURS}), found {request.hours}")
        if not 0 <= request.limit <= _MAX_PLANS:
            raise InvalidArgument("limit", f"must be 1 to {_MAX_PLANS} (0 = {_DEFAULT_PLANS}), found {request.limit}")
        since = self._minute(request, "from")
        return _Asked(
            namespace,
            self._context.clock.now() // MINUTE if since is None else since,
            (request.hours or _MAX_HOURS) * 60,
            self._minute(request, "minute"),
            request.limit or _DEFAULT_PLANS,
        )

    def _minute(self, request: pb.UpcomingRequest, field: str) -> int | None:
        at = optional_time(request, field)
        if at is not None and not FIRST_INSTANT <= at <= LAST_INSTANT - 2 * DAY:
            raise InvalidArgument(field, "wanted a time from 1970 to 9891")
        return None if at is None else at // MINUTE

    async def _answer(self, asked: _Asked) -> pb.UpcomingResponse:
        async with self._turn:
            pace = _Pace(self._context, _PATIENCE)
            window = await self._window(asked.first, pace)
            response = self._counted(asked, window)
            if asked.minute is not None:
                if not window.covers(asked.minute):
                    window = await self._window(asked.minute, pace)
                response.minute.CopyFrom(await self._listed(asked, asked.minute, window, pace))
        return response

    async def _window(self, minute: int, pace: "_Pace") -> Window:
        """Counted as far as patience goes. The look at the clock after each plan is cheap; a new time zone is not."""
        window = self._windows.find(minute)
        while not window.complete and pace.goes_on:
            window.step()
            await pace.kept(1)
        return window

    def _counted(self, asked: _Asked, window: Window) -> pb.UpcomingResponse:
        counts = window.counts(asked.first, asked.count, asked.namespace)
        median = median_high([count for count in counts if count] or [0])
        room = _room(self._context.state, asked.namespace)
        above = max(_HERD * median, room)
        response = pb.UpcomingResponse(
            header=self._context.header(),
            counts=counts,
            complete=window.complete,
            counted=window.counted,
            plans=window.counted + window.waiting,
            median=median,
            room=room,
            herd_above=above,
            herds=[place for place, count in enumerate(counts) if count > above],
        )
        getattr(response, "from").CopyFrom(timestamp(asked.first * MINUTE))
        return response

    async def _listed(self, asked: _Asked, minute: int, window: Window, pace: "_Pace") -> pb.UpcomingMinute:
        """Of what is counted; nothing is counted meanwhile, as this answer has the turn."""
        complete, starts, plans = window.complete, 0, 0
        shown = list[_Due]()
        for each, group in window.starting(minute, asked.namespace):
            starts, plans = starts + each * len(group), plans + len(group)
            members = iter(group.values())
            while some := [_Due(plan, each) for plan in islice(members, _AT_ONCE)]:
                shown = nsmallest(asked.limit, shown + some, key=lambda one: (-one.starts, one.plan.key))
                await pace.kept(len(some))
            await pace.kept(1)
        return pb.UpcomingMinute(
            time=timestamp(minute * MINUTE),
            starts=starts,
            plans=plans,
            data=[_message(due, minute) for due in shown],
            complete=complete,
        )


class _Windows:
    """The windows that were asked for lately; what the replica folds changes them."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._kept: dict[int, Window] = {}
        replica.listen(self._observe)
        replica.on_restore(self._kept.clear)

    def find(self, minute: int) -> Window:
        first = window_start(minute)
        window = self._kept.pop(first, None) or Window(first, self._replica.state.plans)
        self._kept[first] = window
        if len(self._kept) > _WINDOWS:
            del self._kept[next(iter(self._kept))]
        return window

    def _observe(self, folded: Folded) -> None:
        if not folded.plans:
            return
        for window in self._kept.values():
            for old, new in folded.plans:
                window.change(old, new)


class _Pace:
    """Work cut into slices, until patience is over. `goes_on` at least once."""

    def __init__(self, context: Context, patience: Millis) -> None:
        self._clock = context.clock
        self._until = self._clock.monotonic() + patience
        self._slice = self._clock.monotonic() + _SLICE
        self._done = 0
        self.goes_on = True

    async def kept(self, done: int) -> None:
        """Lets others have their turn when the slice is over."""
        self._done += done
        now = self._clock.monotonic()
        if now < self._slice and self._done < _IN_A_SLICE:
            return
        self.goes_on = now < self._until
        await asyncio.sleep(0)
        self._done, self._slice = 0, self._clock.monotonic() + _SLICE


def _room(state: State, namespace: str) -> int:
    """How many runs there can be at once; without a node that takes work, as many as there are slots."""
    slots = sum(state.slot_limit(name) for name in ([namespace] if namespace else state.namespaces))
    nodes = sum(node.capacity for node in state.nodes.values() if node.accepts_work)
    return min(slots, nodes) if nodes else slots


def _message(due: _Due, minute: int) -> pb.UpcomingPlan:
    plan = due.plan
    return pb.UpcomingPlan(
        id=plan.id,
        namespace=plan.namespace,
        name=plan.name,
        starts=due.starts,
        first=timestamp(first_in(plan, minute) or minute * MINUTE),
        time_zone=plan.periodic.time_zone if plan.periodic is not None else "",
    )
