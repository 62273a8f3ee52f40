"""Plans in YAML or JSON files, read strictly: no key twice, nothing turned into something else.

YAML 1.1 would read `on:` as true, `2026-01-31` as a date and `0900` as another number; here only true, false, null
and plain numbers are anything but text, as in YAML 1.2.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from msgspec import Struct
from yaml.constructor import ConstructorError

from jobpool.model.errors import InvalidArgument
from jobpool.wire.json_decode import parse_object

TAG = "tag:yaml.org,2002:"
MERGE = TAG + "merge"


class Document(Struct, frozen=True):
    """One plan's fields; `source` says where they stand, for messages."""

    fields: dict[str, object]
    source: str


def read_documents(path: str) -> list[Document]:
    """The plans of a file (`-` = stdin): one, a list, or several YAML documents.

    Raises InvalidArgument naming the file and, where known, the line.
    """
    text = _read(path)
    parsed = _parse_json(text, path) if _is_json(path, text) else _parse_yaml(text, path)
    plans = [plan for part in parsed if part is not None for plan in (part if isinstance(part, list) else [part])]
    if not plans:
        raise InvalidArgument("file", f"there is no plan in {path}")
    return [_document(plan, path, number, len(plans)) for number, plan in enumerate(plans, 1)]


def _document(plan: object, path: str, number: int, count: int) -> Document:
    source = path if count == 1 else f"{path}, plan {number}"
    if not isinstance(plan, dict):
        raise InvalidArgument("file", f"wanted the fields of a plan in {source}, found {str(plan)[:40]!r}")
    return Document(plan, source)


def _read(path: str) -> str:
    try:
        return sys.stdin.buffer.read().decode() if path == "-" else Path(path).read_bytes().decode()
    except OSError as error:
        raise InvalidArgument("file", f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidArgument("file", f"{path} is not UTF-8 at byte {error.start}") from error


def _is_json(path: str, text: str) -> bool:
    if path.endswith((".yaml", ".yml")):
        return False
    return path.endswith(".json") or text.lstrip().startswith(("{", "["))


def _parse_json(text: str, path: str) -> Sequence[object]:
    try:
        return [parse_object(text.encode())]
    except InvalidArgument as error:
        raise InvalidArgument("file", f"{path}: {error.message.removeprefix('body: ')}") from error


def _parse_yaml(text: str, path: str) -> Sequence[object]:
    try:
        return list(yaml.load_all(text, Loader=_PlanLoader))
    except (yaml.YAMLError, RecursionError) as error:
        told = " ".join(str(error).split())
        star = "; write values that begin with * in quotes" if "alias" in told else ""
        raise InvalidArgument("file", f"{path} is not YAML: {told}{star}") from error


class _PlanLoader(yaml.SafeLoader):
    """What JSON can hold, with YAML 1.2's scalars, and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == MERGE:
                continue
            if key.tag != TAG + "str":
                raise ConstructorError(None, None, "found a name that is not text", key.start_mark)
            if key.value in seen:
                raise ConstructorError(None, None, f"found {key.value!r} twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_PlanLoader.yaml_constructors = {
    tag: construct
    for tag, construct in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix(TAG) in ("null", "bool", "int", "float", "str", "seq", "map")
}
_PlanLoader.yaml_implicit_resolvers = {
    first: kept
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    if (kept := [pair for pair in resolvers if pair[0] in (TAG + "null", MERGE)])
}
_PlanLoader.add_implicit_resolver(TAG + "bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF")
_PlanLoader.add_implicit_resolver(TAG + "int", re.compile("^-?(?:0|[1-9][0-9]{0,39})$"), "-0123456789")
_PlanLoader.add_implicit_resolver(
    TAG + "float", re.compile(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$"), "-0123456789"
)
