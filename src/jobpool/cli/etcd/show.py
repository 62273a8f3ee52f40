"""Answers of etcd in etcdctl's formats, byte for byte. Keys and values are printed as they are."""

import sys
from collections.abc import Callable, Iterable

from google.protobuf.message import Message

from jobpool.cli.ctl_options import Settings
from jobpool.cli.etcd.gojson import as_go, encoded, go_json
from jobpool.cli.etcd.quoting import quoted
from jobpool.wire import etcd_pb2 as pb

Lines = Iterable[bytes]


def put_lines(lines: Lines) -> None:
    """Print them, and see that they are out."""
    sys.stdout.flush()
    out = sys.stdout.buffer
    for line in lines:
        out.write(line + b"\n")
    out.flush()


def put_bytes(raw: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def said(*texts: str) -> Callable[[], Lines]:
    """Lines of text."""
    return lambda: [text.encode(errors="surrogateescape") for text in texts]


def show(
    settings: Settings,
    answer: Message,
    *,
    simple: Callable[[], Lines],
    fields: Callable[[], Iterable[str]] | None = None,
    json: Callable[[], str] | None = None,
) -> None:
    """Print an answer as it was asked for; without `fields` it is the header, without `json` the whole message."""
    match settings.write_out:
        case "json":
            put_lines([(json() if json else go_json(answer)).encode()])
        case "protobuf":
            put_bytes(answer.SerializeToString())
        case "fields":
            lines = fields() if fields else header_fields(answer)
            put_lines(line.encode(errors="surrogateescape") for line in lines)
        case _:
            put_lines(simple())


def header_fields(answer: Message) -> list[str]:
    header = getattr(answer, "header", None)
    assert isinstance(header, pb.ResponseHeader)
    return [
        f'"ClusterID" : {header.cluster_id}',
        f'"MemberID" : {header.member_id}',
        f'"Revision" : {header.revision}',
        f'"RaftTerm" : {header.raft_term}',
    ]


def header_beside(answer: Message, **others: object) -> str:
    """JSON with the header's members beside those of the answer, as some of Go's structs have them."""
    header = getattr(answer, "header", None)
    assert isinstance(header, pb.ResponseHeader)
    return encoded(as_go(header) | others)


def pair(kv: pb.KeyValue, settings: Settings, *, value_only: bool = False) -> list[bytes]:
    """Key and value, a line each."""
    shown = [kv.value] if value_only else [kv.key, kv.value]
    return [hexadecimal(one) for one in shown] if settings.hex else shown


def hexadecimal(raw: bytes) -> bytes:
    return "".join(f"\\x{byte:02x}" for byte in raw).encode()


def pair_fields(kv: pb.KeyValue, before: str = "") -> list[str]:
    return [
        f'"{before}Key" : {quoted(kv.key)}',
        f'"{before}CreateRevision" : {kv.create_revision}',
        f'"{before}ModRevision" : {kv.mod_revision}',
        f'"{before}Version" : {kv.version}',
        f'"{before}Value" : {quoted(kv.value)}',
        f'"{before}Lease" : {kv.lease}',
    ]


def boolean(value: bool) -> str:
    return "true" if value else "false"


# ---- keys


def range_lines(answer: pb.RangeResponse, settings: Settings, *, value_only: bool = False) -> list[bytes]:
    return [line for kv in answer.kvs for line in pair(kv, settings, value_only=value_only)]


def range_fields(answer: pb.RangeResponse) -> list[str]:
    kvs = [line for kv in answer.kvs for line in pair_fields(kv)]
    return [*header_fields(answer), *kvs, f'"More" : {boolean(answer.more)}', f'"Count" : {answer.count}']


def put_answer_lines(answer: pb.PutResponse, settings: Settings) -> list[bytes]:
    return [b"OK", *(pair(answer.prev_kv, settings) if answer.HasField("prev_kv") else [])]


def put_answer_fields(answer: pb.PutResponse) -> list[str]:
    return [*header_fields(answer), *(pair_fields(answer.prev_kv, "Prev") if answer.HasField("prev_kv") else [])]


def delete_lines(answer: pb.DeleteRangeResponse, settings: Settings) -> list[bytes]:
    return [str(answer.deleted).encode(), *(line for kv in answer.prev_kvs for line in pair(kv, settings))]


def delete_fields(answer: pb.DeleteRangeResponse) -> list[str]:
    before = [line for kv in answer.prev_kvs for line in pair_fields(kv, "Prev")]
    return [*header_fields(answer), f'"Deleted" : {answer.deleted}', *before]


def txn_lines(answer: pb.TxnResponse, settings: Settings) -> list[bytes]:
    lines = [b"SUCCESS" if answer.succeeded else b"FAILURE"]
    for one in answer.responses:
        lines.append(b"")
        match one.WhichOneof("response"):
            case "response_range":
                lines += range_lines(one.response_range, settings)
            case "response_put":
                lines += put_answer_lines(one.response_put, settings)
            case "response_delete_range":
                lines += delete_lines(one.response_delete_range, settings)
    return lines


def txn_fields(answer: pb.TxnResponse) -> list[str]:
    lines = [*header_fields(answer), f'"Succeeded" : {boolean(answer.succeeded)}']
    for one in answer.responses:
        match one.WhichOneof("response"):
            case "response_range":
                lines += range_fields(one.response_range)
            case "response_put":
                lines += put_answer_fields(one.response_put)
            case "response_delete_range":
                lines += delete_fields(one.response_delete_range)
    return lines


def show_range(settings: Settings, answer: pb.RangeResponse, *, value_only: bool = False) -> None:
    show(
        settings,
        answer,
        simple=lambda: range_lines(answer, settings, value_only=value_only),
        fields=lambda: range_fields(answer),
    )
