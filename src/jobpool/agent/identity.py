"""Who the agent is: a node id and a secret in its data directory, kept for ever and for one process at a time."""

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
_WORD = re.compile(r"[!-~]{1,256}")


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

    def close(self) -> None:
        os.close(self._lock)


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
