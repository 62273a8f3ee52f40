"""Reads from a member's last words why it ended, and whether starting it again can help."""

from collections.abc import Sequence

from msgspec import Struct

from jobpool.etcd.log_lines import LogLine


class Finding(Struct, frozen=True):
    """`lasting`: it would end the same way again, until somebody changes something that the reason names.

    `removed`: its cluster has let it go. `lost`: the cluster counts on more than its data directory holds.
    """

    reason: str
    lasting: bool
    removed: bool = False
    lost: bool = False


class _Rule(Struct, frozen=True):
    """`sign` is part of what etcd says, in lower case."""

    sign: str
    advice: str
    lasting: bool = True


_ENDED_BY_REMOVAL = "server error"
_LAST_WARNINGS = ("failed to verify flags", "failed to start etcd")
_REMOVED = "this member was removed from its cluster"
_REFUSED = "etcd refuses its configuration"
_CLUSTER = "initial-cluster, the peer URLs and the cluster do not agree"
_DAMAGED = (
    "the member's data is damaged: move its data directory away; in a cluster remove the member and add it again, "
    "alone restore a snapshot"
)
_LOST = (
    "the cluster knows this member, but its data directory is empty: remove the member from the cluster and add it "
    "again, then start it with initial-cluster-state existing"
)
_FORGOT = (
    "the cluster counts on more than this member's data directory holds, as it is new, or an old copy: remove the "
    "member from the cluster and add it again, then start it with an empty directory and initial-cluster-state existing"
)

_RULES = (
    _Rule("failed to verify flags", _REFUSED),
    _Rule("has already been bootstrapped", _LOST),
    _Rule("in the initial cluster configuration", _CLUSTER),
    _Rule("missing from --initial-advertise-peer-urls", _CLUSTER),
    _Rule("missing from the set of --initial-cluster", _CLUSTER),
    _Rule("error validating peerurls", _CLUSTER),
    _Rule("member count is unequal", _CLUSTER),
    _Rule("invalid database", _DAMAGED),
    _Rule("checksum error", _DAMAGED),
    _Rule("crc mismatch", _DAMAGED),
    _Rule("failed to recover v3 backend from snapshot", _DAMAGED),
    _Rule("cannot be repaired", _DAMAGED),
    _Rule("checkinitialhashkv failed", _DAMAGED),
    _Rule("found data inconsistency with peers", _DAMAGED),
    _Rule("tls: ", "the certificates between members are wrong: see peer-transport-security"),
    _Rule("address already in use", "another process uses an address of the member", lasting=False),
    _Rule(
        "cannot assign requested address", "listen-peer-urls has an address that this machine has not", lasting=False
    ),
    _Rule("no space left on device", "the disk of the data directory is full", lasting=False),
    _Rule("disk quota exceeded", "the disk quota of this user is used up", lasting=False),
    _Rule("permission denied", "this user may not use a file or directory of the member", lasting=False),
    _Rule("read-only file system", "the data directory cannot be written", lasting=False),
    _Rule("input/output error", "the disk of the data directory fails", lasting=False),
)
_BAD_FLAGS = ("flag provided but not defined", "invalid value")
_FORGOTTEN = ("tocommit(", "is out of range [lastindex(")
_BAD_PAGE = ("sigbus", "invalid page type", "page already freed", "invalid freelist")


def diagnose(lines: Sequence[LogLine], output: str) -> Finding | None:
    """From the grave lines of one life and what it printed; None when they tell no reason that we know."""
    if any(tells_removal(line) for line in lines):
        return Finding(_REMOVED, lasting=True, removed=True)
    # What a long life complained of on its way is not why it ended.
    last = [line for line in lines if line.last or line.message in _LAST_WARNINGS]
    for rule in _RULES:
        for line in last:
            if rule.sign in str(line).lower():
                return Finding(
                    f"{rule.advice} ({line.error or line.message})", lasting=rule.lasting, lost=rule.advice is _LOST
                )
    return _of_output(output)


def tells_removal(line: LogLine) -> bool:
    """Whether the member ends because its cluster has let it go."""
    return line.message == _ENDED_BY_REMOVAL and "permanently removed" in line.error


def last_words(lines: Sequence[LogLine], output: str) -> str:
    """What to tell of an end that no rule knows."""
    errors = [line for line in lines if line.level == "error"] or [line for line in lines if line.grave]
    printed = output.strip().splitlines()
    return printed[0] if printed else str(errors[-1]) if errors else "it said nothing"


class Strangers:
    """Peers that take this member for one of another cluster. A healthy cluster knows one stranger, and goes on; a
    member that too many peers refuse can never find a majority, and etcd tries for ever.
    """

    def __init__(self, members: int) -> None:
        self._most = members - (members // 2 + 1)
        self._peers: dict[str, str] = {}
        self._own = ""

    def hear(self, line: LogLine) -> Finding | None:
        """A line of the log; a finding once no majority is left."""
        if not line.message.startswith("request sent was ignored") or "cluster ID mismatch" not in str(line):
            return None
        self._own = str(line.fields.get("local-member-cluster-id", ""))
        self._peers[str(line.fields.get("remote-peer-id", ""))] = str(line.fields.get("remote-peer-cluster-id", ""))
        return self._finding() if len(self._peers) > self._most else None

    def _finding(self) -> Finding:
        others = ", ".join(sorted(set(self._peers.values())))
        return Finding(
            f"this member is of cluster {self._own}, its peers are of cluster {others}: give all the same "
            "initial-cluster and initial-cluster-token before their first start; if this one has started before, move "
            "its data directory away; if it belonged to them and lost its directory, remove it and add it again",
            lasting=True,
        )


def _of_output(output: str) -> Finding | None:
    first = output.strip().partition("\n")[0]
    if first.startswith(_BAD_FLAGS):
        return Finding(f"{_REFUSED} ({first})", lasting=True)
    if all(sign in first.lower() for sign in _FORGOTTEN):
        return Finding(f"{_FORGOT} ({first})", lasting=True, lost=True)
    if any(sign in output.lower() for sign in _BAD_PAGE):
        return Finding(f"{_DAMAGED} ({first})", lasting=True)
    return None
