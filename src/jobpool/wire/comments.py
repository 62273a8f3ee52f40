"""What the definition says of its parts: generated code leaves comments out, `scripts/gen` keeps them in a table."""

from functools import cache
from importlib.resources import files

import msgspec

_NOUNS = {
    "SchedulePlan": "Plan",
    "ScheduleNameSpace": "NameSpace",
    "ScheduleJob": "Job",
    "ScheduleEval": "Evaluation",
    "ScheduleAllocation": "Allocation",
    "ScheduleSimpleAllocation": "Allocation",
    "Node": "Node",
}
"""What a request speaks of, by how its name begins."""


def comment(name: str) -> str:
    """Of a message (`Plan`), a field (`Plan.revision`) or a call (`Schedule.PlanAdd`); empty when nothing is said.

    A field of a request of which nothing is said is the field of its noun.
    """
    said = _table().get(name, "")
    if said:
        return said
    message, _, field = name.partition(".")
    nouns = (noun for start, noun in _NOUNS.items() if message.startswith(start) and message.endswith("Request"))
    return next((_table().get(f"{noun}.{field}", "") for noun in nouns), "") if field else ""


@cache
def _table() -> dict[str, str]:
    text = files(__package__).joinpath("jobpool_comments.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, str])
