"""`jobpoolctl watch`: events of keys as they happen; each may run a command."""

import asyncio
import os
import threading
from typing import TYPE_CHECKING

import click

from jobpool.cli.ctl_errors import FAILED, INTERRUPTED, INVALID_INPUT
from jobpool.cli.ctl_options import Settings
from jobpool.cli.etcd.frame import INT64, EtcdLeaf, fail, ranged, run
from jobpool.cli.etcd.quoting import quoted, split
from jobpool.cli.output import note

if TYPE_CHECKING:
    from jobpool.client.etcd import Etcd
    from jobpool.client.etcd_watch import Watch
    from jobpool.wire import etcd_pb2 as pb

COMPACTED = "etcdserver: mvcc: required revision has been compacted"
_COMMAND = "jobpool.watch.command"


class WatchLeaf(EtcdLeaf):
    """What comes after `--` is a command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            if at == len(args) - 1:
                raise click.UsageError("wanted a command after --, found nothing", ctx)
            args, ctx.meta[_COMMAND] = args[:at], tuple(args[at + 1 :])
        return super().parse_args(ctx, args)


@click.command(cls=WatchLeaf)
@click.argument("first", metavar="[KEY]", required=False)
@click.argument("range_end", required=False)
@click.option("--prefix", is_flag=True, help="All keys that begin with KEY.")
@click.option("--rev", type=INT64, default=0, help="From this revision on.")
@click.option("--prev-kv", is_flag=True, help="And what was there before.")
@click.option("--progress-notify", is_flag=True, help="Say from time to time how far the server is.")
@click.option("-i", "--interactive", is_flag=True, help="Read `watch …` and `progress` from stdin, a line each.")
@click.pass_context
def watch(ctx: click.Context, /, *, interactive: bool, **asked: object) -> None:
    """Show what happens to a key, or to those from KEY up to RANGE_END; for each event run what comes after `--`.

    The command finds the event in ETCD_WATCH_REVISION, ETCD_WATCH_EVENT_TYPE, ETCD_WATCH_KEY and ETCD_WATCH_VALUE, the
    last three in quotes. KEY and RANGE_END may be in ETCDCTL_WATCH_KEY and ETCDCTL_WATCH_RANGE_END.
    """
    settings: Settings = ctx.obj
    if interactive:
        run(settings, lambda etcd: _converse(etcd, settings))
        return
    create = watch_request(**asked)
    command: tuple[str, ...] = ctx.meta.get(_COMMAND, ())
    reason = run(settings, lambda etcd: _follow(_watch(etcd, create), settings, command))
    fail(INTERRUPTED, f"the watch was canceled by the server: {reason}")


def watch_request(**asked: object) -> "pb.WatchCreateRequest":
    """The request by the command's parameters. Raises UsageError for what contradicts itself."""
    from jobpool.wire import etcd_pb2 as pb

    key, end = asked["first"], asked["range_end"]
    kept, kept_end = _kept("WATCH_KEY"), _kept("WATCH_RANGE_END")
    if kept is not None and key is not None:
        raise click.UsageError("the key is given twice: by an argument and in the environment (WATCH_KEY)")
    if kept is None and kept_end is not None:
        raise click.UsageError("the environment has WATCH_RANGE_END without WATCH_KEY")
    if kept is None and key is None:
        raise click.UsageError("wanted a key, found none")
    first, last = ranged(
        str(key if kept is None else kept),
        None if (given := end if kept is None else kept_end) is None else str(given),
        prefix=bool(asked["prefix"]),
        from_key=False,
    )
    revision = asked["rev"]
    return pb.WatchCreateRequest(
        key=first,
        range_end=last,
        start_revision=revision if isinstance(revision, int) else 0,
        prev_kv=bool(asked["prev_kv"]),
        progress_notify=bool(asked["progress_notify"]),
    )


def _kept(name: str) -> str | None:
    return os.environ.get(f"JOBPOOLCTL_{name}") or os.environ.get(f"ETCDCTL_{name}") or None


def _watch(etcd: "Etcd", create: "pb.WatchCreateRequest") -> "Watch":
    from jobpool.client.etcd_watch import Watch

    return Watch(etcd, create)


async def _follow(watch: "Watch", settings: Settings, command: tuple[str, ...]) -> str:
    """Until the server ends it; why it did."""
    from contextlib import aclosing

    async with aclosing(watch.answers()) as answers:
        async for answer in answers:
            if answer.canceled:
                return COMPACTED if answer.compact_revision else answer.cancel_reason
            _show(answer, settings)
            if command:
                for event in answer.events:
                    await _run(command, answer, event)
    return "it ended"


def _show(answer: "pb.WatchResponse", settings: Settings) -> None:
    from jobpool.cli.etcd.show import put_lines, show
    from jobpool.client.etcd_watch import is_progress

    if is_progress(answer):
        put_lines([f"progress notify: {answer.header.revision}".encode()])
    show(
        settings,
        answer,
        simple=lambda: _lines(answer, settings),
        fields=lambda: _fields(answer),
        json=lambda: _json(answer),
    )


def _lines(answer: "pb.WatchResponse", settings: Settings) -> list[bytes]:
    from jobpool.cli.etcd.show import pair

    lines = []
    for event in answer.events:
        lines.append(_kind(event).encode())
        lines += pair(event.prev_kv, settings) if event.HasField("prev_kv") else []
        lines += pair(event.kv, settings)
    return lines


def _fields(answer: "pb.WatchResponse") -> list[str]:
    from jobpool.cli.etcd.show import header_fields, pair_fields

    lines = header_fields(answer)
    for event in answer.events:
        lines.append(f'"Type" : {_kind(event)}')
        lines += pair_fields(event.prev_kv, "Prev") if event.HasField("prev_kv") else []
        lines += pair_fields(event.kv)
    return lines


def _json(answer: "pb.WatchResponse") -> str:
    from jobpool.cli.etcd.gojson import as_go, encoded

    return encoded(
        {
            "Header": as_go(answer.header),
            "Events": [as_go(event) for event in answer.events],
            "CompactRevision": answer.compact_revision,
            "Canceled": answer.canceled,
            "Created": answer.created,
        }
    )


def _kind(event: "pb.Event") -> str:
    from jobpool.wire import etcd_pb2 as pb

    return pb.Event.EventType.Name(event.type)


async def _run(command: tuple[str, ...], answer: "pb.WatchResponse", event: "pb.Event") -> None:
    """Run it to its end. It must succeed."""
    names = {
        "ETCD_WATCH_REVISION": str(answer.header.revision),
        "ETCD_WATCH_EVENT_TYPE": f'"{_kind(event)}"',
        "ETCD_WATCH_KEY": quoted(event.kv.key),
        "ETCD_WATCH_VALUE": quoted(event.kv.value),
    }
    environment = {**os.environ, **names}
    try:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdin=asyncio.subprocess.DEVNULL)
    except OSError as error:
        fail(FAILED, f"cannot run {command[0]!r}: {error.strerror or error}")
    code = await process.wait()
    if code:
        how = f"exit status {code}" if code > 0 else f"signal {-code}"
        fail(FAILED, f"command {' '.join(command)!r} failed: {how}")


# ---- by lines of stdin


async def _converse(etcd: "Etcd", settings: Settings) -> None:
    """Any number of watches at once, until stdin ends."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    _read_stdin(lines)
    watches: list[Watch] = []
    following: set[asyncio.Task[str]] = set()
    while line := await _next_line(lines, following):
        command, *words = _words(line) or [""]
        if command == "progress":
            for one in watches:
                await one.ask_progress()
        elif command == "watch":
            made = _made(words)
            if made is not None:
                watches.append(_watch(etcd, made[0]))
                following.add(loop.create_task(_follow(watches[-1], settings, made[1])))
        else:
            note(f"Invalid command {line.decode(errors='replace').strip()} (watch and progress are supported)")
    fail(INVALID_INPUT, "wanted a line with watch or progress, found the end of the input")


async def _next_line(lines: "asyncio.Queue[bytes]", following: "set[asyncio.Task[str]]") -> bytes:
    """Meanwhile say of watches that they ended. Raises what they fail with."""
    getting = asyncio.get_running_loop().create_task(lines.get())
    while True:
        done, _ = await asyncio.wait({getting, *following}, return_when=asyncio.FIRST_COMPLETED)
        for task in done & following:
            following.discard(task)
            note(f"watch was canceled ({task.result()})")
        if getting in done:
            return getting.result()


def _words(line: bytes) -> list[str]:
    try:
        return split(line.decode(errors="surrogateescape").strip())
    except ValueError as error:
        note(f"Invalid command: {error}")
        return []


def _made(words: list[str]) -> "tuple[pb.WatchCreateRequest, tuple[str, ...]] | None":
    try:
        context = watch.make_context("watch", words, obj=Settings())
        asked = {name: value for name, value in context.params.items() if name != "interactive"}
        return watch_request(**asked), context.meta.get(_COMMAND, ())
    except click.ClickException as error:
        note(f"Invalid command watch {' '.join(words)} ({error.format_message()})")
    except click.exceptions.Exit:
        pass  # --help
    return None


def _read_stdin(lines: "asyncio.Queue[bytes]") -> None:
    """Its lines into the queue, and an empty one at its end.

    By a thread of its own on the bare file: a read cannot be given up, and nobody waits for such a thread.
    """
    loop = asyncio.get_running_loop()

    def read() -> None:
        with open(0, "rb", buffering=0, closefd=False) as stdin:
            line = b"-"
            while line:
                line = stdin.readline()
                try:
                    loop.call_soon_threadsafe(lines.put_nowait, line)
                except RuntimeError:
                    return  # the loop is closed: nobody reads any more

    threading.Thread(target=read, daemon=True).start()
