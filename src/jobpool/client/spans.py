"""How long a program lets things take: milliseconds, or a text such as `5s`, as everywhere else."""

from typing import TypeAlias

from jobpool.kit.pure.durations import Millis, parse_duration
from jobpool.model.errors import InvalidArgument

Span: TypeAlias = Millis | str
"""Whole milliseconds (5000), or a duration as a text (`5s`, `1m30s`)."""


def span_of(name: str, given: Span) -> Millis:
    """Raises InvalidArgument, naming the argument, for what is no span."""
    wanted = "whole milliseconds (5000) or a text such as '5s'"
    found: object = given
    if isinstance(given, str):
        try:
            found = parse_duration(given)
        except ValueError as error:
            raise InvalidArgument(name, str(error)) from error
    if not isinstance(found, int) or isinstance(found, bool):
        raise InvalidArgument(name, f"wanted {wanted}, found {found!r}")
    if found < 0:
        raise InvalidArgument(name, f"wanted {wanted}, found {found!r}")
    return found
