"""Texts in Go's quotes: what is written is read back, and what etcdctl writes is written so."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobpool.cli.etcd.quoting import bytes_of, quoted, split, unquoted


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b"", '""'),
        (b"plain", '"plain"'),
        (b'x\ny\t"\\', r'"x\ny\t\"\\"'),
        (b"\x01\x7f\xff\xe2\x80\xa8\xf0\x9f\x98\x80<>&", r'"\x01\x7f\xff\u2028😀<>&"'),
        ("é".encode(), '"é"'),
        (b"\x00\a\b\f\v\r", r'"\x00\a\b\f\v\r"'),
        ("\U000e0001".encode(), r'"\U000e0001"'),
    ],
)
def test_texts_are_quoted_as_go_does(text: bytes, written: str) -> None:
    assert quoted(text) == written


@given(st.binary())
def test_what_is_quoted_is_read_back(text: bytes) -> None:
    assert unquoted(quoted(text)) == text


@given(st.text(alphabet="abx01\\\"'`u{ \n\U0001f600", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    for one in (text, f'"{text}"', f"`{text}`"):
        with suppress(ValueError):
            assert isinstance(unquoted(one), bytes)


@pytest.mark.parametrize(
    "text", ["", '"', "a", '"a', '"a"b"', r'"\q"', r'"\x4"', r'"\ud800"', r'"\U00110000"', '"a\nb"']
)
def test_what_is_not_quoted_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"wanted|no character"):
        unquoted(text)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("put a b", ["put", "a", "b"]),
        (r'put s "a\tb\x41"', ["put", "s", "a\tbA"]),
        ("put s 'single q'", ["put", "s", "single q"]),
        ('put s a"b', ["put", "s", 'a"b']),
        ('put s ""', ["put", "s", ""]),
        ("put s ''", ["put", "s", ""]),
        (r"put s unquoted\x", ["put", "s", r"unquoted\x"]),
        ("put s --prev-kv --lease=12", ["put", "s", "--prev-kv", "--lease=12"]),
        ("", []),
    ],
)
def test_lines_are_split_as_etcdctl_does(line: str, words: list[str]) -> None:
    assert split(line) == words


def test_bytes_that_are_no_text_stay_what_they_are() -> None:
    assert [bytes_of(word) for word in split(r'put "\xff\x00"')] == [b"put", b"\xff\x00"]
