"""`jobpoolctl user`, `role` and `auth`: who may do what with which keys of the etcd."""

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_options import Settings
from jobpool.cli.etcd.frame import EtcdGroup, ask_password, prefix_end, ranged, run
from jobpool.cli.etcd.quoting import bytes_of, quoted

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from jobpool.client.etcd import Etcd
    from jobpool.wire import etcd_pb2 as pb

NO_ROOT_ROLE = "root user does not have root role"


@click.group(cls=EtcdGroup)
def user() -> None:
    """Users of the etcd."""


@click.group(cls=EtcdGroup)
def role() -> None:
    """Roles of the etcd's users: keys that they may read or write."""


@click.group(cls=EtcdGroup)
def auth() -> None:
    """Whether the etcd asks its callers who they are."""


def _do(settings: Settings, name: str, request: "Message", reply: "type[Message]", said: str) -> None:
    """Make a change, and say so."""
    from jobpool.cli.etcd import show

    answer = run(settings, lambda etcd: etcd.call(name, request, reply=reply))
    show.show(settings, answer, simple=show.said(said))


def _list(settings: Settings, answer: "Message", title: str, names: Iterable[str]) -> None:
    from jobpool.cli.etcd import show

    found = list(names)
    shown = " ".join(f" {quoted(bytes_of(name))}" for name in found)
    show.show(
        settings,
        answer,
        simple=show.said(*found),
        fields=lambda: [*show.header_fields(answer), f'"{title}" :{shown}'],
    )


# ---- users


@user.command("add")
@click.argument("name", metavar="NAME[:PASSWORD]")
@click.option("--interactive/--no-interactive", default=True, help="=false: read the password from stdin.")
@click.option("--new-user-password", metavar="PASSWORD", default="", help="The password.")
@click.option("--no-password", is_flag=True, help="None: for callers known by their certificate.")
@click.pass_obj
def add_user(settings: Settings, /, *, name: str, interactive: bool, new_user_password: str, no_password: bool) -> None:
    """Create a user; asks for the password."""
    from jobpool.wire import etcd_pb2 as pb

    password = new_user_password
    if not no_password and not password:
        bare, colon, password = name.partition(":")
        if colon:
            name = bare
        else:
            password = _new_password(name, interactive=interactive)
    if not name:
        raise click.UsageError("the name is empty")
    options = pb.UserAddOptions(no_password=no_password)
    request = pb.AuthUserAddRequest(name=name, password="" if no_password else password, options=options)
    _do(settings, "UserAdd", request, pb.AuthUserAddResponse, f"User {name} created")


def _new_password(name: str, *, interactive: bool) -> str:
    if interactive:
        return ask_password(f"Password of {name}", again=f"Type password of {name} again for confirmation")
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("wanted the password by stdin, found nothing")
    return password


@user.command("delete")
@click.argument("name")
@click.pass_obj
def delete_user(settings: Settings, name: str) -> None:
    """Delete a user."""
    from jobpool.wire import etcd_pb2 as pb

    request = pb.AuthUserDeleteRequest(name=name)
    _do(settings, "UserDelete", request, pb.AuthUserDeleteResponse, f"User {name} deleted")


@user.command("get")
@click.argument("name")
@click.option("--detail", is_flag=True, help="And what the roles allow.")
@click.pass_obj
def get_user(settings: Settings, name: str, *, detail: bool) -> None:
    """Show the roles of a user."""
    from jobpool.cli.etcd import show

    found, roles = run(settings, lambda etcd: _user(etcd, name, detail=detail))
    if detail:
        show.put_lines([f"User: {name}".encode()])
        for one, permissions in zip(found.roles, roles, strict=True):
            show.put_lines([b""])
            _show_role(settings, one, permissions)
        return
    shown = "".join(f" {one}" for one in found.roles)
    quotes = "".join(f" {quoted(bytes_of(one))}" for one in found.roles)
    show.show(
        settings,
        found,
        simple=show.said(f"User: {name}", f"Roles:{shown}"),
        fields=lambda: [*show.header_fields(found), f'"Roles" :{quotes}'],
    )


async def _user(
    etcd: "Etcd", name: str, *, detail: bool
) -> "tuple[pb.AuthUserGetResponse, list[pb.AuthRoleGetResponse]]":
    from jobpool.wire import etcd_pb2 as pb

    found = await etcd.call("UserGet", pb.AuthUserGetRequest(name=name), reply=pb.AuthUserGetResponse)
    roles = [
        await etcd.call("RoleGet", pb.AuthRoleGetRequest(role=one), reply=pb.AuthRoleGetResponse)
        for one in (found.roles if detail else ())
    ]
    return found, roles


@user.command("list")
@click.pass_obj
def list_users(settings: Settings) -> None:
    """List the users."""
    from jobpool.wire import etcd_pb2 as pb

    request = pb.AuthUserListRequest()
    answer = run(settings, lambda etcd: etcd.call("UserList", request, reply=pb.AuthUserListResponse))
    _list(settings, answer, "Users", answer.users)


@user.command("passwd")
@click.argument("name")
@click.option("--interactive/--no-interactive", default=True, help="=false: read the password from stdin.")
@click.pass_obj
def passwd(settings: Settings, name: str, *, interactive: bool) -> None:
    """Change the password of a user; asks for it."""
    from jobpool.wire import etcd_pb2 as pb

    password = _new_password(name, interactive=interactive)
    request = pb.AuthUserChangePasswordRequest(name=name, password=password)
    _do(settings, "UserChangePassword", request, pb.AuthUserChangePasswordResponse, "Password updated")


@user.command("grant-role")
@click.argument("name")
@click.argument("granted", metavar="ROLE")
@click.pass_obj
def grant_role(settings: Settings, name: str, *, granted: str) -> None:
    """Give a user a role."""
    from jobpool.wire import etcd_pb2 as pb

    request = pb.AuthUserGrantRoleRequest(user=name, role=granted)
    said = f"Role {granted} is granted to user {name}"
    _do(settings, "UserGrantRole", request, pb.AuthUserGrantRoleResponse, said)


@user.command("revoke-role")
@click.argument("name")
@click.argument("revoked", metavar="ROLE")
@click.pass_obj
def revoke_role(settings: Settings, name: str, *, revoked: str) -> None:
    """Take a role from a user."""
    from jobpool.wire import etcd_pb2 as pb

    request = pb.AuthUserRevokeRoleRequest(name=name, role=revoked)
    said = f"Role {revoked} is revoked from user {name}"
    _do(settings, "UserRevokeRole", request, pb.AuthUserRevokeRoleResponse, said)


# ---- roles


@role.command("add")
@click.argument("name")
@click.pass_obj
def add_role(settings: Settings, name: str) -> None:
    """Create a role."""
    from jobpool.wire import etcd_pb2 as pb

    _do(settings, "RoleAdd", pb.AuthRoleAddRequest(name=name), pb.AuthRoleAddResponse, f"Role {name} created")


@role.command("delete")
@click.argument("name")
@click.pass_obj
def delete_role(settings: Settings, name: str) -> None:
    """Delete a role."""
    from jobpool.wire import etcd_pb2 as pb

    request = pb.AuthRoleDeleteRequest(role=name)
    _do(settings, "RoleDelete", request, pb.AuthRoleDeleteResponse, f"Role {name} deleted")


@role.command("get")
@click.argument("name")
@click.pass_obj
def get_role(settings: Settings, name: str) -> None:
    """Show what a role allows."""
    from jobpool.wire import etcd_pb2 as pb

    request = pb.AuthRoleGetRequest(role=name)
    answer = run(settings, lambda etcd: etcd.call("RoleGet", request, reply=pb.AuthRoleGetResponse))
    _show_role(settings, name, answer)


@role.command("list")
@click.pass_obj
def list_roles(settings: Settings) -> None:
    """List the roles."""
    from jobpool.wire import etcd_pb2 as pb

    request = pb.AuthRoleListRequest()
    answer = run(settings, lambda etcd: etcd.call("RoleList", request, reply=pb.AuthRoleListResponse))
    _list(settings, answer, "Roles", answer.roles)


def _show_role(settings: Settings, name: str, answer: "pb.AuthRoleGetResponse") -> None:
    from jobpool.cli.etcd import show

    show.show(settings, answer, simple=lambda: _role_lines(name, answer), fields=lambda: _role_fields(answer))


def _role_lines(name: str, answer: "pb.AuthRoleGetResponse") -> list[bytes]:
    from jobpool.wire import etcd_pb2 as pb

    lines = [f"Role {name}".encode()]
    for title, other in ((b"KV Read:", pb.Permission.WRITE), (b"KV Write:", pb.Permission.READ)):
        lines += [title, *(b"\t" + _keys(one) for one in answer.perm if one.permType != other)]
    return lines


def _keys(permission: "pb.Permission") -> bytes:
    key, end = permission.key, permission.range_end
    if not end:
        return key
    shown = b"[" + key + b", " + (b"<open ended>" if end == b"\0" else end + b")")
    return shown + b" (prefix " + key + b")" if end == prefix_end(key) and end != b"\0" else shown


def _role_fields(answer: "pb.AuthRoleGetResponse") -> list[str]:
    from jobpool.cli.etcd.show import header_fields
    from jobpool.wire import etcd_pb2 as pb

    lines = header_fields(answer)
    for one in answer.perm:
        lines.append(f'"PermType" :  {pb.Permission.Type.Name(one.permType)}')
        lines += [f'"Key" : {quoted(one.key)}', f'"RangeEnd" : {quoted(one.range_end)}']
    return lines


def _of_keys(function: Callable[..., None]) -> Callable[..., None]:
    for decorate in (
        click.option("--from-key", is_flag=True, help="KEY and all keys after it."),
        click.option("--prefix", is_flag=True, help="All keys that begin with KEY."),
        click.argument("range_end", metavar="[ENDKEY]", required=False),
        click.argument("first", metavar="KEY"),
    ):
        function = decorate(function)
    return function


def _range(key: str, range_end: str | None, *, prefix: bool, from_key: bool) -> tuple[bytes, bytes]:
    first, end = ranged(key, range_end, prefix=prefix, from_key=from_key)
    return first or b"\0", end


@role.command("grant-permission")
@click.argument("name", metavar="ROLE")
@click.argument("kind", type=click.Choice(("read", "write", "readwrite"), case_sensitive=False))
@_of_keys
@click.pass_obj
def grant_permission(
    settings: Settings, /, *, name: str, kind: str, first: str, range_end: str | None, prefix: bool, from_key: bool
) -> None:
    """Let a role read or write KEY, or the keys from KEY up to ENDKEY."""
    from jobpool.wire import etcd_pb2 as pb

    begin, end = _range(first, range_end, prefix=prefix, from_key=from_key)
    permission = pb.Permission(permType=kind.upper(), key=begin, range_end=end)
    request = pb.AuthRoleGrantPermissionRequest(name=name, perm=permission)
    _do(settings, "RoleGrantPermission", request, pb.AuthRoleGrantPermissionResponse, f"Role {name} updated")


@role.command("revoke-permission")
@click.argument("name", metavar="ROLE")
@_of_keys
@click.pass_obj
def revoke_permission(
    settings: Settings, /, *, name: str, first: str, range_end: str | None, prefix: bool, from_key: bool
) -> None:
    """Take a permission from a role, as it was granted."""
    from jobpool.wire import etcd_pb2 as pb

    begin, end = _range(first, range_end, prefix=prefix, from_key=from_key)
    request = pb.AuthRoleRevokePermissionRequest(role=name, key=begin, range_end=end)
    shown, last = begin.decode(errors="surrogateescape"), end.decode(errors="surrogateescape")
    span = f"[{shown}, <open ended>" if end == b"\0" else f"[{shown}, {last})"
    what = f"range {span}" if end else f"key {shown}"
    said = f"Permission of {what} is revoked from role {name}"
    _do(settings, "RoleRevokePermission", request, pb.AuthRoleRevokePermissionResponse, said)


# ---- authentication


@auth.command("enable")
@click.pass_obj
def enable(settings: Settings) -> None:
    """Have callers say who they are. There must be a user root; it gets the role root if need be."""
    from jobpool.cli.etcd import show

    show.show(settings, run(settings, _enable), simple=show.said("Authentication Enabled"))


async def _enable(etcd: "Etcd") -> "pb.AuthEnableResponse":
    from jobpool.client.etcd import EtcdRefused
    from jobpool.wire import etcd_pb2 as pb

    try:
        return await etcd.call("AuthEnable", pb.AuthEnableRequest(), reply=pb.AuthEnableResponse)
    except EtcdRefused as error:
        if NO_ROOT_ROLE not in error.reason:
            raise
    granted = pb.AuthUserGrantRoleRequest(user="root", role="root")
    await etcd.call("UserGrantRole", granted, reply=pb.AuthUserGrantRoleResponse)
    return await etcd.call("AuthEnable", pb.AuthEnableRequest(), reply=pb.AuthEnableResponse)


@auth.command("disable")
@click.pass_obj
def disable(settings: Settings) -> None:
    """Ask nobody who they are."""
    from jobpool.wire import etcd_pb2 as pb

    _do(settings, "AuthDisable", pb.AuthDisableRequest(), pb.AuthDisableResponse, "Authentication Disabled")


@auth.command("status")
@click.pass_obj
def status(settings: Settings) -> None:
    """Show whether callers have to say who they are."""
    from jobpool.cli.etcd import show
    from jobpool.wire import etcd_pb2 as pb

    request = pb.AuthStatusRequest()
    answer = run(settings, lambda etcd: etcd.call("AuthStatus", request, reply=pb.AuthStatusResponse))
    enabled = show.boolean(answer.enabled)
    show.show(
        settings,
        answer,
        simple=show.said(f"Authentication Status: {enabled}", f"AuthRevision: {answer.authRevision}"),
        fields=lambda: [
            *show.header_fields(answer),
            f'"Enabled" : {enabled}',
            f'"AuthRevision" : {answer.authRevision}',
        ],
    )
