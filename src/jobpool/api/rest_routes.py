"""The REST routes, read from the `google.api.http` annotations of the definition.

The route registered first wins, in the order of the definition, as in the original: `jobs/exist` is not a job's id. A
path that is spelled out is nothing but that, whatever the verb, so `DELETE jobs/exist` is refused.
"""

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

import msgspec
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from jobpool.api.service import METHODS, request_type
from jobpool.model.errors import InvalidArgument

_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_VERBS = ("get", "post", "put", "delete", "patch")


class Route(msgspec.Struct, frozen=True):
    """One annotation."""

    rpc: str
    verb: str
    segments: tuple[str, ...]
    """Literal segments; empty where a variable stands."""
    variables: tuple[tuple[int, str], ...]
    """(index of the segment, field of the request)."""
    takes_body: bool
    request: type[Message]

    @property
    def path(self) -> str:
        """As the definition has it: `/v3/schedule/plans/{id}`."""
        named = dict(self.variables)
        return "/" + "/".join(text or f"{{{named[at]}}}" for at, text in enumerate(self.segments))

    def matches(self, segments: Sequence[str]) -> bool:
        return all(wanted == found if wanted else found for wanted, found in zip(self.segments, segments, strict=True))

    def values(self, segments: Sequence[str]) -> list[tuple[str, str]]:
        """(field, text) of each variable. Raises InvalidArgument when a segment is not UTF-8."""
        return [(field, _decoded(segments[at], field)) for at, field in self.variables]


class RouteTable:
    """Finds the route of a request."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, int], list[Route]] = {}
        for method in METHODS.values():
            for route in _annotated(method):
                self._routes.setdefault((route.verb, len(route.segments)), []).append(route)
        self._spelled_out = frozenset(route.segments for route in self.all if not route.variables)

    @property
    def all(self) -> Sequence[Route]:
        """In the order of the definition."""
        order = list(METHODS)
        return sorted((route for some in self._routes.values() for route in some), key=lambda at: order.index(at.rpc))

    def find(self, verb: str, segments: Sequence[str]) -> Route | None:
        """`segments` as they stand in the path, still percent-encoded."""
        spelled_out = tuple(segments) in self._spelled_out
        for route in self._routes.get((verb, len(segments)), ()):
            if route.matches(segments) and not (spelled_out and route.variables):
                return route
        return None

    def verbs(self, segments: Sequence[str]) -> list[str]:
        """The verbs this path is served under."""
        return [verb for verb in ("GET", "POST", "PUT", "DELETE", "PATCH") if self.find(verb, segments)]


def split_path(raw_path: bytes) -> list[str]:
    """`/v3/schedule/plans/a%2Fb` → its segments, still percent-encoded; `/v3beta/` reads as `/v3/`."""
    first, *rest = raw_path.decode("ascii", "replace").removeprefix("/").split("/")
    return ["v3" if first == "v3beta" and rest else first, *rest]


def _annotated(method: MethodDescriptor) -> list[Route]:
    options = method.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return []
    rule = options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern")
    if verb not in _VERBS or rule.additional_bindings or rule.body not in ("", "*"):
        raise ValueError(f"{method.full_name}: its HTTP annotation is of a kind that is not served")
    return [_route(method, verb.upper(), getattr(rule, verb), takes_body=rule.body == "*")]


def _route(method: MethodDescriptor, verb: str, path: str, *, takes_body: bool) -> Route:
    segments, variables = [], []
    for at, segment in enumerate(path.removeprefix("/").split("/")):
        variable = _VARIABLE.fullmatch(segment)
        if variable:
            variables.append((at, variable[1]))
        elif "{" in segment or "*" in segment:
            raise ValueError(f"{method.full_name}: a variable of {path} is not a whole segment")
        segments.append("" if variable else segment)
    return Route(method.name, verb, tuple(segments), tuple(variables), takes_body, request_type(method.name))


def _decoded(segment: str, field: str) -> str:
    if "%" not in segment:
        return segment
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise InvalidArgument(field, "wanted UTF-8 in the path, found other bytes") from None
