"""JSON of parameters as values, exactly: what a number would lose by being read stays text."""

import json
from typing import TypeAlias

Value: TypeAlias = bool | int | float | str | list["Value"] | dict[str, "Value"] | None


def json_value(text: str) -> Value:
    """The value that the text stands for; the text itself where it is no JSON or reading it would lose something."""
    try:
        value: Value = json.loads(text, parse_float=_exact, parse_int=_bounded, parse_constant=_refused)
    except (ValueError, RecursionError):
        return text
    return value


def _exact(literal: str) -> float:
    number = float(literal)
    if repr(number) != literal:
        raise ValueError(literal)
    return number


def _bounded(literal: str) -> int:
    if len(literal) > 40 or literal == "-0":
        raise ValueError(literal)
    return int(literal)


def _refused(literal: str) -> Value:
    raise ValueError(literal)
