"""The Dockerfile copies what exists, installs what pyproject.toml needs, and starts our programs; its probe asks."""

import json
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from jobpool.store.engines.etcd.versions import judge_version
from tests.unit.deploy.deployed import DEPLOY, PROGRAMS, ROOT, in_compose

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
PROBE = DEPLOY / "probe.py"


def instructions(kind: str) -> list[str]:
    """The arguments of every instruction of a kind, on one line each."""
    kept = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    lines = re.sub(r"\\\n\s*", " ", kept).splitlines()
    return [line.split(None, 1)[1] for line in lines if line.split(None, 1)[:1] == [kind]]


def copied() -> list[str]:
    """What is copied from the checkout."""
    found = [shlex.split(line) for line in instructions("COPY") if "--from=" not in line]
    return [word for words in found for word in words[:-1] if not word.startswith("--")]


def test_what_is_copied_exists_and_is_sent() -> None:
    sent = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in sent
    for source in copied():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in sent
    assert {line[1:] for line in sent if line.startswith("!")} == set(copied())


def test_the_package_can_be_built_from_what_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    packages = {path.split("/")[0] for path in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    assert needed | packages <= set(copied())


def test_stages_are_there() -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert re.findall(r"--from=(\S+)", DOCKERFILE) == stages
    assert len(instructions("FROM")) == len(stages) + 1


def test_python_and_etcd_are_those_that_we_need() -> None:
    defaults = dict(line.split("=", 1) for line in instructions("ARG"))
    assert defaults["PYTHON_IMAGE"].startswith("python:3.11-slim")
    verdict = judge_version(defaults["ETCD_IMAGE"].rpartition(":v")[2])
    assert (verdict.refusal, verdict.warning) == ("", "")


def test_it_runs_our_programs_below_an_init() -> None:
    (entry,) = instructions("ENTRYPOINT")
    (command,) = instructions("CMD")
    assert json.loads(entry) == ["tini", "--"]
    assert json.loads(command)[0] in PROGRAMS
    (user,) = instructions("USER")
    assert all(int(part) >= 1000 for part in user.split(":"))
    proof = next(line for line in instructions("RUN") if "etcd --version" in line)
    assert {words.split()[0] for words in proof.split("&&")} == {"etcd", *PROGRAMS}
    assert {started.words[0] for started in in_compose().values()} <= PROGRAMS


# ---- the probe


class Answers(BaseHTTPRequestHandler):
    """200 for /fine, 503 with a reason for /ill, and nothing but a closed connection for all else."""

    def do_GET(self) -> None:
        if self.path in ("/fine", "/ill"):
            self.send_response(200 if self.path == "/fine" else 503)
            self.end_headers()
            self.wfile.write(b"NO LEADER")

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answers) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def probe(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-I", "-S", str(PROBE), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


def test_the_probe_is_silent_when_all_is_well(server: str) -> None:
    assert probe(f"{server}/fine") == (0, "")


def test_the_probe_tells_why_not(server: str) -> None:
    assert probe(f"{server}/ill") == (1, f"{server}/ill: 503 NO LEADER\n")
    code, told = probe(f"{server}/gone")
    assert code == 1
    assert "RemoteDisconnected" in told


def test_the_probe_fails_where_nobody_listens() -> None:
    code, told = probe("http://127.0.0.1:1/readyz")
    assert code == 1
    assert "ConnectionRefusedError" in told


@pytest.mark.parametrize(
    "arguments", [(), ("a", "b"), ("https://127.0.0.1:1/x",), ("http://127.0.0.1/x",), ("http://127.0.0.1:1",), ("x",)]
)
def test_the_probe_refuses_what_is_no_url(arguments: tuple[str, ...]) -> None:
    code, told = probe(*arguments)
    assert code == 2
    assert "wanted" in told
