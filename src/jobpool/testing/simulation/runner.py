"""Tells stories: one event loop each, with every log line heard, and what nobody caught held against the product."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from msgspec.structs import replace

from jobpool.kit.pure.durations import SECOND, Millis
from jobpool.testing.simulation.cluster import Shape, Variant
from jobpool.testing.simulation.faults import FAULTS, Make
from jobpool.testing.simulation.loop import Idle, Spinning, run
from jobpool.testing.simulation.process import owner
from jobpool.testing.simulation.story import Story, Verdict
from jobpool.testing.simulation.world import World

Hear = Callable[[Millis, str, str], None]
"""Told of everything at once: ms since the story began, who, what."""

PRODUCT = Variant()
SPAN: Millis = 40 * SECOND


def simulate(
    seed: int,
    *,
    variant: Variant = PRODUCT,
    shape: Shape | None = None,
    span: Millis = SPAN,
    faults: Sequence[Make] = FAULTS,
    hear: Hear | None = None,
) -> Verdict:
    """One story from its beginning to its verdict."""
    uncaught: list[str] = []

    async def main() -> Verdict:
        world = World(seed)
        if hear is not None:
            world.hear = hear
        world.loop.set_exception_handler(lambda loop, context: uncaught.append(_said(context)))
        with _logs(world, uncaught, told=hear is not None):
            return await Story(world, variant, shape=shape or Shape(), span=span, faults=faults).tell()

    try:
        verdict = run(main())
    except (Idle, Spinning) as failure:
        return Verdict(seed, [failure.__doc__ or ""], ())
    return replace(verdict, broken=[*verdict.broken, *uncaught])


def _said(context: dict[str, Any]) -> str:
    failure = context.get("exception")
    return f"{context.get('message')}: {failure!r}" if failure is not None else str(context.get("message"))


@contextmanager
def _logs(world: World, uncaught: list[str], *, told: bool) -> Iterator[None]:
    """Lines become part of the story; a traceback in one of them is a fault."""

    def line(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        process = owner()
        who = process.name if process is not None else "?"
        if event.get("exc_info"):
            uncaught.append(f"{who} logged an exception: {event.get('event')}: {event.get('exc_info')!r}")
        if told:
            world.tell(who, f"[{method}] {_text(event)}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[line], wrapper_class=structlog.make_filtering_bound_logger("info" if told else "error")
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _text(event: structlog.typing.EventDict) -> str:
    named = {key: value for key, value in event.items() if key not in ("event", "event_name", "component")}
    details = ", ".join(f"{key}={value}" for key, value in named.items())
    return f"{event.get('component')}: {event.get('event')}{f' ({details})' if details else ''}"
