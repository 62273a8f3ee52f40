"""Whom etcd knows servers as: a user with every right, and how servers tell each other that they have the same one."""

import hashlib
import hmac

from jobpool.model.errors import StoreFailed
from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.errors import Unreachable
from jobpool.store.engines.etcd.link import Method, Q, R
from jobpool.store.engines.etcd.maintenance import CHANGE_WITHIN, told
from jobpool.store.engines.etcd.settings import User
from jobpool.wire.etcd_pb2 import (
    AuthRoleAddRequest,
    AuthRoleAddResponse,
    AuthUserAddRequest,
    AuthUserAddResponse,
    AuthUserChangePasswordRequest,
    AuthUserChangePasswordResponse,
    AuthUserGrantRoleRequest,
    AuthUserGrantRoleResponse,
)

ROOT = "root"
"""The role that may do anything."""

_USER_ADD: Method[AuthUserAddRequest, AuthUserAddResponse] = Method("/etcdserverpb.Auth/UserAdd", AuthUserAddResponse)
_ROLE_ADD: Method[AuthRoleAddRequest, AuthRoleAddResponse] = Method("/etcdserverpb.Auth/RoleAdd", AuthRoleAddResponse)
_GRANT: Method[AuthUserGrantRoleRequest, AuthUserGrantRoleResponse] = Method(
    "/etcdserverpb.Auth/UserGrantRole", AuthUserGrantRoleResponse
)
_PASSWORD: Method[AuthUserChangePasswordRequest, AuthUserChangePasswordResponse] = Method(
    "/etcdserverpb.Auth/UserChangePassword", AuthUserChangePasswordResponse
)


async def make_user(client: EtcdClient, user: User) -> None:
    """The user is there from now on, with this password and the role root; done twice it is the same.

    Raises JobpoolError when etcd refuses or does not answer.
    """
    async with told():
        await _unless_there(client, _ROLE_ADD, AuthRoleAddRequest(name=ROOT))
        if not await _unless_there(client, _USER_ADD, AuthUserAddRequest(name=user.name, password=user.password)):
            changed = AuthUserChangePasswordRequest(name=user.name, password=user.password)
            await client.once(_PASSWORD, changed, timeout=CHANGE_WITHIN)
        granted = AuthUserGrantRoleRequest(user=user.name, role=ROOT)
        await client.once(_GRANT, granted, timeout=CHANGE_WITHIN)


async def _unless_there(client: EtcdClient, method: Method[Q, R], request: Q) -> bool:
    try:
        await client.once(method, request, timeout=CHANGE_WITHIN)
    except StoreFailed as failure:
        if isinstance(failure, Unreachable) or "already exists" not in failure.reason:
            raise
        return False
    return True


def mark(user: User, server_id: str) -> str:
    """What a server leaves for the others to see whether it has the same user and password. Takes tens of ms.

    The password cannot be read back from it, and two servers' marks do not show that theirs are the same.
    """
    salt = f"{server_id}/{user.name}".encode()
    return hashlib.scrypt(user.password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32).hex()


def is_of(found: str, user: User, server_id: str) -> bool:
    """Whether the server left this mark for the same user and password."""
    return bool(found) and hmac.compare_digest(found, mark(user, server_id))
