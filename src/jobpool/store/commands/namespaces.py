"""Commands about namespaces."""

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from jobpool.kit.pure.durations import Millis
from jobpool.kit.pure.patches import set_fields
from jobpool.model.errors import AlreadyExists, FailedPrecondition, NotFound
from jobpool.model.namespace import Namespace, WhenFull
from jobpool.ports import ClusterView
from jobpool.store.change import Change, Decided
from jobpool.store.commands.marks import Mark
from jobpool.store.keyspace import Table


class NamespaceSettings(Struct, frozen=True):
    """What a request sets; UNSET stays as it is."""

    job_parallelism_limit: int | UnsetType = UNSET
    when_full: WhenFull | UnsetType = UNSET
    default_time_zone: str | UnsetType = UNSET
    description: str | UnsetType = UNSET

    def on(self, namespace: Namespace) -> Namespace:
        return replace(namespace, **set_fields(self))


class AddNamespace(Struct, frozen=True):
    """`if_absent`: being there already is no error (the namespace `default` at first start).

    A request that is repeated under its `mark` adds nothing.
    """

    name: str
    settings: NamespaceSettings = NamespaceSettings()
    if_absent: bool = False
    mark: Mark | None = None

    def decide(self, view: ClusterView, now: Millis) -> Decided[Namespace]:
        made = self.mark.made(view, now) if self.mark is not None else None
        if made is not None:
            return Decided(_existing(view, made, field="name"))
        known = view.namespace(self.name)
        if known is not None:
            if self.if_absent:
                return Decided(known)
            raise AlreadyExists("namespace", self.name, field="name")
        added = self.settings.on(Namespace(name=self.name, created_at=now))
        changes = [Change(Table.NAMESPACE, (self.name,), added)]
        if self.mark is not None:
            changes.append(self.mark.remember(self.name, now))
        return Decided(added, tuple(changes), grows=not self.if_absent)


class UpdateNamespace(Struct, frozen=True):
    """Change settings; a lower limit ends nothing that runs."""

    name: str
    settings: NamespaceSettings

    def decide(self, view: ClusterView, now: Millis) -> Decided[Namespace]:
        known = _existing(view, self.name, field="name")
        changed = self.settings.on(known)
        if changed == known:
            return Decided(known)
        change = Change(Table.NAMESPACE, (self.name,), changed)
        return Decided(changed, (change,), grows=len(changed.description) > len(known.description))


class RenameNamespace(Struct, frozen=True):
    """Only an empty namespace can be renamed: plans and runs carry the name in their ids."""

    old_name: str
    name: str
    settings: NamespaceSettings

    def decide(self, view: ClusterView, now: Millis) -> Decided[Namespace]:
        known = _existing(view, self.old_name, field="old_name")
        if view.namespace(self.name) is not None:
            raise AlreadyExists("namespace", self.name, field="name")
        refuse_occupied(view, self.old_name, "renamed")
        renamed = self.settings.on(replace(known, name=self.name))
        return Decided(
            renamed,
            (Change(Table.NAMESPACE, (self.old_name,), None), Change(Table.NAMESPACE, (self.name,), renamed)),
            grows=len(renamed.description) > len(known.description),
        )


class DeleteNamespace(Struct, frozen=True):
    """Only an empty namespace can be deleted."""

    name: str

    def decide(self, view: ClusterView, now: Millis) -> Decided[None]:
        _existing(view, self.name, field="name")
        refuse_occupied(view, self.name, "deleted")
        return Decided(None, (Change(Table.NAMESPACE, (self.name,), None),))


def refuse_occupied(view: ClusterView, name: str, verb: str) -> None:
    plans, runs = view.plans_in(name), view.runs_in(name)
    if plans or runs:
        raise FailedPrecondition(
            f"namespace {name!r} has {_counted(plans, 'plan')} and {_counted(runs, 'live job')} and cannot be {verb}; "
            "delete them first",
            field="name",
            engine_code=1108,
            terms=("namespace", name, "plan or job") if verb == "deleted" else (),
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _existing(view: ClusterView, name: str, *, field: str) -> Namespace:
    namespace = view.namespace(name)
    if namespace is None:
        raise NotFound("namespace", name, field=field)
    return namespace
