"""Reads one word of a schedule from left to right; every refusal knows its field and column."""

import re
from collections.abc import Mapping

from jobpool.model.errors import BadSchedule

_NUMBER = re.compile(r"[0-9]+")


class Reader:
    """`text` is ASCII in capitals; `column` is the 1-based place of its first character in the whole schedule."""

    def __init__(self, text: str, *, column: int, field: str) -> None:
        self._text = text
        self._column = column
        self._at = 0
        self.field = field

    @property
    def column(self) -> int:
        return self._column + self._at

    @property
    def done(self) -> bool:
        return self._at == len(self._text)

    def peek(self) -> str:
        """The next character, or nothing at the end."""
        return self._text[self._at : self._at + 1]

    def matches(self, pattern: re.Pattern[str]) -> bool:
        return pattern.match(self._text, self._at) is not None

    def take(self, literal: str) -> bool:
        """Step over `literal` if it comes next."""
        if not self._text.startswith(literal, self._at):
            return False
        self._at += len(literal)
        return True

    def number(self, first: int, last: int, *, what: str) -> int:
        """A number from `first` to `last`."""
        column, found = self.column, _NUMBER.match(self._text, self._at)
        if found is None:
            raise self.refuse(f"wanted {what} from {first} to {last}, found {self.rest()}")
        digits = found.group()
        if len(digits) > 4 or not first <= int(digits) <= last:
            raise self.refuse(f"wanted {what} from {first} to {last}, found {digits[:20]}", column=column)
        self._at = found.end()
        return int(digits)

    def name(self, names: Mapping[str, int]) -> int | None:
        """The value of a three-letter name, when one comes next."""
        value = names.get(self._text[self._at : self._at + 3])
        if value is not None:
            self._at += 3
        return value

    def expect(self, literal: str, *, what: str) -> None:
        if not self.take(literal):
            raise self.refuse(f"wanted {what}, found {self.rest()}")

    def refuse(self, reason: str, *, column: int | None = None) -> BadSchedule:
        return BadSchedule(self.field, reason, column=self.column if column is None else column)

    def rest(self) -> str:
        return repr(self._text[self._at : self._at + 20]) if not self.done else "the end of the field"
