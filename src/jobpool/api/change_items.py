"""The changes of one commit as those who watch are told of them. Pure.

Their order is that of their keys, so that their places are the same on every server, by whatever way it came to know
of the commit.
"""

from collections.abc import Collection, Iterator
from itertools import chain
from typing import TypeAlias, TypeVar

from msgspec import Struct

from jobpool.model.namespace import Namespace
from jobpool.model.node import Node
from jobpool.model.plan import Plan
from jobpool.model.run import Run
from jobpool.model.schedule import Cursor
from jobpool.model.server import ServerRecord
from jobpool.replica.state import Folded, State
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import job_message, namespace_message, node_message, plan_message

V = TypeVar("V")

KINDS = ("plan", "job", "node", "namespace", "server")
IN_NAMESPACES = frozenset({"plan", "job", "namespace"})
OF_PLANS = frozenset({"plan", "job"})

Value: TypeAlias = Plan | Run | Node | Namespace | ServerRecord


class Item(Struct, frozen=True):
    """One of what is watched; `value` None = it is gone. `cursor` is a plan's."""

    kind: str
    namespace: str
    """Empty for what is in none."""
    id: str
    value: Value | None
    plan_id: str = ""
    cursor: Cursor | None = None


class Filter(Struct, frozen=True, kw_only=True):
    """Which items are told of; empty = any."""

    kinds: frozenset[str] = frozenset(KINDS)
    namespace: str = ""
    plan_id: str = ""
    id: str = ""

    def matches(self, item: Item) -> bool:
        return (
            item.kind in self.kinds
            and self.namespace in ("", item.namespace)
            and self.plan_id in ("", item.plan_id)
            and self.id in ("", item.id)
        )


def items_of(folded: Folded, state: State) -> list[Item]:
    """All changes of a commit. `state` is at least as new as the commit: half of what is known of a plan is from it."""
    items = [*_jobs(folded), *_plans(folded, state)]
    items += (Item("node", "", _one(new, old).id, new) for old, new in folded.nodes)
    items += (Item("namespace", (name := _one(new, old).name), name, new) for old, new in folded.namespaces)
    items += (Item("server", "", _one(new, old).id, new) for old, new in folded.servers)
    items.sort(key=lambda item: (item.kind, item.namespace, item.id))
    return items


def items_now(state: State, kinds: Collection[str]) -> Iterator[Item]:
    """Everything of these kinds as it is at the call, however late it is looked at; of the jobs, those not ended."""
    parts: list[Iterator[Item]] = []
    if "namespace" in kinds:
        parts.append(Item("namespace", name, name, value) for name, value in tuple(state.namespaces.items()))
    if "plan" in kinds:
        planned = [(plan, state.cursors.get(key)) for key, plan in state.plans.items()]
        parts.append(_plan(plan, cursor) for plan, cursor in planned)
    if "job" in kinds:
        parts.append(map(_job, tuple(state.runs.values())))
    if "node" in kinds:
        parts.append(Item("node", "", node.id, node) for node in tuple(state.nodes.values()))
    if "server" in kinds:
        parts.append(Item("server", "", server.id, server) for server in tuple(state.servers.values()))
    return chain.from_iterable(parts)


def message_of(item: Item, n: int, state: State, *, brief: bool = False) -> pb.ScheduleChange:
    """What is told of it. A node's load and a run's definition are those of `state`. `brief`: without long texts."""
    told = pb.ScheduleChange(
        kind=item.kind, action="gone" if item.value is None else "set", n=n, namespace=item.namespace, id=item.id
    )
    match item.value:
        case Plan() as plan:
            told.plan.CopyFrom(plan_message(plan, item.cursor, brief=brief))
        case Run() as run:
            definition = state.plan_version(run.namespace, run.plan_id, run.plan_version)
            told.job.CopyFrom(job_message(run, definition, brief=brief))
        case Node() as node:
            server = state.server(node.server)
            name = server.name if server is not None else node.server
            told.node.CopyFrom(node_message(node, state.node_load(node.id), name))
        case Namespace() as namespace:
            told.namespace_item.CopyFrom(namespace_message(namespace, state.slot_limit(namespace.name)))
        case ServerRecord() as record:
            told.server.CopyFrom(_server_message(record))
    return told


def _server_message(record: ServerRecord) -> pb.Server:
    """What is stored of a server; whether it is there, and leads, is not."""
    return pb.Server(
        id=record.id, name=record.name, url=record.url, version=record.version, member_id=record.etcd_member
    )


def _jobs(folded: Folded) -> Iterator[Item]:
    """A run that ends leaves the live keys for the commit's segment of history."""
    segment = folded.segment
    ended = {run.id: run for run in segment.runs} if segment is not None else {}
    for old, new in folded.runs:
        if new is not None:
            yield _job(new)
        elif old is not None and old.id not in ended:
            yield Item("job", old.namespace, old.id, None, old.plan_id)
    for run in ended.values():
        yield _job(run)
    for entry in segment.forgotten if segment is not None else ():
        if not entry.part:
            yield Item("job", "", entry.job_id, None)


def _job(run: Run) -> Item:
    return Item("job", run.namespace, run.id, run, run.plan_id)


def _plans(folded: Folded, state: State) -> Iterator[Item]:
    """A plan has changed when its definition has, or its next or its last time."""
    cursors = dict(folded.cursors)
    for old, new in folded.plans:
        key = (_one(new, old).namespace, _one(new, old).id)
        cursor = cursors.pop(key, None) or state.cursors.get(key)
        yield Item("plan", *key, new, key[1]) if new is None else _plan(new, cursor)
    for key, cursor in cursors.items():
        # A plan that has gone meanwhile keeps its place among the others: it is told of as gone already.
        yield Item("plan", *key, state.plans.get(key), key[1], cursor)


def _plan(plan: Plan, cursor: Cursor | None) -> Item:
    return Item("plan", plan.namespace, plan.id, plan, plan.id, cursor)


def _one(new: V | None, old: V | None) -> V:
    """Of a change at least one side is there."""
    value = new if new is not None else old
    assert value is not None
    return value
