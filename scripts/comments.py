"""Writes what the comments of a definition say of its messages, fields and calls, as JSON: name → text.

    python scripts/comments.py DESCRIPTOR_SET FILE.proto

The set must hold source info. A comment after a blank line belongs to nothing, as everywhere in protobuf.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

_MESSAGE, _SERVICE = 4, 6
_FIELD, _NESTED, _METHOD = 2, 3, 2


def comments(file: FileDescriptorProto) -> dict[str, str]:
    """Names are without the package: `Plan`, `Plan.revision`, `Schedule.PlanAdd`."""
    said = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
    texts = {name: " ".join(said.get(path, "").split()) for path, name in _named(file)}
    return {name: text for name, text in sorted(texts.items()) if text}


def _named(file: FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    for at, message in enumerate(file.message_type):
        yield from _of_message(message, (_MESSAGE, at), message.name)
    for at, service in enumerate(file.service):
        for place, method in enumerate(service.method):
            yield (_SERVICE, at, _METHOD, place), f"{service.name}.{method.name}"


def _of_message(message: DescriptorProto, path: tuple[int, ...], name: str) -> Iterator[tuple[tuple[int, ...], str]]:
    yield path, name
    for at, field in enumerate(message.field):
        yield (*path, _FIELD, at), f"{name}.{field.name}"
    for at, inner in enumerate(message.nested_type):
        yield from _of_message(inner, (*path, _NESTED, at), f"{name}.{inner.name}")


def main(descriptor_set: str, name: str) -> None:
    files = FileDescriptorSet.FromString(Path(descriptor_set).read_bytes()).file
    (file,) = (file for file in files if file.name == name)
    print(json.dumps(comments(file), indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
