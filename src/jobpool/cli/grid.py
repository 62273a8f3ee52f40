"""Tables that are written as their rows come: of lines and colours on a terminal, plain ASCII elsewhere."""

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias

import click
import msgspec

Row: TypeAlias = Sequence[str]

COLOURS = {"green": 32, "cyan": 36, "red": 31, "magenta": 35, "yellow": 33}
STYLES = {
    "complete": "green",
    "ready": "green",
    "running": "cyan",
    "failed": "red",
    "expired": "red",
    "dead": "red",
    "down": "red",
    "unknown": "magenta",
    "skipped": "yellow",
    "cancelled": "yellow",
    "blocked": "yellow",
    "ineligible": "yellow",
}
WIDE = 100_000
"""Columns where no terminal says how many there are."""
_AT_ONCE = 200
_LEAST = 8
"""Columns for values on a terminal that has no room at all."""


class Signs(msgspec.Struct, frozen=True):
    """What rules are drawn of: left, between and right for the top, the middle and the bottom."""

    level: str
    upright: str
    top: str
    middle: str
    bottom: str


BOX = Signs("─", "│", "┌┬┐", "├┼┤", "└┴┘")
ASCII = Signs("-", "|", "+++", "+++", "+++")


class Grid:
    """One table. Rows that come later may only widen the columns: a rule shows where.

    On a terminal that is too narrow for a row, it and those after it become tables of their own, with the titles at
    their left.
    """

    def __init__(self, columns: Row) -> None:
        there = sys.stdout.isatty()
        self._columns = columns
        self._signs = BOX if there else ASCII
        self._colours = there and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._room = shutil.get_terminal_size().columns if there else WIDE
        self._widths: list[int] = []
        self._apart = False

    def show(self, rows: Sequence[Row]) -> None:
        clean = [[printable(cell) for cell in row] for row in rows]
        if not self._apart:
            widths = _widest([self._columns, *clean], self._widths)
            self._apart = sum(widths) + 3 * len(widths) + 1 > self._room
            if not self._apart:
                say(self._together(clean, widths))
                return
            self._end()
        for row in clean:
            say(self._record(row))

    def close(self) -> None:
        """The last rule; of a table without rows the titles too."""
        if not self._widths and not self._apart:
            self.show([])
        self._end()

    def _end(self) -> None:
        if self._widths:
            say([self._rule(self._signs.bottom)])
            self._widths = []

    def _together(self, rows: Sequence[Row], widths: list[int]) -> Iterator[str]:
        first = not self._widths
        if first or widths != self._widths:
            self._widths = widths
            yield self._rule(self._signs.top if first else self._signs.middle)
        if first:
            yield self._line([self._bold(cell, wide) for cell, wide in zip(self._columns, widths, strict=True)])
            yield self._rule(self._signs.middle)
        for row in rows:
            yield self._line([self._cell(cell, wide) for cell, wide in zip(row, widths, strict=True)])

    def _record(self, row: Row) -> Iterator[str]:
        pairs = [(title, cell) for title, cell in zip(self._columns, row, strict=True) if cell]
        if not pairs:
            return
        left = max(cells(title) for title, _ in pairs)
        right = min(max(cells(cell) for _, cell in pairs), max(self._room - left - 7, _LEAST))
        yield self._rule(self._signs.top, [left, right])
        for title, cell in pairs:
            colour = STYLES.get(cell, "")
            for at, piece in enumerate(_folded(cell, right)):
                yield self._line([self._bold("" if at else title, left), self._cell(piece, right, colour)])
        yield self._rule(self._signs.bottom, [left, right])

    def _rule(self, ends: str, widths: Sequence[int] = ()) -> str:
        level = self._signs.level
        return ends[0] + ends[1].join(level * (wide + 2) for wide in widths or self._widths) + ends[2]

    def _line(self, padded: Row) -> str:
        upright = self._signs.upright
        return f"{upright} {f' {upright} '.join(padded)} {upright}"

    def _cell(self, text: str, wide: int, colour: str = "") -> str:
        padded = text + " " * (wide - cells(text))
        if not self._colours:
            return padded
        number = COLOURS.get(colour or STYLES.get(text, ""))
        return f"\x1b[{number}m{padded}\x1b[0m" if number else padded

    def _bold(self, text: str, wide: int) -> str:
        padded = text + " " * (wide - cells(text))
        return f"\x1b[1m{padded}\x1b[0m" if self._colours else padded


def show_table(columns: Row, rows: Sequence[Row]) -> None:
    """A whole table."""
    grid = Grid(columns)
    grid.show(rows)
    grid.close()


def printable(text: str) -> str:
    """The text with every control and other invisible character written out (`\\x1b`)."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def cells(text: str) -> int:
    """How many columns of a terminal the text takes: a Chinese character two, a combining accent none."""
    if text.isascii():
        return len(text)
    return sum(_cell(sign) for sign in text)


def _cell(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def _widest(rows: Sequence[Row], least: Sequence[int]) -> list[int]:
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    return [max(pair) for pair in zip(widths, least, strict=True)] if least else widths


def _folded(text: str, wide: int) -> Iterator[str]:
    """The text in pieces of at most so many columns."""
    piece, taken = "", 0
    for sign in text:
        if taken + _cell(sign) > wide:
            yield piece
            piece, taken = "", 0
        piece, taken = piece + sign, taken + _cell(sign)
    yield piece


def say(lines: Iterable[str]) -> None:
    """Write the lines a few at a time: of one large write, Python does not tell that its reader has gone."""
    left = iter(lines)
    while piece := list(islice(left, _AT_ONCE)):
        click.echo("\n".join(piece))
