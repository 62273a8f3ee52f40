"""The real etcdctl against a port."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from jobpool.testing.etcd import etcd_binary

WITHIN = 30.0
"""Seconds for one command, or for the end of one that was told to end."""


def binary() -> str | None:
    """The etcdctl beside the etcd that is tested with, else the one on PATH."""
    etcd = etcd_binary()
    beside = etcd.parent / "etcdctl" if etcd is not None else None
    return str(beside) if beside is not None and beside.exists() else shutil.which("etcdctl")


class Etcdctl:
    """`user` is `name:password`. `directory` is where it runs."""

    def __init__(self, endpoint: str, directory: Path, user: str = "") -> None:
        self._words = [binary() or "etcdctl", "--endpoints", endpoint, *(["--user", user] if user else [])]
        self._endpoint = endpoint
        self._directory = directory
        self._environment = {"PATH": os.defpath}

    def as_user(self, user: str) -> "Etcdctl":
        return Etcdctl(self._endpoint, self._directory, user)

    def run(self, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._words, *words],
            input=given,
            text=True,
            capture_output=True,
            timeout=WITHIN,
            cwd=self._directory,
            env=self._environment,
            check=False,
        )

    def __call__(self, *words: str, given: str = "") -> str:
        """What it prints, without the last line's end. Fails when it does."""
        done = self.run(*words, given=given)
        assert done.returncode == 0, f"etcdctl {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout.rstrip("\n")

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "-w", "json"))

    def refused(self, *words: str, given: str = "") -> str:
        """What it says when it fails. Fails when it does not."""
        done = self.run(*words, given=given)
        assert done.returncode != 0, f"etcdctl {' '.join(words)} was not refused: {done.stdout}"
        return done.stderr

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """One that goes on; whoever starts it ends it."""
        return subprocess.Popen(
            [*self._words, *words], stdout=subprocess.PIPE, text=True, cwd=self._directory, env=self._environment
        )
