"""Logs: a sentence, an `event` and ids; text for people on a terminal, JSON lines for machines."""

import logging
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, cast

import structlog

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")


def configure(level: str = "info", *, json: bool = False) -> None:
    """Send every log line of the process to stderr. Raises ValueError for an unknown level."""
    if level not in LEVELS:
        raise ValueError(f"log level must be one of {', '.join(LEVELS)}, found {level!r}")
    number = getattr(logging, level.upper())
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    common: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *common, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[_handler(common, renderer)])


def _handler(common: list[structlog.typing.Processor], renderer: structlog.typing.Processor) -> logging.Handler:
    """What libraries say by the standard library's logging looks like our own lines."""

    def name(
        logger: structlog.typing.WrappedLogger, method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["component"] = event["_record"].name
        return event

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=[name, *common],
        )
    )
    return handler


def logged_with(**ids: str) -> AbstractContextManager[None]:
    """Every log line of this task, and of those it starts, bears the ids while the block lasts."""
    return structlog.contextvars.bound_contextvars(**ids)


def get_logger(component: str) -> "FilteringBoundLogger":
    """The logger of one component; bind ids once with `.bind(…)`."""
    return cast("FilteringBoundLogger", structlog.get_logger(component=component))
