"""What the definition says of its parts: generated code leaves comments out, `scripts/gen` keeps them in a table."""

from functools import cache
from importlib.resources import files

import msgspec


def comment(name: str) -> str:
    """Of a message (`Plan`), a field (`Plan.revision`) or a call (`Schedule.PlanAdd`); empty when nothing is said."""
    return _table().get(name, "")


@cache
def _table() -> dict[str, str]:
    text = files(__package__).joinpath("jobpool_comments.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, str])
