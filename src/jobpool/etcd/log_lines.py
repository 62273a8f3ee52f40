"""What etcd writes to its log: one JSON object a line."""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from jobpool.kit.pure.garbled import GARBLED

_LEVELS = {"debug": "debug", "info": "info", "warn": "warning"}
_LAST = ("fatal", "panic", "dpanic")
_RAFT_LOG = re.compile(r"newRaft .*\blastindex: (\d+), lastterm: (\d+)")
_OWN = frozenset({"level", "ts", "msg", "stacktrace"})


class LogLine(Struct, frozen=True):
    """`level` in our words: debug, info, warning, error. `fields` without time and stack trace.

    `last`: etcd ends after saying this.
    """

    level: str
    message: str
    fields: Mapping[str, object] = {}
    last: bool = False

    @property
    def error(self) -> str:
        """What etcd gives as the cause, if it does."""
        return str(self.fields.get("error", ""))

    @property
    def grave(self) -> bool:
        return self.level in ("warning", "error")

    def __str__(self) -> str:
        return f"{self.message}: {self.error}" if self.error else self.message


def parse_line(line: bytes) -> LogLine:
    """A line of etcd's log. What is no JSON object is a warning with the text as its message."""
    try:
        found = msgspec.json.decode(line, type=dict[str, object])
    except GARBLED:
        return LogLine("warning", line.decode(errors="replace").strip())
    said = str(found.get("level"))
    fields = {key: value for key, value in found.items() if key not in _OWN}
    return LogLine(_LEVELS.get(said, "error"), str(found.get("msg", "")).strip(), fields, said in _LAST)


def raft_log(line: LogLine) -> dict[str, int]:
    """How far a member's own log goes, as it says at its start; empty for any other line.

    Of two members without a majority the one with the higher (last_term, last_index) has more: Raft elects by that.
    """
    found = _RAFT_LOG.search(line.message)
    return {} if found is None else {"last_term": int(found[2]), "last_index": int(found[1])}
