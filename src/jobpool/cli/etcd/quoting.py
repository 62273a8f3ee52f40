"""Texts as Go quotes them, which etcdctl prints and reads, and lines split into words as it splits them."""

import re

_NAMED = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
_ESCAPES = {
    "a": b"\a",
    "b": b"\b",
    "f": b"\f",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
    "\\": b"\\",
    '"': b'"',
    "'": b"'",
}
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([abfnrtv\\\"']))|([^\\\"\n])"
)
_WORD = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^'\"\s]\S*[^'\"\s]?")
QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"|`[^`]*`"
"""A pattern for a text in Go's quotes."""


def quoted(text: bytes) -> str:
    """The text between double quotes, with escapes for whatever does not print and for what is no UTF-8."""
    return '"' + "".join(map(_written, text.decode(errors="surrogateescape"))) + '"'


def _written(sign: str) -> str:
    number = ord(sign)
    if number in _NAMED:
        return _NAMED[number]
    if 0xDC80 <= number <= 0xDCFF:
        return f"\\x{number - 0xDC00:02x}"
    if sign.isprintable():
        return sign
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def unquoted(text: str) -> bytes:
    """What stands between Go's double or back quotes. Raises ValueError for what is not so quoted."""
    if len(text) >= 2 and text[0] == text[-1] == "`":
        return bytes_of(text[1:-1])
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise ValueError(f"wanted a text in double quotes, found {text}")
    read, at, inner = b"", 0, text[1:-1]
    while at < len(inner):
        part = _ESCAPE.match(inner, at)
        if part is None:
            raise ValueError(f"wanted a text in double quotes, found {text}: no escape is {inner[at : at + 2]}")
        read += _read(part)
        at = part.end()
    return read


def _read(part: re.Match[str]) -> bytes:
    byte, short, long, octal, named, plain = part.groups()
    if plain is not None:
        return bytes_of(plain)
    if named is not None:
        return _ESCAPES[named]
    if byte is not None or octal is not None:
        return bytes([int(byte, 16) if byte is not None else int(octal, 8)])
    number = int(short or long, 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise ValueError(f"there is no character {number:x}")
    return chr(number).encode()


def bytes_of(text: str) -> bytes:
    """The bytes of an argument, as they were given."""
    return text.encode(errors="surrogateescape")


def split(line: str) -> list[str]:
    """The words of a line: bare, in single quotes, or in double quotes with Go's escapes.

    Raises ValueError for an escape that is none.
    """
    return [_bare(word) for word in _WORD.findall(line)]


def _bare(word: str) -> str:
    if word[0] == "'" and word[-1] == "'" and len(word) > 1:
        return word[1:-1]
    if word[0] == '"' and word[-1] == '"' and len(word) > 1:
        return unquoted(word).decode(errors="surrogateescape")
    return word
