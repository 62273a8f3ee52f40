"""Numbers for the texts that runs share (namespaces, plans, names, nodes), so that indexes stay small."""

from collections.abc import Iterable
from enum import IntEnum
from sqlite3 import Connection


class Kind(IntEnum):
    """A plan's text is `<namespace>/<plan id>`: neither part holds a slash."""

    NAMESPACE = 0
    PLAN = 1
    NAME = 2
    NODE = 3


class Words:
    """Every text in use, in memory; changes reach the table with `save`."""

    def __init__(self, database: Connection) -> None:
        self._database = database
        self._numbers: dict[Kind, dict[str, int]] = {kind: {} for kind in Kind}
        self._texts: dict[int, tuple[Kind, str]] = {}
        self._new: dict[int, tuple[Kind, str]] = {}
        for number, kind, text in database.execute("SELECT no, kind, text FROM words"):
            self._numbers[Kind(kind)][text] = number
            self._texts[number] = (Kind(kind), text)
        self._last = max(self._texts, default=0)

    def number(self, kind: Kind, text: str) -> int:
        """The text's number, a new one when it has none."""
        known = self._numbers[kind].get(text)
        if known is not None:
            return known
        self._last += 1
        self._numbers[kind][text] = self._last
        self._texts[self._last] = self._new[self._last] = (kind, text)
        return self._last

    def find(self, kind: Kind, text: str) -> int | None:
        return self._numbers[kind].get(text)

    def containing(self, kind: Kind, part: str) -> list[int]:
        """Numbers of the texts that hold `part`."""
        return [number for text, number in self._numbers[kind].items() if part in text]

    def holding(self, part: str) -> tuple[list[int], list[int]]:
        """Numbers of the plans whose id, and of the names that, hold `part`, in capitals or not."""
        wanted = part.casefold()
        plans, names = self._numbers[Kind.PLAN], self._numbers[Kind.NAME]
        return (
            [number for text, number in plans.items() if wanted in text.partition("/")[2].casefold()],
            [number for text, number in names.items() if wanted in text.casefold()],
        )

    def plans(self, plan_id: str) -> list[int]:
        """Numbers of the plans of that id, in any namespace."""
        plans = self._numbers[Kind.PLAN]
        keys = (f"{namespace}/{plan_id}" for namespace in self._numbers[Kind.NAMESPACE])
        return [plans[key] for key in keys if key in plans]

    def forget(self, numbers: Iterable[int]) -> None:
        """Drop texts that nothing refers to any more."""
        gone: list[tuple[int]] = []
        for number in numbers:
            kind, text = self._texts.pop(number)
            del self._numbers[kind][text]
            if self._new.pop(number, None) is None:
                gone.append((number,))
        self._database.executemany("DELETE FROM words WHERE no = ?", gone)

    def save(self) -> None:
        rows = [(number, int(kind), text) for number, (kind, text) in self._new.items()]
        self._database.executemany("INSERT INTO words VALUES (?, ?, ?)", rows)
        self._new.clear()
