"""Messages as JSON: the original's spelling, strict reading, and google.protobuf.json_format as the oracle."""

import json
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.type_pb2 import Field
from hypothesis import given
from hypothesis import strategies as st

from jobpool.api.service import METHODS, request_type, response_type
from jobpool.model.errors import InvalidArgument
from jobpool.wire import etcd_pb2
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.json import bind, decode, dump, encode

UNARY = [name for name, method in METHODS.items() if not method.client_streaming and not method.server_streaming]
TYPES = sorted(
    {kind(name) for name in UNARY for kind in (request_type, response_type)},
    key=lambda cls: cls.__name__,
)
_RANGES = {
    FieldDescriptor.TYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: (0, 2**64 - 1),
}
_ESCAPED = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


def _scalars(field: FieldDescriptor) -> st.SearchStrategy:
    if field.type in _RANGES:
        return st.sampled_from([0, 1, *_RANGES[field.type]]) | st.integers(*_RANGES[field.type])
    return {
        FieldDescriptor.TYPE_STRING: st.text(max_size=20)
        | st.sampled_from(["<&>", "\u2028\u2029", '"\\\b\f\n\x7f\x00', "中"]),
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=20),
    }[field.type]


def _values(field) -> st.SearchStrategy:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        return st.dictionaries(st.text(max_size=5), _scalars(inner.fields_by_name["value"]), max_size=3)
    if inner is None:
        one = _scalars(field)
    elif inner.full_name == "google.protobuf.Timestamp":
        one = st.builds(
            GetMessageClass(inner),
            seconds=st.integers(-62_135_596_800, 253_402_300_799) | st.integers(0, 2**31),
            nanos=st.sampled_from([0, 500_000_000, 1_000, 999_999_999]) | st.integers(0, 999_999_999),
        )
    else:
        one = _messages(GetMessageClass(inner))
    return st.lists(one, max_size=3) if field.is_repeated else one


def _messages(kind: type[Message]) -> st.SearchStrategy:
    return st.fixed_dictionaries({}, optional={f.name: _values(f) for f in kind.DESCRIPTOR.fields}).map(
        lambda fields: kind(**fields)
    )


ANY_MESSAGE = st.sampled_from(TYPES).flatmap(_messages)


def _sorted_maps(message, value):
    """The oracle leaves maps in their order of arrival; ours sorts them."""
    for field, content in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value[field.name] = dict(sorted(value[field.name].items()))
        elif field.message_type is not None and isinstance(value[field.name], list):
            for inner, shown in zip(content, value[field.name], strict=True):
                _sorted_maps(inner, shown)
        elif field.message_type is not None and isinstance(value[field.name], dict):
            _sorted_maps(content, value[field.name])
    return value


@given(ANY_MESSAGE)
def test_the_text_is_that_of_the_oracle(message):
    value = _sorted_maps(message, json_format.MessageToDict(message, preserving_proto_field_name=True))
    wanted = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for sign, escaped in _ESCAPED:
        wanted = wanted.replace(sign, escaped)
    assert encode(message).decode() == wanted


@given(ANY_MESSAGE)
def test_what_is_written_is_read_back(message):
    assert decode(encode(message), type(message)) == message


@given(ANY_MESSAGE, st.booleans(), st.booleans())
def test_the_oracle_s_spellings_are_read_too(message, proto_names, indented):
    text = json_format.MessageToJson(message, preserving_proto_field_name=proto_names, indent=2 if indented else None)
    assert decode(text.encode(), type(message)) == message


def _keys(kind: type[Message]) -> Iterator[str]:
    for field in kind.DESCRIPTOR.fields:
        yield field.name
        yield field.json_name


def _outcome(call: Callable[[], object]) -> tuple[object, InvalidArgument | None]:
    try:
        return call(), None
    except InvalidArgument as error:
        return None, error


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["1", "-1", "2026-01-01T00:00:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(sorted({*_keys(pb.Plan), "gap", "on", "spec"})), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(ANY_JSON)
def test_reading_is_never_laxer_than_the_oracle(value):
    text = json.dumps(value).encode()
    message, refusal = _outcome(lambda: decode(text, pb.SchedulePlanAddRequest))
    if refusal is None:
        assert message == json_format.Parse(text, pb.SchedulePlanAddRequest())
    else:
        assert refusal.field
        assert refusal.message.encode()


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_read_or_refused(text):
    _, refusal = _outcome(lambda: decode(text, pb.SchedulePlanAddRequest))
    assert refusal is None or refusal.field


@given(st.text(), st.lists(st.text(), min_size=1, max_size=3))
def test_any_query_is_bound_or_refused(key, values):
    for name in (key, "pageSize", "start_time", "ids", f"periodic.{key}"):
        _, refusal = _outcome(partial(bind, pb.ScheduleAllocationListRequest(), name, values))
        assert refusal is None or refusal.field


def test_the_original_s_spelling():
    header = pb.ResponseHeader(cluster_id=527, member_id=141, revision=1, raft_term=2)
    node = pb.Node(ID="01M8", name="a<b>&中", status_update_at=1795341562127111, attributes={"z": "1", "a": "2"})
    node.started_at.FromJsonString("2026-11-22T09:59:20.126650Z")
    message = pb.NodeListResponse(header=header, data=[node, pb.Node()], totalElements=1, totalPages=1)
    assert encode(message).decode() == (
        '{"header":{"cluster_id":"527","member_id":"141","revision":"1","raft_term":"2"},"data":[{"ID":"01M8",'
        '"name":"a\\u003cb\\u003e\\u0026中","status_update_at":"1795341562127111",'
        '"started_at":"2026-11-22T09:59:20.126650Z","attributes":{"a":"2","z":"1"}},{}],'
        '"totalElements":1,"totalPages":1}'
    )


def test_zero_values_are_left_out_unless_they_say_something():
    assert encode(pb.QueueDetailResponse(data=pb.QueueDetail())) == b'{"data":{}}'
    assert encode(pb.Job(exit_code=0, timeout=0, attempt=0)) == b'{"exit_code":0}'
    assert encode(pb.PeriodicConfig(enabled=False, spec="")) == b'{"enabled":false,"spec":""}'


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"),
    [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("1970-01-01T08:00:00.000000001+08:00", 0, 1),
        ("1969-12-31t23:59:59.5z", -1, 500_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
        ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999),
        ("2024-02-29T00:00:00-00:30", 1_709_166_600, 0),
    ],
)
def test_times(text, seconds, nanos):
    read = decode(dump({"launch_time": text}), pb.Plan).launch_time
    assert (read.seconds, read.nanos) == (seconds, nanos)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T09:59:04",
        "2026-11-22 09:59:04Z",
        "2026-13-22T09:59:04Z",
        "2026-02-29T09:59:04Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T23:59:60Z",
        "2026-11-22T09:59:04.Z",
        "2026-11-22T09:59:04.0000000001Z",
        "2026-11-22T09:59:04+24:00",
        "2026-11-22T09:59:04+0800",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "٢٠٢٦-11-22T09:59:04Z",
    ],
)
def test_times_that_are_none(text):
    with pytest.raises(InvalidArgument) as raised:
        decode(dump({"launch_time": text}), pb.Plan)
    assert raised.value.field == "launch_time"


def test_numbers_and_strings_for_integers():
    for spelled in ("20", '"20"', "20.0", "2e1"):
        assert decode(b'{"priority":%s}' % spelled.encode(), pb.Plan).priority == 20
    for spelled in ('" 20"', '"2e1"', '"0x14"', '"２"', '""', "20.5", "[20]", "false", '"+1"'):
        with pytest.raises(InvalidArgument, match=r"^priority: wanted a whole number from 0 to 18446744073709551615"):
            decode(b'{"priority":%s}' % spelled.encode(), pb.Plan)


def test_null_is_unset():
    text = b'{"id":null,"periodic":null,"retry":{"on":null,"attempts":null}}'
    assert decode(text, pb.Plan) == pb.Plan(retry=pb.Retry())


def test_bytes_in_either_alphabet():
    for spelled in ("-_8=", "-_8", "+/8="):
        assert decode(dump({"data": spelled}), pb.JobLogsResponse).data == b"\xfb\xff"
    for spelled in ("a", "####", "ab=c"):
        with pytest.raises(InvalidArgument, match="data: wanted base64"):
            decode(dump({"data": spelled}), pb.JobLogsResponse)


def test_binding_nested_fields():
    request = pb.SchedulePlanAddRequest()
    bind(request, "periodic.spec", ["* * * * *"])
    bind(request, "catchUp.maxRuns", ["3"])
    bind(request, "periodic.startTime", ["2026-01-01T00:00:00Z"])
    bind(request, "periodic.enabled", ["false"])
    assert (request.periodic.spec, request.catch_up.max_runs) == ("* * * * *", 3)
    assert request.periodic.HasField("enabled")
    assert request.periodic.start_time.seconds == 1_767_225_600
    for key in ("periodic", "periodic.", "id.x", "periodic.spec.x", ".id", "retry"):
        with pytest.raises(InvalidArgument):
            bind(request, key, ["x"])


def test_a_refusal_tells_where_things_belong():
    for sent, said in (
        ({"spec": "@daily"}, "spec: unknown field; did you mean periodic.spec?"),
        ({"timezone": "UTC"}, "timezone: unknown field; did you mean periodic.time_zone?"),
        ({"cron": "@daily"}, "cron: unknown field"),
        ({"overlapp": "skip"}, "overlapp: unknown field; did you mean overlap?"),
        ({"dst": "skip"}, "dst: wanted an object (gap, overlap), found the string 'skip'"),
        ({"parameters": {}}, "parameters: wanted a string, found an object; JSON goes into a string as text"),
    ):
        with pytest.raises(InvalidArgument) as raised:
            decode(dump(sent), pb.Plan)
        assert raised.value.message == said


def test_a_refusal_is_short_whatever_was_sent():
    for text in (dump({"k" * 100_000: 1}), dump({"priority": "9" * 100_000}), dump({"launch_time": "x" * 100_000})):
        with pytest.raises(InvalidArgument) as raised:
            decode(text, pb.Plan)
        assert len(raised.value.message) < 300


def test_a_hundred_thousand_members_are_refused_at_once():
    members = ",".join(f'"k{n}":0' for n in range(100_000))
    with pytest.raises(InvalidArgument, match="k0: unknown field"):
        decode(f"{{{members}}}".encode(), pb.Plan)
    with pytest.raises(InvalidArgument, match="k0: given twice"):
        decode(f'{{{members},"k0":1}}'.encode(), pb.Plan)


def test_enums_are_names_and_are_read_as_names_or_numbers():
    field = decode(b'{"kind":"TYPE_STRING","cardinality":3}', Field)
    assert encode(field) == b'{"kind":"TYPE_STRING","cardinality":"CARDINALITY_REPEATED"}'
    assert bind(field, "kind", ["5"]) == "kind"
    assert field.kind == Field.TYPE_INT32
    for text in (b'{"kind":"TYPE_NONE"}', b'{"kind":77}', b'{"kind":true}', b'{"kind":1.5}'):
        with pytest.raises(InvalidArgument, match="wanted one of TYPE_UNKNOWN, ") as refused:
            decode(text, Field)
        assert (refused.value.field, refused.value.engine_code) == ("kind", 1002)


def test_a_number_that_no_name_stands_for_is_shown_as_it_is():
    assert encode(Field(kind=99)) == b'{"kind":99}'  # type: ignore[arg-type]


def test_a_node_may_be_named_by_id_and_by_ID():
    assert decode(b'{"id":"n1"}', pb.NodeAddRequest).ID == "n1"
    assert decode(b'{"ID":"n1"}', pb.NodeDetailRequest).id == "n1"
    with pytest.raises(InvalidArgument, match="given twice, as ID and as id"):
        decode(b'{"id":"a","ID":"b"}', pb.NodeAddRequest)


def test_a_message_that_may_hold_itself():
    inner = etcd_pb2.TxnRequest(success=[etcd_pb2.RequestOp(request_put=etcd_pb2.PutRequest(key=b"a"))])
    message = etcd_pb2.TxnRequest(failure=[etcd_pb2.RequestOp(request_txn=inner)])
    text = b'{"failure":[{"request_txn":{"success":[{"request_put":{"key":"YQ=="}}]}}]}'
    assert encode(message) == text
    assert decode(text, etcd_pb2.TxnRequest) == message
