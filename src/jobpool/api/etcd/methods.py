"""The methods of etcd's services, read from the definition: by path for gRPC, by route for REST."""

from collections.abc import Mapping

from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from msgspec import Struct

from jobpool.wire import etcd_pb2

_PACKAGES = {"Lock": "v3lockpb", "Election": "v3electionpb"}


class Method(Struct, frozen=True):
    """One of them. `routes` are the paths that are POSTed to; several methods have none."""

    service: str
    name: str
    request: type[Message]
    answer: type[Message]
    asks_more: bool
    """Its requests are a stream."""
    answers_more: bool
    """Its answers are a stream."""
    routes: tuple[str, ...]

    @property
    def path(self) -> str:
        """As gRPC calls it."""
        return f"/{_PACKAGES.get(self.service, 'etcdserverpb')}.{self.service}/{self.name}"


def _method(found: MethodDescriptor) -> Method:
    return Method(
        service=found.containing_service.name,
        name=found.name,
        request=GetMessageClass(found.input_type),
        answer=GetMessageClass(found.output_type),
        asks_more=found.client_streaming,
        answers_more=found.server_streaming,
        routes=_routes(found),
    )


def _routes(found: MethodDescriptor) -> tuple[str, ...]:
    options = found.GetOptions()
    if not options.HasExtension(annotations_pb2.http):
        return ()
    rule = options.Extensions[annotations_pb2.http]
    return (rule.post, *(more.post for more in rule.additional_bindings))


METHODS: Mapping[str, Method] = {
    method.name: method
    for service in etcd_pb2.DESCRIPTOR.services_by_name.values()
    for method in map(_method, service.methods)
}
"""By name: no two services have methods of one name."""
