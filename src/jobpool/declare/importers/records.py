"""Reading records of other programs: typed members of objects that hold more than we know."""

from collections.abc import Mapping, Sequence

from jobpool.declare.documents import parse_values
from jobpool.model.errors import InvalidArgument

Record = Mapping[str, object]


def records_of(text: str, source: str, *, within: Sequence[str]) -> list[Record]:
    """The objects of a list, or of the first of these members that holds a list. Raises InvalidArgument."""
    found: list[Record] = []
    for value in parse_values(text, source):
        found += _records(value, source, within)
    return found


def _records(value: object, source: str, within: Sequence[str]) -> list[Record]:
    if isinstance(value, dict):
        for name in within:
            inner = value.get(name)
            if isinstance(inner, list | dict):
                return _records(inner, source, within)
        return [value]
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return list(value)
    raise InvalidArgument("file", f"wanted records in {source}, found {str(value)[:40]!r}")


def text_of(record: Record, *names: str) -> str:
    """The first of these members that is there, as text; empty when none is."""
    for name in names:
        value = record.get(name)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str | int | float):
            return str(value)
    return ""


def number_of(record: Record, *names: str) -> int:
    """The same as a whole number; 0 when it is none."""
    try:
        return int(text_of(record, *names) or "0")
    except ValueError:
        return 0


def part_of(record: Record, *names: str) -> Record:
    """The first of these members that is an object."""
    for name in names:
        value = record.get(name)
        if isinstance(value, dict):
            return value
    return {}


def items_of(record: Record, name: str) -> list[Record]:
    """The objects in a list."""
    value = record.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts_of(record: Record, name: str) -> list[str]:
    """The texts in a list."""
    value = record.get(name)
    return [str(item) for item in value if isinstance(item, str | int | float)] if isinstance(value, list) else []
