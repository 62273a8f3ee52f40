"""`jobpoolctl --compat` says of servers and members what etcdctl says, at one port."""

import json
import re
from pathlib import Path

import pytest
from msgspec import Struct

from tests.e2e.etcd_api.conftest import Served
from tests.e2e.etcd_api.etcdctl import Etcdctl
from tests.e2e.etcd_api.jobpoolctl import Jobpoolctl

MOVING = (
    (r"[\d.]+ [kM]B|\d+ B", "SIZE"),  # of the database
    (r"[\d.]+(ms|µs|s)\b", "TOOK"),
    (r"-+", "-"),  # as wide as those are
    (r" +", " "),
)
LINES = str.maketrans("─│┌┬┐├┼┤└┴┘", "-|+++++++++")
"""Newer etcdctls draw lines where that of the original has ASCII."""
COUNTS = ("dbSize", "dbSizeInUse", "raftIndex", "raftAppliedIndex")


class Both(Struct):
    """Says the same to both, at one port."""

    etcdctl: Etcdctl
    jobpoolctl: Jobpoolctl

    def say(self, *words: str) -> tuple[str, str]:
        wanted, found = self.etcdctl.run(*words), self.jobpoolctl.run("--compat", *words)
        assert (found.returncode, wanted.returncode) == (0, 0), (wanted.stderr, found.stderr)
        return wanted.stdout.translate(LINES), found.stdout


@pytest.fixture
def both(own: Served, tmp_path: Path) -> Both:
    return Both(own.etcdctl, Jobpoolctl(own.server.url, tmp_path))


@pytest.mark.parametrize("form", ["simple", "table"])
def test_members(both: Both, form: str) -> None:
    wanted, found = both.say("member", "list", "-w", form)
    assert found == wanted


def test_members_as_json(both: Both) -> None:
    wanted, found = both.say("member", "list", "-w", "json")
    assert json.loads(found)["members"] == json.loads(wanted)["members"]


@pytest.mark.parametrize("form", ["simple", "table"])
def test_status(both: Both, form: str) -> None:
    wanted, found = both.say("endpoint", "status", "-w", form)
    assert still(found) == still(wanted)


def test_status_as_json(both: Both) -> None:
    wanted, found = (json.loads(text)[0] for text in both.say("endpoint", "status", "-w", "json"))
    assert found["Endpoint"] == wanted["Endpoint"]
    for name in COUNTS:
        assert found["Status"].pop(name) > 0
        assert wanted["Status"].pop(name) > 0
    assert found["Status"].pop("header")["member_id"] == wanted["Status"].pop("header")["member_id"]
    assert found["Status"] == wanted["Status"]


@pytest.mark.parametrize("form", ["simple", "table", "json"])
def test_health(both: Both, form: str) -> None:
    wanted, found = both.say("endpoint", "health", "-w", form)
    assert still(found) == still(wanted)


@pytest.mark.parametrize("form", ["simple", "table"])
def test_hashes(both: Both, form: str) -> None:
    """Both say one, though not of one moment."""
    wanted, found = (
        re.sub(r"(?<=[ ,])\d+(?= |$)", "HASH", still(text)) for text in both.say("endpoint", "hashkv", "-w", form)
    )
    assert "HASH" in wanted
    assert found == wanted


def still(text: str) -> str:
    """Without what moves on by itself."""
    text = re.sub(r"(, \d+, )\d+, \d+, ", r"\1INDEX, INDEX, ", text)  # the log goes on
    text = re.sub(r"(\| +\d+ \| +)\d+( \| +)\d+( \| +\|)", r"\1INDEX\2INDEX\3", text)
    for pattern, instead in MOVING:
        text = re.sub(pattern, instead, text)
    return text
