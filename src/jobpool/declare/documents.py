"""Plans in YAML or JSON, read strictly: no key twice, nothing turned into something else.

YAML 1.1 would read `on:` as true, `2026-01-31` as a date and `0900` as another number; here only true, false, null
and plain numbers are anything but text, as in YAML 1.2.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import yaml
from msgspec import Struct
from yaml.constructor import ConstructorError

from jobpool.model.errors import InvalidArgument
from jobpool.wire.json_decode import parse_object

_UNFOLDED = 16 * 1024 * 1024
"""What aliases may add to a text, counted in letters and values: nine short lines can stand for a billion."""

TAG = "tag:yaml.org,2002:"
MERGE = TAG + "merge"


class Document(Struct, frozen=True):
    """One plan's fields; `source` and `line` (from 1, 0 = not known) say where they stand, for messages."""

    fields: Mapping[str, object]
    source: str
    line: int = 0

    @property
    def place(self) -> str:
        return f"{self.source}, line {self.line}" if self.line else self.source


def parse_documents(text: str, source: str) -> list[Document]:
    """The plans of a text: one, a list, or several YAML documents; JSON when it begins so and is not named `.yaml`.

    Raises InvalidArgument naming the source and, where known, the line.
    """
    parts = [(value, line) for value, line in _values(text, source) if value is not None]
    if not parts:
        raise InvalidArgument("file", f"there is no plan in {source}")
    return [_document(value, source, (number, len(parts)), line) for number, (value, line) in enumerate(parts, 1)]


def parse_values(text: str, source: str) -> list[object]:
    """What a YAML or JSON text holds, whatever it is: one value for each document. Raises InvalidArgument."""
    if _is_json(source, text):
        return [_parse_json(text, source)]
    return [value for value, _ in _parse_yaml(text, source)]


def write_documents(documents: Iterable[Mapping[str, object]]) -> str:
    """YAML that `parse_documents` reads to the same, and any other reader of YAML too."""
    return yaml.dump_all(
        (dict(document) for document in documents),
        Dumper=_PlanDumper,
        sort_keys=False,
        allow_unicode=True,
        explicit_start=True,
        width=120,
    )


def _document(plan: object, source: str, which: tuple[int, int], line: int) -> Document:
    number, count = which
    source = source if count == 1 else f"{source}, plan {number}"
    if not isinstance(plan, dict):
        raise InvalidArgument("file", f"wanted the fields of a plan in {source}, found {str(plan)[:40]!r}")
    return Document(plan, source, line)


def _values(text: str, source: str) -> list[tuple[object, int]]:
    if _is_json(source, text):
        value = _parse_json(text, source)
        return [(plan, 0) for plan in (value if isinstance(value, list) else [value])]
    found: list[tuple[object, int]] = []
    for value, node in _parse_yaml(text, source):
        if isinstance(value, list):
            found += [(plan, part.start_mark.line + 1) for plan, part in zip(value, node.value, strict=True)]
        else:
            found.append((value, node.start_mark.line + 1))
    return found


def _is_json(source: str, text: str) -> bool:
    if source.endswith((".yaml", ".yml")):
        return False
    return source.endswith(".json") or text.lstrip().startswith(("{", "["))


def _parse_json(text: str, source: str) -> object:
    try:
        return parse_object(text.encode())
    except InvalidArgument as error:
        raise InvalidArgument("file", f"{source}: {error.message.removeprefix('body: ')}") from error


def _parse_yaml(text: str, source: str) -> list[tuple[object, yaml.Node]]:
    """Every document of the text, and where it stands."""
    try:
        loader = _PlanLoader(text)
        found: list[tuple[object, yaml.Node]] = []
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            if _unfolded(node, {}) > 2 * len(text) + _UNFOLDED:
                raise ConstructorError(None, None, "aliases make far too much of it", node.start_mark)
            found.append((loader.construct_document(node), node))
        return found
    except (yaml.YAMLError, RecursionError) as error:
        told = " ".join(str(error).replace('in "<unicode string>", ', "at ").split())
        stars = any(words in told for words in ("scanning an alias", "undefined alias"))
        star = "; write values that begin with * in quotes" if stars else ""
        raise InvalidArgument("file", f"{source} is not YAML: {told}{star}") from error


def _unfolded(node: yaml.Node, known: dict[int, int | None]) -> int:
    """How large it is with its aliases written out. Raises ConstructorError for one that is within itself."""
    if id(node) in known:
        size = known[id(node)]
        if size is None:
            raise ConstructorError(None, None, "found an alias of what it stands in", node.start_mark)
        return size
    known[id(node)] = None
    match node:
        case yaml.ScalarNode():
            size = 1 + len(node.value)
        case yaml.MappingNode():
            size = 1 + sum(_unfolded(part, known) for pair in node.value for part in pair)
        case _:
            size = 1 + sum(_unfolded(part, known) for part in node.value)
    known[id(node)] = size
    return size


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


_SCALARS: Sequence[tuple[str, str, str]] = (
    ("bool", "^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", "^-?(?:0|[1-9][0-9]{0,39})$", "-0123456789"),
    ("float", r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$", "-0123456789"),
)

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


class _PlanDumper(yaml.SafeDumper):
    """Quotes what either YAML 1.1 or our reader would take for something else than text."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(TAG + "str", text, style="|" if "\n" in text else None)


_PlanDumper.add_representer(str, _text)
for _name, _pattern, _first in _SCALARS:
    _PlanLoader.add_implicit_resolver(TAG + _name, re.compile(_pattern), _first)
    _PlanDumper.add_implicit_resolver(TAG + _name, re.compile(_pattern), _first)
