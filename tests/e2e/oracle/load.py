"""Plans that fire every second, and changes that clients make meanwhile: what was asked for and what was answered."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from msgspec.structs import replace

from jobpool.kit.effects.dice import Dice
from tests.e2e.oracle.client import Api, Refused, until
from tests.e2e.oracle.evidence import Expected, Write, millis

NAMESPACE = "load"
BY_HAND = "by_hand"
EVERY_SECOND = "* * * * * *"
_CATCH_UP = {"mode": "all", "window": "1h", "max_runs": 100000}
_KNOWN_WITHIN = 30
_ALONE_FOR = "1.3"  # seconds: longer than from tick to tick


class Load:
    """`expected`, `offline`, `namespaces` and `by_hand` are what was acknowledged.

    Commands write to the file `witness` that they ran; those of plans that forbid overlap, `exclusive`, write to
    `marks` when they began and ended.
    """

    def __init__(self, directory: Path, dice: Dice) -> None:
        self.dice = dice
        self.witness = directory / "witness"
        self.marks = directory / "marks"
        self.expected: dict[str, Expected] = {}
        self.exclusive: set[str] = set()
        self.offline: set[str] = set()
        self.namespaces: set[str] = set()
        self.by_hand: dict[str, str] = {}
        self.calm = asyncio.Event()
        self._keys = count()

    async def prepare(self, api: Api, *, plans: int, exclusive: int = 0) -> None:
        await persist(
            lambda: api.post("namespaces", name=NAMESPACE, job_parallelism_limit=1000, when_full="wait"), _told
        )
        await self.add(api, BY_HAND, spec="", executor="noop")
        await _side_by_side([partial(self._add_nth, api, at) for at in range(plans)])
        await _side_by_side([partial(self._add_exclusive, api, f"alone_{at}") for at in range(exclusive)])

    @property
    def witnesses(self) -> frozenset[str]:
        """The plans whose commands leave a line in `witness`."""
        return frozenset(plan_id for plan_id in self.expected if _leaves_trace(plan_id))

    async def _add_nth(self, api: Api, at: int) -> None:
        """Of twenty plans one is a command that leaves a trace, three take a moment, all others nothing."""
        plan_id = f"plan_{at}"
        if at % 20 == 0:
            command = f'echo "$JOBPOOL_JOB_ID $JOBPOOL_FENCE" >>{self.witness}'
            await self.add(api, plan_id, executor="shell", parameters={"command": command})
        elif at % 20 <= 3:
            await self.add(api, plan_id, executor="noop", parameters={"sleep": f"{self.dice.below(900)}ms"})
        else:
            await self.add(api, plan_id, executor="noop")

    async def _add_exclusive(self, api: Api, plan_id: str) -> None:
        self.exclusive.add(plan_id)
        mark = f'echo "%s $JOBPOOL_JOB_ID $JOBPOOL_FENCE $(date +%%s%%3N)" >>{self.marks}'
        command = f"{mark % 'began'}; sleep {_ALONE_FOR}; {mark % 'ended'}"
        await self.add(api, plan_id, executor="shell", parameters={"command": command}, overlap="skip")

    async def add(
        self, api: Api, plan_id: str, *, executor: str, spec: str = EVERY_SECOND, parameters: Any = None, **more: object
    ) -> None:
        request: dict[str, Any] = {"id": plan_id, "name": plan_id, "namespace": NAMESPACE, "type": "service"}
        request |= {"status": "running", "executor": executor, "catch_up": _CATCH_UP, **more}
        if spec:
            request["periodic"] = {"spec": spec, "time_zone": "UTC"}
        if parameters is not None:
            request["parameters"] = json.dumps(parameters)
        answered = await persist(lambda: api.post("plans", **request), lambda: self._plan(api, plan_id))
        plan = answered["data"]
        if spec:
            first = millis(plan["next_time"]) if "header" in answered and not answered.get("again") else None
            self.expected[plan_id] = Expected(NAMESPACE, plan_id, spec, "UTC", millis(plan["create_time"]), 0, first)

    async def _plan(self, api: Api, plan_id: str, changed: Callable[[dict[str, Any]], object] = bool) -> dict[str, Any]:
        """For a change whose answer was lost, and which turned out to have been made.

        Of several servers one may not have heard of it yet, but each must before long.
        """
        found = await until(lambda: _found(api, plan_id), changed, _KNOWN_WITHIN)
        return {**found, "again": True}

    async def stop(self, api: Api) -> None:
        """All plans offline."""
        left = sorted(self.expected.keys() - self.offline)
        await _side_by_side([partial(self._off, api, plan_id) for plan_id in left])

    async def _off(self, api: Api, plan_id: str) -> None:
        answered = await persist(
            lambda: api.post(f"plans/{plan_id}/offline", namespace=NAMESPACE),
            lambda: self._plan(api, plan_id, _is_off),
        )
        plan = answered["data"]
        assert _is_off(answered), plan
        self.offline.add(plan_id)
        self.expected[plan_id] = replace(self.expected[plan_id], until=millis(plan["update_time"]))

    async def run(self, api: Api, plan_id: str) -> str:
        """A run by hand; its id. It is asked for twice by the same key, as by a caller whose first answer was lost."""
        key = f"key-{next(self._keys)}"
        ids = set()
        for _ in range(2):
            request = {"namespace": NAMESPACE, "idempotency_key": key, "created_by": key}
            answered = await persist(partial(api.post, f"plans/{plan_id}/run", **request))
            ids.add(answered["data"]["id"])
        assert len(ids) == 1, f"{key} named {ids}"
        self.by_hand[key] = ids.pop()
        return self.by_hand[key]

    # ---- writers, until it is calm

    async def write(self, api: Api) -> None:
        async with asyncio.TaskGroup() as group:
            for writer in (self._plans, self._runs, self._namespaces):
                group.create_task(writer(api))

    async def _plans(self, api: Api) -> None:
        """Plans come and go."""
        number = 0
        while not self.calm.is_set():
            plan_id = f"guest_{number}"
            await self.add(api, plan_id, spec="*/2 * * * * *", executor="noop")
            if number >= 5:
                await self._off(api, f"guest_{number - 5}")
            number += 1
            await asyncio.sleep(0.2)

    async def _runs(self, api: Api) -> None:
        while not self.calm.is_set():
            await self.run(api, BY_HAND)
            await asyncio.sleep(0.1)

    async def _namespaces(self, api: Api) -> None:
        while not self.calm.is_set():
            name = f"guest_{len(self.namespaces)}"
            await persist(partial(api.post, "namespaces", name=name), _told)
            self.namespaces.add(name)
            await asyncio.sleep(0.3)

    # ---- what became of it

    async def writes(self, api: Api) -> list[Write]:
        plans = {plan["id"]: plan for plan in await api.everything("plans", namespace=NAMESPACE)}
        namespaces = {one["name"] for one in await api.everything("namespaces")}
        return [
            *(Write("plan", plan_id, plan_id in plans) for plan_id in self.expected),
            *(Write("offline of", one, plans.get(one, {}).get("status") == "dead") for one in sorted(self.offline)),
            *(Write("namespace", name, name in namespaces) for name in sorted(self.namespaces)),
        ]

    async def slots(self, api: Api) -> dict[str, int]:
        view = (await api.get(f"queues/job/{NAMESPACE}"))["data"]
        return {NAMESPACE: view["total"] - view.get("un_used", 0)}


async def persist(
    call: Callable[[], Awaitable[dict[str, Any]]], known: Callable[[], Awaitable[dict[str, Any]]] | None = None
) -> dict[str, Any]:
    """Repeat until it is answered, as a careful caller does. `known`: the answer once it proves to have been made."""
    while True:
        try:
            return await call()
        except Refused as refusal:
            if refusal.status == 409 and known is not None:
                return await persist(known)
            if refusal.status not in (503, 504):
                raise
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            pass
        await asyncio.sleep(0.05)


async def _found(api: Api, plan_id: str) -> dict[str, Any]:
    """The answer; nothing from a server that does not know the plan."""
    try:
        found: dict[str, Any] = await api.get(f"plans/{plan_id}", namespace=NAMESPACE)
    except Refused as refusal:
        if refusal.status != 404:
            raise
        return {}
    return found


def _is_off(answered: dict[str, Any]) -> bool:
    return bool(answered) and answered["data"]["status"] == "dead"


async def _told() -> dict[str, Any]:
    """What was to be made is there: nothing more is asked about it."""
    return {}


async def _side_by_side(calls: Sequence[Callable[[], Awaitable[None]]], width: int = 20) -> None:
    room = asyncio.Semaphore(width)

    async def one(call: Callable[[], Awaitable[None]]) -> None:
        async with room:
            await call()

    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(one(call))


def _leaves_trace(plan_id: str) -> bool:
    kind, _, number = plan_id.partition("_")
    return kind == "plan" and int(number) % 20 == 0
