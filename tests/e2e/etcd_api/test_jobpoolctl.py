"""jobpoolctl prints what etcdctl prints, byte for byte, and ends as it does; at a jobpool port."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from jobpool.testing.etcd import EtcdMember
from tests.e2e.etcd_api.conftest import Served, start
from tests.e2e.etcd_api.etcdctl import WITHIN, Etcdctl
from tests.e2e.etcd_api.jobpoolctl import Jobpoolctl
from tests.e2e.jobpool_program import Jobpool

PREFIX = "/jobpool/v1/"
FORMATS = ("simple", "json", "fields")
MOVING = (
    (r'("\w*[Rr]evision"\s*:\s*)\d+', r"\1N"),
    (r'("version":|"(?:Prev)?Version" : )\d+', r"\1N"),
    (r"remaining\(\d+s\)|(\"ttl\":|\"TTL\" : )\d+", "left"),
    (r"\b[0-9a-f]{12,16}\b", "LEASE"),
    (r'("(?:ID|id|lease|Lease)"\s*:\s*)[1-9]\d{12,}', r"\1LEASE"),
)
TXN = 'mod("k/a") > "0"\nver("k/none") = "0"\n\nput k/t "a\\tb"\nget k/t\ndel k/t --prev-kv\n\nget k/a\n\n'


class Both(Struct):
    """Says the same to both, at one port."""

    etcdctl: Etcdctl
    jobpoolctl: Jobpoolctl
    server: Jobpool

    def same(self, *words: str, given: str = "") -> str:
        """What both print, but for what moves on by itself."""
        wanted, found = self.etcdctl.run(*words, given=given), self.jobpoolctl.run(*words, given=given)
        assert found.returncode == wanted.returncode, found.stderr
        assert still(found.stdout) == still(wanted.stdout)
        return found.stdout

    def same_bytes(self, *words: str) -> None:
        """What both print, of what does not move."""
        wanted, found = (
            subprocess.run([*ctl._words, *words], capture_output=True, env=ctl._environment, check=True).stdout
            for ctl in (self.etcdctl, self.jobpoolctl)
        )
        assert found == wanted


def still(text: str) -> str:
    for pattern, instead in MOVING:
        text = re.sub(pattern, instead, text)
    return text


@pytest.fixture
def both(own: Served, tmp_path: Path) -> Iterator[Both]:
    jobpoolctl = Jobpoolctl(own.server.url, tmp_path)
    own.etcdctl("put", "k/a", "1")
    own.etcdctl("put", "k/b", 'é"\\\x01<&>\nlast')
    yield Both(own.etcdctl, jobpoolctl, own.server)
    own.etcdctl("del", "", "--prefix")


def test_messages(both: Both) -> None:
    both.same_bytes("get", "k/", "--prefix", "-w", "protobuf")
    both.same_bytes("del", "none", "-w", "protobuf")
    both.same_bytes("role", "list", "-w", "protobuf")
    both.same_bytes("auth", "status", "-w", "protobuf")


@pytest.mark.parametrize("form", FORMATS)
def test_keys(both: Both, form: str) -> None:
    both.same("get", "k/a", "-w", form)
    both.same("get", "k/", "--prefix", "-w", form, "--sort-by", "MODIFY", "--order", "DESCEND")
    both.same("get", "k/b", "--keys-only", "-w", form)
    both.same("put", "k/a", "1", "--prev-kv", "-w", form)
    both.same("del", "k/none", "-w", form)
    both.same("txn", "-w", form, given=TXN)
    both.same("txn", "-w", form, given='val("k/a") = "2"\n\n\nget k/ --prefix\n\n')


def test_forms_of_keys_and_values(both: Both) -> None:
    both.same("get", "k/b", "--hex")
    both.same("get", "k/b", "--print-value-only")
    both.same("get", "", "--prefix", "--keys-only")
    both.same("get", "k/a", "k/z", "--count-only", "-w", "fields")
    both.same("put", "k/c", given="from\nstdin\n")
    both.same("get", "k/c")
    both.same("put", "k/c", "--ignore-value", "--prev-kv")
    both.same("txn", "-i", given=TXN)
    both.same("get", "k/a", "--rev", "999999")
    both.same("get", "")
    both.same("put", "k/a", "v", "--lease", "12")
    both.same("get")
    both.same("put", "k/a", "1", "-w", "table")
    both.same("get", "k/a", "--prefix", "--from-key")
    for given in ("foo\n\n\n\n", 'mod("a") > "x"\n\n\n\n', "\nfoo a\n\n\n", ""):
        both.same("txn", given=given)


@pytest.mark.parametrize("form", ["simple", "json", "fields"])
def test_leases(both: Both, form: str) -> None:
    # For longer than these tests last: none ends while two lists of leases are compared.
    both.same("lease", "grant", "3000", "-w", form)
    lease = both.etcdctl("lease", "grant", "3000").split()[1]
    both.same("put", "k/leased", "1", "--lease", lease)
    both.same("get", "k/leased", "-w", form)
    both.same("lease", "timetolive", lease, "--keys", "-w", form)
    both.same("lease", "keep-alive", "--once", lease, "-w", form)
    both.same("lease", "list", "-w", form)
    both.jobpoolctl("lease", "revoke", lease)
    both.same("lease", "revoke", lease)
    both.same("lease", "timetolive", lease, "-w", form)
    both.same("lease", "keep-alive", lease)


def watched(ctl: Etcdctl, *words: str, lines: int) -> str:
    """The first lines of a watch, which is ended then."""
    watch = ctl.start("watch", *words)
    assert watch.stdout is not None
    try:
        return "".join(watch.stdout.readline() for _ in range(lines))
    finally:
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=WITHIN)


@pytest.mark.parametrize(("form", "lines"), [("simple", 12), ("json", 1), ("fields", 24)])
def test_watches(both: Both, form: str, lines: int) -> None:
    revision = str(both.etcdctl.json("put", "k/a", "2")["header"]["revision"])
    both.etcdctl("del", "k/a")
    both.etcdctl("put", "other", "1")
    words = ("k/", "--prefix", "--prev-kv", "--rev", revision, "-w", form)
    both.etcdctl("put", "k/a", "3")
    wanted = watched(both.etcdctl, *words, lines=lines)
    assert still(watched(both.jobpoolctl, *words, lines=lines)) == still(wanted)


def test_a_watch_runs_a_command_for_each_event(both: Both) -> None:
    revision = str(both.etcdctl.json("put", "k/a", "a\nb")["header"]["revision"])
    words = ("k/a", "--rev", revision, "--", "sh", "-c", "env | grep ETCD_WATCH_[EKV] | sort; echo $0", "done")
    wanted = watched(both.etcdctl, *words, lines=8)
    assert watched(both.jobpoolctl, *words, lines=8) == wanted
    both.same("watch", "k/a", "--rev", revision, "--", "false")


def test_watches_are_said_by_lines(both: Both) -> None:
    revision = both.etcdctl.json("put", "k/a", "first")["header"]["revision"]
    given = f"watch k/a --rev {revision}\nwatch k/b --prefix --rev {revision + 1} -- echo ran\nnonsense\n\nwatch\n"
    program = [*both.jobpoolctl._words, "watch", "-i"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        program, env=both.jobpoolctl._environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        try:
            running.stdin.write(given)
            running.stdin.flush()
            assert [running.stdout.readline() for _ in range(3)] == ["PUT\n", "k/a\n", "first\n"]
            both.etcdctl("put", "k/b", "second")
            assert [running.stdout.readline() for _ in range(4)] == ["PUT\n", "k/b\n", "second\n", "ran\n"]
            running.stdin.write("progress\n")
            running.stdin.flush()
            notified = [running.stdout.readline() for _ in range(2)]
            assert all(re.fullmatch(r"progress notify: \d+\n", line) for line in notified), notified
            rest, err = running.communicate(timeout=WITHIN)
        finally:
            running.kill()
    assert (running.returncode, rest) == (3, "")
    assert err.count("Invalid command") == 3


def test_what_is_compacted_is_told(both: Both) -> None:
    revision = both.etcdctl.json("put", "k/a", "1")["header"]["revision"]
    assert both.jobpoolctl("compaction", str(revision), "--physical") == f"compacted revision {revision}"
    both.same("compaction", str(revision))
    both.same("watch", "k/a", "--rev", "1")
    both.same("get", "k/a", "--rev", "1")


def test_locks(both: Both) -> None:
    both.same("lock", "m", "echo", "held")
    both.same("lock", "m", "--", "sh", "-c", "env | grep ETCD_LOCK_KEY; exit 7")
    both.same("lock", "m", "/no/such/program")
    both.same("lock", "m", "--", "sh", "-c", "kill -9 $$")
    first = both.jobpoolctl.start("lock", "m")
    assert first.stdout is not None
    key = first.stdout.readline().strip()
    assert key.startswith("m/")
    waiting = both.etcdctl.start("lock", "m", "echo", "after")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=WITHIN)
    assert first.returncode == 0
    assert waiting.communicate(timeout=WITHIN)[0] == "after\n"
    assert both.etcdctl("get", key) == ""


def test_a_lock_that_is_waited_for_can_be_given_up(both: Both) -> None:
    holder = both.etcdctl.start("lock", "m")
    assert holder.stdout is not None
    holder.stdout.readline()
    leases = both.etcdctl("lease", "list")
    waiting = both.jobpoolctl.start("lock", "m", "--", "echo", "never")
    while both.etcdctl("get", "m/", "--prefix", "--keys-only").count("m/") < 2:
        time.sleep(0.1)
    waiting.send_signal(signal.SIGINT)
    assert waiting.communicate(timeout=WITHIN)[0] == ""
    assert waiting.returncode == 5
    assert both.etcdctl("lease", "list") == leases
    holder.send_signal(signal.SIGINT)
    holder.communicate(timeout=WITHIN)


def test_a_command_under_a_lock_is_told_to_end(both: Both) -> None:
    words = ("sh", "-c", "trap 'echo told; exit 9' TERM; echo runs; while :; do sleep 0.1; done")
    running = both.jobpoolctl.start("lock", "m", "--", *words)
    assert running.stdout is not None
    assert running.stdout.readline() == "runs\n"
    running.send_signal(signal.SIGTERM)
    assert running.communicate(timeout=WITHIN)[0] == "told\n"
    assert running.returncode == 9
    assert both.etcdctl("get", "m/", "--prefix") == ""


def test_elections(both: Both) -> None:
    campaign = both.jobpoolctl.start("elect", "chair", "me")
    assert campaign.stdout is not None
    key, value = campaign.stdout.readline(), campaign.stdout.readline()
    assert (key[:6], value) == ("chair/", "me\n")
    listening = both.jobpoolctl.start("elect", "-l", "chair", "-w", "json")
    asked = both.etcdctl.start("elect", "-l", "chair", "-w", "json")
    assert listening.stdout is not None
    assert asked.stdout is not None
    assert still(listening.stdout.readline()) == still(asked.stdout.readline())
    for one in (listening, asked, campaign):
        one.send_signal(signal.SIGINT)
        one.communicate(timeout=WITHIN)
    assert campaign.returncode == 0
    assert both.etcdctl("get", key.strip()) == ""


@pytest.mark.parametrize(
    "words",
    [
        ("get", f"{PREFIX}fence"),
        ("put", f"{PREFIX}mine", "x"),
        ("del", PREFIX, "--prefix"),
        ("lock", "/jobpool/v1", "true"),
        ("elect", "/jobpool/v1", "me"),
        ("auth", "enable"),
        ("role", "delete", "root"),
    ],
)
def test_what_is_refused_is_one_line(both: Both, words: tuple[str, ...]) -> None:
    done = both.jobpoolctl.run(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: etcdserver: .+\n", done.stderr), done.stderr


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ((), "this server has the embedded engine: calls to etcd need the etcd engine"),
        (("--enable-etcd-api", "false"), "this server does not answer for its etcd: `enable-etcd-api` is false"),
    ],
)
def test_without_an_etcd_it_is_said_why(tmp_path: Path, flags: tuple[str, ...], why: str) -> None:
    server = start(tmp_path, *flags)
    try:
        ctl = Jobpoolctl(server.url, tmp_path, "me:secret" if not flags else "")
        for words in (("put", "a", "b"), ("watch", "a"), ("lock", "m", "true"), ("user", "list"), ("lease", "list")):
            done = ctl.run(*words)
            assert (done.returncode, done.stdout) == (1, ""), words
            assert re.fullmatch(rf"Error: [\w.]+/\w+: {re.escape(why)}\n", done.stderr), done.stderr
    finally:
        server.close()


def test_a_watch_of_what_is_ours_is_refused(both: Both) -> None:
    done = both.jobpoolctl.run("watch", f"{PREFIX}fence")
    assert (done.returncode, done.stdout) == (5, "")
    assert "permission denied" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_mirror(both: Both, tmp_path: Path) -> None:
    there = EtcdMember(tmp_path / "there")
    there.start()
    try:
        sink = Etcdctl(there.endpoint, tmp_path)
        mirror = both.jobpoolctl.start("make-mirror", there.address, "--prefix", "k/", "--dest-prefix", "m/")
        try:
            copied = 'é"\\\x01<&>\nlast'
            both.server.wait(lambda: sink("get", "m/b", "--print-value-only") == copied, "and a key to be copied")
            both.etcdctl("txn", given="\nput k/x 1\ndel k/a\n\n\n")
            both.server.wait(lambda: sink("get", "m/x", "--print-value-only") == "1", "and a change to be copied")
            assert sink("get", "", "--prefix", "--keys-only").split() == ["m/b", "m/x"]
        finally:
            mirror.send_signal(signal.SIGINT)
            mirror.communicate(timeout=WITHIN)
    finally:
        there.kill()


def test_defragmentations(both: Both) -> None:
    assert "Finished defragmenting etcd member" in both.etcdctl("defrag")
    for words in (("defrag",), ("defrag", "--cluster")):
        assert " → " in both.jobpoolctl(*words)
    assert both.jobpoolctl("get", "k/a") == "k/a\n1"


def test_users_and_roles(apart: Served, tmp_path: Path) -> None:
    both = Both(apart.etcdctl, Jobpoolctl(apart.server.url, tmp_path), apart.server)
    one, other = both.jobpoolctl, both.etcdctl
    assert one("role", "add", "r") == "Role r created"
    assert one("role", "grant-permission", "r", "read", "a") == "Role r updated"
    assert one("role", "grant-permission", "r", "readwrite", "b", "c") == "Role r updated"
    assert one("role", "grant-permission", "r", "write", "p/", "--prefix") == "Role r updated"
    assert one("role", "grant-permission", "r", "readwrite", "z", "--from-key") == "Role r updated"
    for form in FORMATS:
        both.same("role", "get", "r", "-w", form)
        both.same("role", "list", "-w", form)
        both.same("auth", "status", "-w", form) if form != "fields" else None
    assert one("user", "add", "u:pw") == "User u created"
    assert one("user", "add", "v", "--interactive=false", given="pw\n") == "User v created"
    assert one("user", "grant-role", "u", "r") == "Role r is granted to user u"
    both.same("user", "get", "u")
    both.same("user", "get", "u", "--detail", "-w", "json")
    both.same("user", "list", "-w", "json")
    for words in (("role", "add", "r"), ("user", "add", "u:x"), ("user", "get", "nobody"), ("role", "get", "none")):
        both.same(*words)
    assert one("user", "passwd", "v", "--interactive=false", given="other\n") == "Password updated"
    assert one("role", "revoke-permission", "r", "p/", "--prefix") == (
        "Permission of range [p/, p0) is revoked from role r"
    )
    one("user", "add", "root:pass")
    one("user", "grant-role", "root", "root")
    assert one("auth", "enable") == "Authentication Enabled"
    root, ordinary = one.as_user("root:pass"), one.as_user("u:pw")
    assert root("auth", "status").splitlines()[0] == "Authentication Status: true"
    assert root("put", "b", "1") == "OK"
    assert ordinary("get", "b") == "b\n1"
    for done in (ordinary.run("put", "x", "1"), one.run("get", "b"), one.as_user("u:bad").run("get", "b")):
        assert done.returncode == 1
        assert re.fullmatch(r"Error: etcdserver: .+\n", done.stderr), done.stderr
    assert other.as_user("v:other").run("get", "b").returncode == 1
    assert root("auth", "disable") == "Authentication Disabled"
    assert one("user", "revoke-role", "u", "r") == "Role r is revoked from user u"
    assert one("user", "delete", "u") == "User u deleted"
    assert one("role", "delete", "r") == "Role r deleted"
