"""Members, databases, users and roles: what an administrator asks of etcd."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from google.protobuf.message import Message

from jobpool.api.etcd.kv import Handler, Passing
from jobpool.api.etcd.passage import Caller, refused
from jobpool.api.etcd.site import Site
from jobpool.api.snapshots import is_local
from jobpool.model.errors import Code, FailedPrecondition, JobpoolError, NotFound, PermissionDenied
from jobpool.wire import etcd_pb2 as etcd

M = TypeVar("M", bound=Message)

ROOT = "root"
"""The role that may do anything."""

NO_USER = (
    "etcdserver: with authentication on, servers of jobpool that etcd does not know can neither read nor write: give "
    "all of them the same `etcd-user` and `etcd-password-file`, start them again one by one, and enable it then"
)
_NO_ROLE = (
    "etcdserver: servers use this etcd as {user!r} (`etcd-user`), which needs a role with readwrite on jobpool's keys "
    "before authentication can be enabled"
)


class Administrators:
    """Who may ask for what would harm everybody: whoever is on this machine, and with authentication on, a root.

    What etcd itself keeps to its roots it refuses by itself, to callers on this machine too.
    """

    def __init__(self, passing: Passing) -> None:
        self._passing = passing

    async def check(self, caller: Caller, what: str) -> None:
        """Raises PermissionDenied, or what etcd says of the caller's token."""
        if is_local(caller.peer):
            return
        status = await self._passing.passed("AuthStatus", etcd.AuthStatusRequest(), caller)
        if not etcd.AuthStatusResponse.FromString(status).enabled:
            raise PermissionDenied(
                f"etcdserver: permission denied: {what} is for callers on the server's machine, or for a user with the "
                f"role {ROOT} where authentication is on"
            )
        await self.check_root(caller)

    async def check_root(self, caller: Caller) -> None:
        """Returns when authentication is off. Raises what etcd says of a caller that is no root."""
        await self._passing.passed("UserList", etcd.AuthUserListRequest(), caller)


class Members:
    """The service Cluster. Members are shown with the addresses of their servers: nobody else reaches them."""

    def __init__(self, passing: Passing, administrators: Administrators, site: Site) -> None:
        self._passing = passing
        self._administrators = administrators
        self._site = site

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "MemberList": self._showing("MemberList", etcd.MemberListResponse),
            "MemberAdd": self._showing("MemberAdd", etcd.MemberAddResponse),
            "MemberUpdate": self._showing("MemberUpdate", etcd.MemberUpdateResponse),
            "MemberPromote": self._showing("MemberPromote", etcd.MemberPromoteResponse),
            "MemberRemove": self.remove,
        }

    def _showing(
        self,
        name: str,
        answer: type[etcd.MemberListResponse]
        | type[etcd.MemberAddResponse]
        | type[etcd.MemberUpdateResponse]
        | type[etcd.MemberPromoteResponse],
    ) -> Handler:
        async def serve(request: Message, caller: Caller) -> bytes:
            found = answer.FromString(await self._passing.passed(name, request, caller))
            for member in found.members:
                self._show(member)
            if isinstance(found, etcd.MemberAddResponse):
                self._show(found.member)
            return found.SerializeToString()

        return serve

    async def remove(self, request: etcd.MemberRemoveRequest, caller: Caller) -> bytes:
        """Its server goes with it. It is done with our own rights, so etcd is asked for the caller's first."""
        if self._site.urls_of(request.ID) is None:
            return await self._passing.passed("MemberRemove", request, caller)
        await self._administrators.check_root(caller)
        try:
            await self._site.remove_member(request.ID, caller)
        except NotFound as failure:
            raise refused(Code.NOT_FOUND, "etcdserver: member not found") from failure
        members = await self._passing.passed("MemberList", etcd.MemberListRequest(linearizable=True), caller)
        found = etcd.MemberListResponse.FromString(members)
        for member in found.members:
            self._show(member)
        return etcd.MemberRemoveResponse(header=found.header, members=found.members).SerializeToString()

    def _show(self, member: etcd.Member) -> None:
        urls = self._site.urls_of(member.ID)
        if urls is not None:
            del member.clientURLs[:]
            member.clientURLs.extend(urls)


class Databases:
    """The service Maintenance, but for its stream."""

    def __init__(self, passing: Passing, administrators: Administrators, site: Site) -> None:
        self._passing = passing
        self._administrators = administrators
        self._site = site

    @property
    def handlers(self) -> Mapping[str, Handler]:
        plain = {name: _plain(self._passing, name) for name in ("Status", "Hash", "HashKV", "MoveLeader")}
        return {**plain, "Alarm": self.alarm, "Defragment": self.defragment, "Downgrade": self.downgrade}

    async def defragment(self, request: etcd.DefragmentRequest, caller: Caller) -> bytes:
        """It stops the member, so never two of a cluster at once."""
        async with self._site.turn():
            return await self._passing.passed("Defragment", request, caller)

    async def alarm(self, request: etcd.AlarmRequest, caller: Caller) -> bytes:
        """Raised, an alarm stops all writes, and etcd would let any user do that."""
        if request.action not in (etcd.AlarmRequest.GET, etcd.AlarmRequest.DEACTIVATE):
            await self._administrators.check(caller, "to raise an alarm")
        return await self._passing.passed("Alarm", request, caller)

    async def downgrade(self, request: etcd.DowngradeRequest, caller: Caller) -> bytes:
        if request.action not in (etcd.DowngradeRequest.VALIDATE, etcd.DowngradeRequest.CANCEL):
            raise FailedPrecondition("etcdserver: jobpool does not run on an older etcd, so it is not downgraded")
        return await self._passing.passed("Downgrade", request, caller)


class Users:
    """The service Auth. The servers' own user is not there for anybody, and neither can its role be taken away."""

    def __init__(self, passing: Passing, site: Site) -> None:
        self._passing = passing
        self._site = site

    @property
    def handlers(self) -> Mapping[str, Handler]:
        permissions = ("RoleGrantPermission", "RoleRevokePermission")
        names = ("AuthDisable", "AuthStatus", "RoleAdd", "RoleGet", "RoleList", *permissions)
        plain: dict[str, Handler] = {name: _plain(self._passing, name) for name in names}
        ours: dict[str, Handler] = {
            name: self._hiding(name, named)
            for name, named in (
                ("Authenticate", _name),
                ("UserAdd", _name),
                ("UserGet", _name),
                ("UserDelete", _name),
                ("UserChangePassword", _name),
                ("UserGrantRole", _user),
                ("UserRevokeRole", _name),
            )
        }
        rest: dict[str, Handler] = {"AuthEnable": self.enable, "UserList": self.users, "RoleDelete": self.role_delete}
        return {**plain, **ours, **rest}

    def _hiding(self, name: str, named: Callable[[Message], str]) -> Handler:
        async def serve(request: Message, caller: Caller) -> bytes:
            if self._site.own_user and named(request) == self._site.own_user:
                raise PermissionDenied("etcdserver: permission denied: this user is jobpool's own")
            return await self._passing.passed(name, request, caller)

        return serve

    async def enable(self, request: etcd.AuthEnableRequest, caller: Caller) -> bytes:
        """Only where servers have a user: without one they could neither read nor write from then on."""
        user = self._site.user
        if not user:
            raise FailedPrecondition(NO_USER)
        if self._site.own_user:
            if not await self._is_on(caller):
                await self._site.make_user()
            return await self._passing.passed("AuthEnable", request, caller)
        try:
            found = await self._passing.passed("UserGet", etcd.AuthUserGetRequest(name=user), caller)
        except JobpoolError as failure:
            raise FailedPrecondition(f"{_NO_ROLE.format(user=user)}: {failure.message}") from failure
        if not etcd.AuthUserGetResponse.FromString(found).roles:
            raise FailedPrecondition(_NO_ROLE.format(user=user))
        return await self._passing.passed("AuthEnable", request, caller)

    async def _is_on(self, caller: Caller) -> bool:
        status = await self._passing.passed("AuthStatus", etcd.AuthStatusRequest(), caller)
        return etcd.AuthStatusResponse.FromString(status).enabled

    async def users(self, request: etcd.AuthUserListRequest, caller: Caller) -> bytes:
        found = await self._passing.passed("UserList", request, caller)
        answer = etcd.AuthUserListResponse.FromString(found)
        if self._site.own_user not in answer.users:
            return found
        answer.users.remove(self._site.own_user)
        return answer.SerializeToString()

    async def role_delete(self, request: etcd.AuthRoleDeleteRequest, caller: Caller) -> bytes:
        if request.role == ROOT:
            raise PermissionDenied(f"etcdserver: permission denied: jobpool's own user needs the role {ROOT}")
        return await self._passing.passed("RoleDelete", request, caller)


def _plain(passing: Passing, name: str) -> Handler:
    async def serve(request: Message, caller: Caller) -> bytes:
        return await passing.passed(name, request, caller)

    return serve


def _name(request: Message) -> str:
    return str(getattr(request, "name", ""))


def _user(request: Message) -> str:
    return str(getattr(request, "user", ""))
