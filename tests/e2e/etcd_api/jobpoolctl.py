"""jobpoolctl where etcdctl could stand."""

import os
import sys
from pathlib import Path

import jobpool
from tests.e2e.etcd_api.etcdctl import Etcdctl


class Jobpoolctl(Etcdctl):
    """Runs from the source."""

    def __init__(self, endpoint: str, directory: Path, user: str = "") -> None:
        super().__init__(endpoint, directory, user)
        program = [sys.executable, "-m", "jobpool.cli.ctl"]
        self._words = [*program, "--endpoints", endpoint, *(["--user", user] if user else [])]
        self._environment = {"PATH": os.defpath, "PYTHONPATH": str(Path(jobpool.__file__).parents[1])}

    def as_user(self, user: str) -> "Jobpoolctl":
        return Jobpoolctl(self._endpoint, self._directory, user)
