"""An agent of the original engine: it registers, beats, polls, calls and reports exactly as that one does.

What that one does badly is done here, too: a report that is answered with an error is lost, a plan that cannot be read
is a failure, what it does not know kills it, and after a restart its id is in lower case.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar, cast

from google.protobuf.message import Message
from msgspec import Struct

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice
from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.model.errors import JobpoolError
from jobpool.wire import jobpool_pb2 as pb

_TICK: Millis = 200
_METHODS = ("get", "post", "delete")
_SKIPPED = '{{"planId": "{0}", "jobId":"{1}", "status": "skipped", "message":"same job is running, skipped"}}'
_NO_SLOT = '{{"planId": "{0}", "jobId":"{1}", "status": "failed", "message":"no slot left in scheduler engine"}}'
_TOLD = {"skip": "finish run skip allocation in dispatcher", "fail": "finish run failed allocation in dispatcher"}
A = TypeVar("A", bound=Message)


class HttpCall(Struct, frozen=True):
    """`body` None = none is sent."""

    method: str
    url: str
    content_type: str
    body: str | None


class HttpAnswer(Struct, frozen=True):
    status: int
    body: str = ""


Perform = Callable[[HttpCall], Awaitable[HttpAnswer]]
"""Call a service. Raises OSError when it cannot be reached."""


class Ask(Protocol):
    """A call to any of the servers. It waits while none can be reached, and raises JobpoolError for an error answer."""

    async def __call__(self, rpc: str, request: Message) -> Message: ...


class AgentDied(Exception):
    """What the agent does not know has ended its process."""


class OriginalAgent:
    """One life of its process; `run` ends by cancellation, or with AgentDied inside an ExceptionGroup.

    `seen` are the allocations that it has taken up, `reported` what it has sent, in order, and `errors` what it was
    answered. `repeats`: it sends everything twice, as that one may.
    """

    def __init__(
        self,
        ask: Ask,
        perform: Perform,
        *,
        clock: Clock,
        dice: Dice,
        node_id: str,
        secret: str,
        name: str = "agent-1",
        repeats: bool = False,
    ) -> None:
        self.node_id = node_id
        self.seen: set[str] = set()
        self.reported: list[tuple[str, str, str]] = []
        self.errors: list[JobpoolError] = []
        self.ttls: list[Millis] = []
        self._ask = ask
        self._perform = perform
        self._clock = clock
        self._dice = dice
        self._secret = secret
        self._name = name
        self._repeats = repeats
        self._status = "initializing"
        self._updates: dict[str, tuple[str, str]] = {}
        self._locked = False
        self._started_at = clock.now()

    def restarted(self) -> "OriginalAgent":
        """Its next life: it has forgotten everything but id and secret, and reads back the id in lower case."""
        return OriginalAgent(
            self._ask,
            self._perform,
            clock=self._clock,
            dice=self._dice,
            node_id=self.node_id.lower(),
            secret=self._secret,
            name=self._name,
            repeats=self._repeats,
        )

    async def run(self) -> None:
        await self._register()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._register_again())
            group.create_task(self._report())
            group.create_task(self._poll(group))

    # ---- registration and heartbeat

    async def _register(self) -> None:
        while True:
            if self._locked:
                await asyncio.get_running_loop().create_future()
            request = pb.NodeAddRequest(
                ID=self.node_id,
                name=self._name,
                data_center="default",
                secret_id=self._secret,
                status=self._status,
                status_update_at=self._clock.now() * 1000,
            )
            request.started_at.FromMilliseconds(self._started_at)
            if await self._tried(request, pb.NodeAddResponse) is not None:
                self._status = "ready"
                return
            await self._pause(15 * SECOND, 30 * SECOND)

    async def _register_again(self) -> None:
        await self._pause(5 * SECOND, 10 * SECOND)
        await self._register()

    async def _beat(self) -> None:
        last, ttl = None, 0
        await self._pause(0, 10 * SECOND)
        while True:
            request = pb.NodeUpdateRequest(
                ID=self.node_id, secret_id=self._secret, status="ready", status_description="node is ready"
            )
            answer = await self._tried(request, pb.NodeUpdateResponse)
            if answer is not None:
                last, ttl = self._clock.monotonic(), answer.heartbeat_ttl
                self.ttls.append(ttl)
                await self._clock.sleep(ttl)
                continue
            if "node not found" in self.errors[-1].reason:
                await self._register()
            await self._clock.sleep(self._patience(None if last is None else last + ttl - self._clock.monotonic()))

    def _patience(self, left: Millis | None) -> Millis:
        """How long it waits after a beat that failed, `left` ms before its time to live is over."""
        if left is None:
            return self._between(15 * SECOND, 30 * SECOND)
        if left < -30 * SECOND:
            return -left
        drawn = 0 if left <= 0 else self._between(0, left)
        if drawn < SECOND:
            return self._between(SECOND, 2 * SECOND)
        return self._between(25 * SECOND, 30 * SECOND) if drawn > 30 * SECOND else drawn

    # ---- work

    async def _poll(self, group: asyncio.TaskGroup) -> None:
        wanted = pb.ScheduleAllocationListRequest(node_id=self.node_id, status="pending")
        while True:
            await self._clock.sleep(_TICK)
            found = await self._tried(wanted, pb.ScheduleSimpleAllocationListResponse, "SimpleAllocationList")
            if found is None:
                await self._pause(30 * SECOND, 60 * SECOND)
                continue
            ids = [item.id for item in found.data if item.id not in self.seen]
            if not ids:
                continue
            named = pb.ScheduleAllocationListRequest(node_id=self.node_id, status="pending", ids=ids)
            whole = await self._tried(named, pb.ScheduleAllocationListResponse)
            if whole is None or len(whole.data) < len(ids):
                await self._pause(5 * SECOND, 10 * SECOND)
                continue
            for allocation in whole.data:
                self.seen.add(allocation.id)
                group.create_task(self._take(allocation))

    async def _take(self, allocation: pb.Allocation) -> None:
        if allocation.desired_status in ("stop", "evict") or allocation.client_status != "pending":
            return
        wanted = pb.SchedulePlanDetailRequest(id=allocation.plan_id, namespace=allocation.namespace)
        plan = await self._tried(wanted, pb.SchedulePlanDetailResponse)
        if plan is None:
            self._locked = True
            self._note(allocation, "failed", f"Unable to add allocation due to error: {self.errors[-1]}")
        elif allocation.desired_status in _TOLD:
            await self._tell(allocation)
        else:
            await self._work(allocation, plan.data)

    async def _tell(self, allocation: pb.Allocation) -> None:
        """The callee of a tick that did not run."""
        desired = allocation.desired_status
        text = (_SKIPPED if desired == "skip" else _NO_SLOT).format(allocation.plan_id, allocation.job_id)
        try:
            await self._perform(_http_call(allocation.client_description, text))
        except (OSError, ValueError):
            self._note(allocation, "failed", _TOLD[desired])
        else:
            self._note(allocation, "skipped", _TOLD[desired])

    async def _work(self, allocation: pb.Allocation, plan: pb.Plan) -> None:
        body = None if plan.synchronous else f'{{"planId": "{allocation.plan_id}", "jobId":"{allocation.job_id}"}}'
        try:
            answer = await self._perform(_http_call(plan.parameters, body))
        except ValueError as error:
            self._note(allocation, "failed", f"un marshal setting config failed: {error}")
        except OSError as error:
            self._note(allocation, "failed", f"send request to url failed: {error}")
        else:
            self._note(allocation, *(_ended(answer) if plan.synchronous else _handed_over(answer)))

    # ---- reports

    def _note(self, allocation: pb.Allocation, status: str, description: str) -> None:
        self._updates[allocation.id] = (status, description)

    async def _report(self) -> None:
        while True:
            await self._clock.sleep(_TICK)
            updates, self._updates = self._updates, {}
            for allocation_id, (status, description) in updates.items():
                request = pb.ScheduleAllocationStatusUpdateRequest(
                    id=allocation_id, status=status, description=description
                )
                self.reported.append((allocation_id, status, description))
                for _ in range(2 if self._repeats else 1):
                    sent = await self._tried(request, pb.ScheduleAllocationStatusUpdateResponse)
                if sent is None:  # the rest of them is lost with it
                    await self._pause(5 * SECOND, 10 * SECOND)
                    break

    # ---- tools

    async def _tried(self, request: Message, answer: type[A], rpc: str = "") -> A | None:
        """None for an error answer, which is the newest of `errors` then."""
        try:
            return cast("A", await self._ask(rpc or _RPC[type(request)], request))
        except JobpoolError as error:
            self.errors.append(error)
            return None

    async def _pause(self, least: Millis, most: Millis) -> None:
        await self._clock.sleep(self._between(least, most))

    def _between(self, least: Millis, most: Millis) -> Millis:
        return least + int((most - least) * self._dice.fraction())


_RPC: dict[type[Message], str] = {
    pb.NodeAddRequest: "NodeAdd",
    pb.NodeUpdateRequest: "NodeUpdate",
    pb.ScheduleAllocationListRequest: "AllocationList",
    pb.SchedulePlanDetailRequest: "PlanDetail",
    pb.ScheduleAllocationStatusUpdateRequest: "AllocationUpdate",
}


def _http_call(parameters: str, body: str | None) -> HttpCall:
    """`body` None = that of the parameters. Raises ValueError for what is no JSON, AgentDied for what kills it."""
    if not parameters:
        raise AgentDied("the plan has no parameters")
    given = json.loads(parameters)
    method = str(given.get("method", "")).lower()
    if method not in _METHODS:
        raise AgentDied(f"the method is {method!r}")
    text = given.get("body", "") if body is None else body
    if not isinstance(text, str):
        raise ValueError("json: cannot unmarshal object into Go struct field body of type string")
    kind = given.get("contentType") or "application/json"
    return HttpCall(method.upper(), given.get("url", ""), kind, None if method == "get" else text)


def _ended(answer: HttpAnswer) -> tuple[str, str]:
    return ("complete" if answer.status == 200 else "failed", "")


def _handed_over(answer: HttpAnswer) -> tuple[str, str]:
    """The status of an asynchronous run after its callee has answered; empty when the agent does not know."""
    if answer.status != 200:
        return ("failed", "")
    try:
        said = json.loads(answer.body)
    except ValueError:
        return ("running", "")
    if said is None:
        raise AgentDied("the callee answered null")
    fields = {str(name).lower(): value for name, value in said.items()} if isinstance(said, dict) else {}
    code = fields.get("code", 0)
    if not isinstance(said, dict) or not isinstance(code, int) or code == 200:
        return ("running", "")
    error = str(fields.get("error") or "")
    return ("failed" if error else "", error)
