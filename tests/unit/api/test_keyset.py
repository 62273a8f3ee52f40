"""Lists by key: every part follows the one before, whatever comes and goes; a place is of one list only."""

from base64 import urlsafe_b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobpool.api.keyset import check_seek
from jobpool.model.errors import InvalidArgument
from jobpool.wire import jobpool_pb2 as pb

KEYS = st.sets(st.tuples(st.integers(0, 5), st.text("ab", max_size=2)), max_size=12)


def request(**fields: Any) -> pb.NodeListRequest:
    return pb.NodeListRequest(**fields)


def following(token: str, **fields: Any) -> pb.NodeListRequest:
    return request(**{**fields, "continue": token})


@given(KEYS, KEYS, st.integers(1, 5), st.booleans())
def test_what_was_there_all_the_time_is_shown_once_and_in_order(
    kept: set[tuple[int, str]], fleeting: set[tuple[int, str]], limit: int, descending: bool
) -> None:
    """`fleeting` are there in every second part only."""
    shown: list[tuple[int, str]] = []
    token, there = "", kept | fleeting
    while True:
        seek = check_seek(following(token, limit=limit), int, str)
        assert seek is not None
        part, token = seek.take(there, lambda key: key, descending=descending)
        assert len(part) <= limit
        shown += part
        there = kept if there != kept else kept | fleeting
        if not token:
            break
    assert shown == sorted(set(shown), reverse=descending)
    assert set(shown) - fleeting == kept - fleeting
    assert kept <= set(shown)


def test_without_limit_and_continue_it_is_a_page() -> None:
    assert check_seek(request(pageNumber=2, pageSize=10), str) is None


def test_a_place_may_be_read_on_with_another_limit_and_without_one() -> None:
    seek = check_seek(request(limit=1, name="n"), str)
    assert seek is not None
    token = seek.token(("a",))
    for limit, wanted in ((0, 1000), (7, 7)):
        again = check_seek(following(token, limit=limit, name="n"), str)
        assert again is not None
        assert (again.limit, again.after) == (wanted, ("a",))


def forged(value: object) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(value)).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    ["x", "AA", "é", "-", "a b", forged(1), forged([b"12345678", [1]]), forged([b"12345678", []]), "A" * 5000],
)
def test_what_no_list_gave_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_seek(following(token), str)
    assert refused.value.field == "continue"


def test_a_place_of_other_filters_is_refused() -> None:
    seek = check_seek(request(limit=1, name="n"), str)
    assert seek is not None
    with pytest.raises(InvalidArgument, match="other filters"):
        check_seek(following(seek.token(("a",)), name="m"), str)


@pytest.mark.parametrize("number", [2**63, 2**64 - 1])
def test_a_place_with_a_number_that_no_list_has_is_none(number: int) -> None:
    seek = check_seek(request(limit=1), int, str)
    assert seek is not None
    with pytest.raises(InvalidArgument) as caught:
        check_seek(following(seek.token((number, "a"))), int, str)
    assert caught.value.field == "continue"
