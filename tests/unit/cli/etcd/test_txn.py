"""Comparisons and requests of `txn` become what etcd is asked; what makes no sense is refused with the line."""

import pytest

from jobpool.cli.etcd.txn import comparison, operation
from jobpool.wire import etcd_pb2 as pb
from tests.unit.cli.etcd.fake_etcd import HEADER, FakeEtcd
from tests.unit.cli.harness import Ctl


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ('mod("k") > "0"', pb.Compare(result="GREATER", target="MOD", key=b"k", mod_revision=0)),
        ('m("k") < "-1"', pb.Compare(result="LESS", target="MOD", key=b"k", mod_revision=-1)),
        ('ver("k") = "3"', pb.Compare(result="EQUAL", target="VERSION", key=b"k", version=3)),
        ('c("k") != "3"', pb.Compare(result="NOT_EQUAL", target="CREATE", key=b"k", create_revision=3)),
        ('val("k") = "\\xff"', pb.Compare(result="EQUAL", target="VALUE", key=b"k", value=b"\xff")),
        ('lease("k") = "1f"', pb.Compare(result="EQUAL", target="LEASE", key=b"k", lease=31)),
        ('value(`a"b`)  =  `` trailing', pb.Compare(result="EQUAL", target="VALUE", key=b'a"b', value=b"")),
    ],
)
def test_comparisons(line: str, wanted: pb.Compare) -> None:
    assert comparison(line) == wanted


@pytest.mark.parametrize(
    "line",
    [
        "foo",
        'mod(a) > "0"',
        'mod("a") ~ "0"',
        'mod("a") >= "0"',
        'mod("a") > "x"',
        'mod("a") > "9223372036854775808"',
        'nope("a") > "0"',
        'mod("a")>"0"',
        'mod("\\q") > "0"',
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|unknown"):
        comparison(line)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("put k v", pb.RequestOp(request_put=pb.PutRequest(key=b"k", value=b"v"))),
        ("p k v --lease=1f", pb.RequestOp(request_put=pb.PutRequest(key=b"k", value=b"v", lease=31))),
        ("put k --ignore-value", pb.RequestOp(request_put=pb.PutRequest(key=b"k", ignore_value=True))),
        ('get "" --prefix', pb.RequestOp(request_range=pb.RangeRequest(key=b"\0", range_end=b"\0"))),
        ("get a b --limit 2", pb.RequestOp(request_range=pb.RangeRequest(key=b"a", range_end=b"b", limit=2))),
        (
            "del a --prefix --prev-kv",
            pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=b"a", range_end=b"b", prev_kv=True)),
        ),
    ],
)
def test_requests(line: str, wanted: pb.RequestOp) -> None:
    assert operation(line) == wanted


@pytest.mark.parametrize(
    "line", ["foo a", "put", "put k", "get a --bogus", 'put "\\q" v', "'", "put --help", "get a b c"]
)
def test_a_request_that_makes_no_sense_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"invalid|wanted"):
        operation(line)


async def test_a_transaction_is_read_from_stdin(ctl: Ctl, etcd: FakeEtcd) -> None:
    found = pb.RangeResponse(kvs=[pb.KeyValue(key=b"k", value=b"v")], count=1)
    responses = [pb.ResponseOp(response_put=pb.PutResponse()), pb.ResponseOp(response_range=found)]
    etcd.answers["Txn"] = pb.TxnResponse(header=HEADER, succeeded=True, responses=responses)
    outcome = await ctl("txn", stdin=b'mod("k") > "0"\n\nput k v\nget k\n\ndel k\n\n')
    assert (outcome.code, outcome.out) == (0, "SUCCESS\n\nOK\n\nk\nv\n")
    (request,) = etcd.asked
    assert isinstance(request, pb.TxnRequest)
    assert (len(request.compare), len(request.success), len(request.failure)) == (1, 2, 1)


async def test_nothing_is_asked_when_the_input_makes_no_sense(ctl: Ctl, etcd: FakeEtcd) -> None:
    for given in (b"", b"\n\n", b"nonsense\n\n\n\n", b"\nput k\n\n\n"):
        outcome = await ctl("txn", stdin=given)
        assert outcome.code == 3
        assert outcome.err.startswith("Error: ")
    assert etcd.asked == []
