"""Patches: values whose fields are UNSET where they say nothing."""

from msgspec import UNSET, Struct


def set_fields(patch: Struct) -> dict[str, object]:
    """What the patch says, by field."""
    return {name: value for name in patch.__struct_fields__ if (value := getattr(patch, name)) is not UNSET}
