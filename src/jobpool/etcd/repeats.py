"""What etcd says again and again, told once and then counted: a lost majority makes it say hundreds of lines a minute.

Two lines are alike when they differ in nothing but times, counts and the ports of connections, which are new in each.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

from jobpool.etcd.log_lines import LogLine
from jobpool.kit.effects.clock import Clock
from jobpool.kit.pure.durations import MINUTE, Millis

SPAN: Millis = MINUTE
_KINDS = 500
_CONNECTION = re.compile(r"([\w.:\[\]-]+):\d+->([\w.:\[\]-]+):\d+")
_ADDRESS_OR_COUNT = re.compile(
    r"(?P<kept>\b(?=[0-9a-f]*[a-f])[0-9a-f]{8,16}\b"  # a member's id
    r"|\d+(?:\.\d+){3}(?::\d+)?"  # an address, with the port that somebody listens on
    r"|\b[\w.-]*[a-z][\w.-]*:\d+\b)"
    r"|\d[\d.:TZ-]*(?:[nµm]?s|[hm]\b)?"
)
_CALLERS = ("remote-addr", "remote")
"""Fields with the address of who has connected, whose port says nothing."""
_CONTENTS = ("request", "request content", "response")
"""Fields with what was asked; that it took long is the same for each."""


class Told(Struct, frozen=True):
    """`times`: how often it was said since it was told last, the first time `since` ms ago, the last `until` ms ago.

    `line` is the last of them.
    """

    line: LogLine
    times: int
    since: Millis = 0
    until: Millis = 0


class _Kind(Struct):
    told_at: Millis
    unsaid: int = 0
    first_at: Millis = 0
    last_at: Millis = 0
    last: LogLine | None = None


class Repeats:
    """Lines of a kind are told when the first comes, and then once a minute for as long as they come."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}

    def hear(self, line: LogLine) -> bool:
        """Whether it is to be told now."""
        kind = self._kinds.get(key := kind_of(line))
        if kind is not None:
            kind.last_at = self._clock.monotonic()
            kind.first_at = kind.first_at if kind.unsaid else kind.last_at
            kind.unsaid += 1
            kind.last = line
            return False
        if len(self._kinds) >= _KINDS:
            self._kinds.pop(next(iter(self._kinds)))
        self._kinds[key] = _Kind(self._clock.monotonic())
        return True

    def due(self) -> Iterator[Told]:
        """What was said since it was told a minute ago. What was not is new when it comes again."""
        now = self._clock.monotonic()
        for key, kind in list(self._kinds.items()):
            if now - kind.told_at < SPAN:
                return
            del self._kinds[key]  # told again it is the youngest: the order is that of `told_at`
            if kind.last is not None:
                self._kinds[key] = _Kind(now)
                yield Told(kind.last, kind.unsaid, now - kind.first_at, now - kind.last_at)


def kind_of(line: LogLine) -> str:
    """What two lines have in common that say the same."""
    fields = (f"{name}={_alike(name, str(value))}" for name, value in sorted(line.fields.items()))
    return " ".join((line.level, _alike("", line.message), *fields))


def _alike(name: str, text: str) -> str:
    if name in _CONTENTS:
        return ""
    if name in _CALLERS:
        return text.rpartition(":")[0]
    return _ADDRESS_OR_COUNT.sub(lambda found: found["kept"] or "#", _CONNECTION.sub(r"\1->\2", text))
