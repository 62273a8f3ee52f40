"""`ETag` and `If-Match` of plans: the revision of what is shown, and the one that a change expects to find.

A plan's tag is that of its definition. `next_time`, `last_job` and `launch_time` move without it, so it is no
validator of a cached answer, and `If-None-Match` is not served.
"""

import re

from google.protobuf.message import Message

from jobpool.model.errors import InvalidArgument
from jobpool.wire import jobpool_pb2 as pb

HEADER = "If-Match"
_EXPECTED = 120
"""The number of the field that a request has when its call can check a revision."""
_TAG = re.compile(r'"([0-9]{1,18})"', re.ASCII)


def checks_revision(request: Message | type[Message]) -> bool:
    """Whether the call of this request can check one."""
    field = request.DESCRIPTOR.fields_by_name.get("revision")
    return field is not None and field.number == _EXPECTED and field.has_presence


def expect(request: Message, rpc: str, wanted: str | None) -> None:
    """Have the request expect the revision that `If-Match` names. `*` is what such calls ask for anyway.

    Raises InvalidArgument for a tag that none of ours can be, and where the call cannot check it: a caller that says
    it must not overwrite a change does not want to be half heard.
    """
    if wanted is None:
        return
    if not checks_revision(request):
        raise InvalidArgument(HEADER, f"{rpc} cannot check it; leave it out")
    if wanted.strip() == "*":
        return
    form = _TAG.fullmatch(wanted.strip())
    if form is None:
        raise InvalidArgument(HEADER, f'wanted the ETag of a plan, such as "317", found {wanted[:40]!r}')
    revision = int(form[1])
    if request.HasField("revision") and getattr(request, "revision") != revision:  # noqa: B009
        raise InvalidArgument("revision", f"the header {HEADER} names another one, {revision}")
    setattr(request, "revision", revision)  # noqa: B010


def tag_of(response: Message) -> str:
    """The ETag of an answer that shows one plan; empty for others."""
    shown = getattr(response, "data", None)
    return f'"{shown.revision}"' if isinstance(shown, pb.Plan) and shown.revision else ""
