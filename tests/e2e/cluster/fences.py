"""Every commit as etcd itself tells it, by etcd's own program: numbers that grow by one, terms that never fall."""

import base64
import json
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from jobpool.testing.etcd import etcd_binary
from tests.e2e.oracle.processes import environment

_KEY = "/jobpool/v1/fence"


class Fences:
    """Follows from its making to `close`; what was seen is in `path`, and beside it what etcdctl had to say."""

    def __init__(self, path: Path, endpoints: Sequence[str]) -> None:
        self._path = path
        etcd = etcd_binary()
        assert etcd is not None
        words = [str(etcd.with_name("etcdctl")), f"--endpoints={','.join(endpoints)}", "-w", "json", "watch", _KEY]
        with path.open("wb") as out, path.with_suffix(".log").open("wb") as said:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=said, env=environment() | {"ETCDCTL_API": "3"}
            )

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def seen(self) -> list[tuple[int, int]]:
        """(term, n) of every commit, in etcd's order."""
        events = [event for line in self._path.read_text().splitlines() if line for event in json.loads(line)["Events"]]
        return [_fence(base64.b64decode(event["kv"]["value"])) for event in events]


def stale(seen: Sequence[tuple[int, int]]) -> list[str]:
    """Commits that do not follow from the one before."""
    return [
        f"commit {now} follows {before}"
        for before, now in pairwise(seen)
        if now[1] != before[1] + 1 or now[0] < before[0]
    ]


def _fence(value: bytes) -> tuple[int, int]:
    """After the version: [incarnation, term, n, batch]."""
    _, term, n, _ = msgspec.msgpack.decode(value[1:])
    return term, n
