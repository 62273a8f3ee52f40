"""What the commands on an etcd share: how they reach it, read keys, ids and passwords, and end."""

import asyncio
import re
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from jobpool.cli.ctl_options import Leaf, PrefixGroup, Settings, UnsupportedFormat
from jobpool.cli.ctl_session import keepalive_of, tls_of
from jobpool.cli.etcd.quoting import bytes_of

if TYPE_CHECKING:
    from jobpool.client.etcd import Etcd

Result = TypeVar("Result")


class EtcdLeaf(Leaf):
    """A command without tables: it says so before it does anything."""

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.obj.write_out == "table":
            raise UnsupportedFormat("table is not supported as output format of this command", ctx)
        return super().invoke(ctx)


class EtcdGroup(PrefixGroup):
    """A group of them."""

    command_class = EtcdLeaf


class LeaseType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer clicks
    """The id of a lease, in hexadecimal."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"[0-9a-fA-F]{1,16}", value) or int(value, 16) >= 2**63:
            self.fail(f"wanted the id of a lease in hexadecimal, found {value!r}", param, ctx)
        return int(value, 16)


class IntegerType(click.ParamType):  # type: ignore[type-arg]
    """A whole number that etcd's messages can hold."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"[+-]?[0-9]{1,19}", value) or not -(2**63) <= int(value) < 2**63:
            self.fail(f"wanted a whole number, found {value!r}", param, ctx)
        return int(value)


LEASE = LeaseType()
INT64 = IntegerType()


def client_of(settings: Settings) -> "Callable[[], Etcd]":
    """Makes a client, within an event loop. A password that is missing is asked for now."""
    from jobpool.client.etcd import Etcd

    user, password = parted(settings.user, settings.password, prompt="Password")
    return lambda: Etcd(
        settings.endpoints,
        tls_of(settings),
        user=user,
        password=password,
        timeout=settings.command_timeout,
        dial_timeout=settings.dial_timeout,
        keepalive=keepalive_of(settings),
    )


def run(settings: Settings, action: "Callable[[Etcd], Coroutine[Any, Any, Result]]") -> Result:
    """Do `action` with a client; raises what it raises."""
    make = client_of(settings)

    async def within() -> Result:
        async with make() as etcd:
            return await action(etcd)

    return asyncio.run(within())


def parted(user: str, password: str, *, prompt: str) -> tuple[str, str]:
    """`name:password` as the two; without a password it is asked for. Raises UsageError without a terminal."""
    if not user or password:
        return user, password
    name, colon, given = user.partition(":")
    return (name, given) if colon else (name, ask_password(prompt))


def ask_password(prompt: str, *, again: str = "") -> str:
    """What is typed, twice with `again`. Raises UsageError where there is no terminal, and for nothing typed."""
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password at: give it by an option")
    first: str = click.prompt(prompt, hide_input=True, default="", show_default=False, err=True)
    if not first:
        raise click.UsageError("the password is empty")
    if again and click.prompt(again, hide_input=True, default="", show_default=False, err=True) != first:
        raise click.UsageError("the two passwords differ")
    return first


def fail(code: int, text: str) -> NoReturn:
    """Say why on stderr, and end with this exit code."""
    sys.stdout.flush()
    click.echo(f"Error: {text}", err=True)
    raise click.exceptions.Exit(code)


def ranged(key: str, end: str | None, *, prefix: bool, from_key: bool) -> tuple[bytes, bytes]:
    """First key and end of what was asked for. Raises UsageError for what contradicts itself."""
    if prefix and from_key:
        raise click.UsageError("--prefix and --from-key cannot be given together")
    if end is not None and (prefix or from_key):
        raise click.UsageError(f"--{'prefix' if prefix else 'from-key'} takes one key and no end of a range")
    first = bytes_of(key)
    if prefix:
        return (first, prefix_end(first)) if first else (b"\0", b"\0")
    if from_key:
        return first or b"\0", b"\0"
    return first, bytes_of(end or "")


def prefix_end(prefix: bytes) -> bytes:
    """The end of the range of all keys that begin so."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else b"\0"
