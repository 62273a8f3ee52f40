"""Who the agent is: a node id and a secret in its data directory, kept for ever and for one process at a time.

Beside them is the cluster that it belongs to. An agent that went from one cluster to another while its own is away
would be told there to drop what it runs, and nobody would ever hear how that ended.
"""

import asyncio
import fcntl
import os
import re
from pathlib import Path

from msgspec import Struct

from jobpool.kit.effects.clock import Clock
from jobpool.kit.effects.dice import Dice, new_secret
from jobpool.kit.effects.files import replace_durably
from jobpool.model.errors import FailedPrecondition

_LOCK = "lock"
_NODE_ID = "client-id"
_SECRET = "secret-id"  # noqa: S105 — a file's name
_CLUSTER = "cluster-id"
_WORD = re.compile(r"[!-~]{1,256}")
_CLUSTER_ID = re.compile(r"[0-9a-f]{1,16}")


class Identity(Struct, frozen=True):
    node_id: str
    secret: str


class DataDir:
    """The agent's directory (mode 0700), locked while it is open; the lock dies with the process.

    Raises FailedPrecondition when another process holds it or it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (path / "runs").mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FailedPrecondition(f"cannot use the data directory {path}: {error}", field="data-dir") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise FailedPrecondition(
                f"another agent uses the data directory {path}; give this one its own by --data-dir or --name",
                field="data-dir",
            ) from error

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def journal(self) -> Path:
        return self.path / "journal.db"

    @property
    def lease(self) -> Path:
        return self.path / "lease"

    def identity(self, clock: Clock, dice: Dice) -> Identity:
        """The one of the first start. The id's letters keep their case."""
        node_id = _kept(self.path / _NODE_ID, dice.ulid(clock.now()))
        return Identity(node_id, _kept(self.path / _SECRET, new_secret()))

    def cluster(self) -> int:
        """The id of the cluster that this agent belongs to; 0 = none yet. Raises FailedPrecondition."""
        path = self.path / _CLUSTER
        try:
            text = path.read_text(errors="replace").strip() if path.exists() else ""
        except OSError as error:
            raise FailedPrecondition(f"cannot read {path}: {error}", field="data-dir") from error
        if text and not _CLUSTER_ID.fullmatch(text):
            raise FailedPrecondition(
                f"{path} is damaged: wanted the id of a cluster in hex, found {text[:32]!r}; restore it, or remove "
                "it to let this agent join the first cluster that takes it",
                field="data-dir",
            )
        return int(text or "0", 16)

    def belong_to(self, cluster: int) -> None:
        """From now on, until its file is removed. Raises OSError."""
        replace_durably(self.path / _CLUSTER, f"{cluster:x}\n".encode())

    def close(self) -> None:
        os.close(self._lock)


class Belonging:
    """The cluster of this agent: the first that welcomes it, then that one only. 0 = none yet."""

    def __init__(self, data: DataDir) -> None:
        self._data = data
        self.cluster = data.cluster()

    async def accept(self, cluster: int) -> str:
        """Why this agent does not join; empty when it does. 0 is a server that does not tell. Raises OSError."""
        if not cluster or cluster == self.cluster:
            return ""
        if self.cluster:
            return (
                f"the server is of cluster {cluster:x}, this agent of {self.cluster:x}: take the server out of "
                "advertise-server-urls; to move the agent, stop it once it is idle and remove "
                f"{self._data.path / _CLUSTER}"
            )
        await asyncio.to_thread(self._data.belong_to, cluster)
        self.cluster = cluster
        return ""


def _kept(path: Path, fresh: str) -> str:
    """The file's text; when there is none, `fresh`, which is written there. Raises FailedPrecondition."""
    try:
        text = path.read_text(errors="replace").strip() if path.exists() else ""
        if not text:
            replace_durably(path, fresh.encode())
    except OSError as error:
        raise FailedPrecondition(f"cannot keep the agent's identity in {path}: {error}", field="data-dir") from error
    if text and not _WORD.fullmatch(text):
        raise FailedPrecondition(
            f"{path} is damaged: wanted up to 256 printable ASCII characters, found others; restore it, or remove the "
            f"files {_NODE_ID} and {_SECRET} to register a new node",  # without the text: it may be most of a secret
            field="data-dir",
        )
    return text or fresh
